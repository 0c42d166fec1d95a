#include "models/phi3v/prompt.h"

#include <fmt/format.h>

#include <optional>

#include "models/blocks/prompt_writer.h"

namespace oc {
namespace {

std::string_view role_token(Role role) {
  switch (role) {
    case Role::kSystem:
      return "<|system|>";
    case Role::kUser:
      return "<|user|>";
    case Role::kAssistant:
      return "<|assistant|>";
  }
  return "<|user|>";
}

// The picture's rows, and BOS again behind them.
void write_image(PromptWriter& writer, TokenId bos, std::span<const ImagePlan> images,
                 std::size_t index) {
  writer.image_rows(index, 0, images[index].tokens);
  writer.token(bos);
}

Result<void> write_content(PromptWriter& writer, TokenId bos, std::span<const ImagePlan> images,
                           const Message& message, bool keep_order, ShownImages& shown) {
  bool open_line = false;  // text since the last newline of ours: the next part begins a line
  for (const Part* part : ordered_parts(message, keep_order)) {
    if (open_line) writer.text("\n");
    open_line = false;
    if (const auto* text = std::get_if<TextPart>(part)) {
      writer.text(text->text);
      open_line = true;
      continue;
    }
    const auto* image = std::get_if<ImagePart>(part);
    if (image == nullptr) return no_frames("phi3_v");
    OC_ASSIGN_OR_RETURN(const std::size_t index, shown.show(*image, message.role));
    write_image(writer, bos, images, index);
    writer.text("\n");
  }
  return {};
}

Result<void> write_turns(const Tokenizer& tokenizer, TokenId bos, std::span<const Message> messages,
                         std::span<const ImagePlan> images, const PromptOptions& options,
                         Prompt& prompt) {
  PromptWriter writer(tokenizer, images, options.room);
  writer.token(bos);
  ShownImages shown(images.size());
  for (const Message& message : messages) {
    OC_RETURN_IF_ERROR(writer.control(role_token(message.role)));
    writer.text("\n");
    OC_RETURN_IF_ERROR(write_content(writer, bos, images, message, options.keep_order, shown));
    OC_RETURN_IF_ERROR(writer.control("<|end|>"));
    writer.text("\n");
  }
  if (messages.back().role != Role::kAssistant) {
    OC_RETURN_IF_ERROR(writer.control("<|assistant|>"));
    writer.text("\n");
  }
  OC_RETURN_IF_ERROR(shown.check_all());
  writer.take(prompt);
  return {};
}

// The reference's own rule on one big string: split at the tags, tokenise the pieces.
Result<void> write_trusted(const Tokenizer& tokenizer, TokenId bos,
                           std::span<const Message> messages, std::span<const ImagePlan> images,
                           Prompt& out) {
  std::string prompt;
  for (const Message& message : messages) {
    prompt += fmt::format("{}\n", role_token(message.role));
    for (const Part& part : message.parts) {
      const auto* text = std::get_if<TextPart>(&part);
      if (text == nullptr) return wrong_messages("trusted text shows pictures by tags");
      prompt += text->text;
    }
    prompt += "<|end|>\n";
  }
  if (messages.back().role != Role::kAssistant) prompt += "<|assistant|>\n";

  PromptWriter writer(tokenizer, images, PromptOptions().room);
  writer.token(bos);
  if (images.empty()) {
    writer.trusted(prompt);
    writer.take(out);
    return {};
  }
  const std::vector<ImageTag> tags = find_image_tags(prompt);
  OC_RETURN_IF_ERROR(check_image_tags(tags, images.size()));
  std::size_t at = 0;
  for (const ImageTag& tag : tags) {
    writer.trusted(std::string_view(prompt).substr(at, tag.begin - at));
    write_image(writer, bos, images, tag.number - 1);
    at = tag.end;
  }
  writer.trusted(std::string_view(prompt).substr(at));
  writer.take(out);
  return {};
}

}  // namespace

Result<Prompt> build_phi3v_prompt(const Tokenizer& tokenizer, std::span<const Message> messages,
                                  std::span<const ImagePlan> images, const PromptOptions& options) {
  if (messages.empty())
    return wrong_messages("there is no message", "send at least one user message");
  const std::optional<TokenId> bos = tokenizer.bos();
  if (!bos)
    return Error{ErrorCode::kCorrupt, "tokenizer.json puts no token in front of a text",
                 "use the tokenizer that belongs to the model"};
  Prompt prompt;
  prompt.images.assign(images.begin(), images.end());
  OC_RETURN_IF_ERROR(options.trusted_text
                         ? write_trusted(tokenizer, *bos, messages, images, prompt)
                         : write_turns(tokenizer, *bos, messages, images, options, prompt));
  return prompt;
}

std::vector<TokenId> phi3v_stop_ids(const Tokenizer& tokenizer) {
  std::vector<TokenId> ids;
  for (const std::string_view content : {"<|end|>", "<|endoftext|>", "</s>"})
    if (const auto id = tokenizer.id_of(content)) ids.push_back(*id);
  return ids;
}

}  // namespace oc
