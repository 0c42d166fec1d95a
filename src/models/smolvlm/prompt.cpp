#include "models/smolvlm/prompt.h"

#include <fmt/format.h>

#include "models/blocks/prompt_writer.h"
#include "models/smolvlm/frames.h"
#include "models/smolvlm/plan.h"

namespace oc {
namespace {

constexpr std::string_view kStart = "<|im_start|>", kEnd = "<end_of_utterance>";
constexpr std::string_view kFake = "<fake_token_around_image>", kGlobal = "<global-img>";

std::string_view role_text(Role role) {
  switch (role) {
    case Role::kSystem:
      return "System:";
    case Role::kUser:
      return "User:";
    case Role::kAssistant:
      return "Assistant:";
  }
  return "User:";
}

// (processing_smolvlm.py, get_image_prompt_string)
Result<void> write_image(PromptWriter& writer, int view_tokens, std::span<const ImagePlan> images,
                         std::size_t index) {
  const TilePlan tiles = smolvlm_tile_plan(images[index]);
  int next = 0;
  const auto view = [&](std::string_view marker) -> Result<void> {
    OC_RETURN_IF_ERROR(writer.control(kFake));
    OC_RETURN_IF_ERROR(writer.control(marker));
    writer.image_rows(index, next, view_tokens);
    next += view_tokens;
    return {};
  };
  for (int row = 1; row <= tiles.rows; ++row) {
    for (int col = 1; col <= tiles.cols; ++col)
      OC_RETURN_IF_ERROR(view(fmt::format("<row_{}_col_{}>", row, col)));
    writer.text("\n");
  }
  if (tiles.rows > 0) writer.text("\n");
  OC_RETURN_IF_ERROR(view(kGlobal));
  OC_CHECK(next == images[index].tokens, "{} rows of a picture, {} planned", next,
           images[index].tokens);
  return writer.control(kFake);
}

// (processing_smolvlm.py, expand_text_with_video_tokens)
Result<void> write_frames(PromptWriter& writer, int view_tokens, std::span<const ImagePlan> images,
                          const FramesPart& frames, Role role, ShownImages& shown) {
  writer.text(smolvlm_video_intro(frames.count, frames.fps));
  for (int i = 0; i < frames.count; ++i) {
    OC_ASSIGN_OR_RETURN(const std::size_t index, shown.show({frames.first + i}, role));
    writer.text(smolvlm_frame_heading(i, frames.fps));
    OC_RETURN_IF_ERROR(write_image(writer, view_tokens, images, index));
  }
  writer.text(kSmolVlmBehindVideo);
  return {};
}

bool is_empty_text(const Part& part) {
  const auto* text = std::get_if<TextPart>(&part);
  return text != nullptr && text->text.empty();
}

Result<void> write_turns(PromptWriter& writer, int view_tokens, std::span<const Message> messages,
                         std::span<const ImagePlan> images, const PromptOptions& options) {
  OC_RETURN_IF_ERROR(writer.control(kStart));
  ShownImages shown(images.size());
  for (const Message& message : messages) {
    std::vector<const Part*> parts = ordered_parts(message, options.keep_order);
    std::erase_if(parts, [](const Part* part) { return is_empty_text(*part); });
    writer.text(role_text(message.role));
    if (parts.empty() || !std::holds_alternative<ImagePart>(*parts[0])) writer.text(" ");
    for (const Part* part : parts) {
      if (const auto* text = std::get_if<TextPart>(part)) {
        writer.text(text->text);
        continue;
      }
      if (const auto* frames = std::get_if<FramesPart>(part)) {
        OC_RETURN_IF_ERROR(write_frames(writer, view_tokens, images, *frames, message.role, shown));
        continue;
      }
      OC_ASSIGN_OR_RETURN(const std::size_t index,
                          shown.show(std::get<ImagePart>(*part), message.role));
      OC_RETURN_IF_ERROR(write_image(writer, view_tokens, images, index));
    }
    OC_RETURN_IF_ERROR(writer.control(kEnd));
    writer.text("\n");
  }
  if (messages.back().role != Role::kAssistant) writer.text(role_text(Role::kAssistant));
  return shown.check_all();
}

// The reference's own rule on one big string: the template, then pictures in place of their tags.
Result<void> write_trusted(PromptWriter& writer, int view_tokens, std::span<const Message> messages,
                           std::span<const ImagePlan> images) {
  std::string prompt(kStart);
  for (const Message& message : messages) {
    std::string content;
    for (const Part& part : message.parts) {
      const auto* text = std::get_if<TextPart>(&part);
      if (text == nullptr) return wrong_messages("trusted text shows pictures by tags");
      content += text->text;
    }
    const std::vector<ImageTag> tags = find_image_tags(content);
    const bool picture_first = !tags.empty() && tags[0].begin == 0;
    prompt +=
        fmt::format("{}{}{}{}\n", role_text(message.role), picture_first ? "" : " ", content, kEnd);
  }
  if (messages.back().role != Role::kAssistant) prompt += role_text(Role::kAssistant);
  const std::vector<ImageTag> tags = find_image_tags(prompt);
  OC_RETURN_IF_ERROR(check_image_tags(tags, images.size()));
  std::size_t at = 0;
  for (const ImageTag& tag : tags) {
    writer.trusted(std::string_view(prompt).substr(at, tag.begin - at));
    OC_RETURN_IF_ERROR(write_image(writer, view_tokens, images, tag.number - 1));
    at = tag.end;
  }
  writer.trusted(std::string_view(prompt).substr(at));
  return {};
}

}  // namespace

Result<Prompt> build_smolvlm_prompt(const Tokenizer& tokenizer, int view_tokens,
                                    std::span<const Message> messages,
                                    std::span<const ImagePlan> images,
                                    const PromptOptions& options) {
  if (messages.empty())
    return wrong_messages("there is no message", "send at least one user message");
  PromptWriter writer(tokenizer, images,
                      options.trusted_text ? PromptOptions().room : options.room);
  OC_RETURN_IF_ERROR(options.trusted_text
                         ? write_trusted(writer, view_tokens, messages, images)
                         : write_turns(writer, view_tokens, messages, images, options));
  Prompt prompt;
  prompt.images.assign(images.begin(), images.end());
  writer.take(prompt);
  return prompt;
}

std::vector<TokenId> smolvlm_stop_ids(const Tokenizer& tokenizer) {
  if (const auto id = tokenizer.id_of(kEnd)) return {*id};
  return {};
}

std::vector<TokenId> smolvlm_marker_ids(const Tokenizer& tokenizer) {
  std::vector<TokenId> ids;
  const auto first = tokenizer.id_of(kGlobal), end = tokenizer.id_of(kEnd);
  for (TokenId id = first.value_or(tokenizer.vocab_size()); id < tokenizer.vocab_size(); ++id)
    if (id != end && tokenizer.is_special(id)) ids.push_back(id);
  return ids;
}

}  // namespace oc
