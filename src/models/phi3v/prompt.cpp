#include "models/phi3v/prompt.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>

namespace oc {
namespace {

constexpr std::string_view kTagBegin = "<|image_", kTagEnd = "|>";

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

Error argument(std::string message, std::string hint = {}) {
  return {ErrorCode::kInvalidArgument, std::move(message), std::move(hint), "messages"};
}

// Writes ids from template pieces and plain text. Text between two control tokens or pictures is
// one segment, so that it merges across the template's newlines as it does in the reference.
class PromptWriter {
 public:
  // bos: of the tokenizer.
  PromptWriter(const Tokenizer& tokenizer, TokenId bos, std::span<const ImagePlan> images,
               std::int64_t room)
      : tokenizer_(tokenizer), bos_(bos), images_(images), room_(room) {
    push(bos_);
    std::int64_t row = 0;
    for (const ImagePlan& image : images) {
      first_row_.push_back(row);
      row += image.tokens;
    }
  }

  Result<void> control(std::string_view content) {
    flush();
    const std::optional<TokenId> id = tokenizer_.id_of(content);
    if (!id)
      return Error{ErrorCode::kCorrupt, fmt::format("tokenizer.json has no token \"{}\"", content),
                   "use the tokenizer that belongs to the model"};
    push(*id);
    in_front_ = *id;
    return {};
  }

  void text(std::string_view plain) {
    // What the control token in front swallows is no part of the segment.
    if (in_front_ && segment_bytes_ == 0)
      plain.remove_prefix(tokenizer_.swallowed_behind(*in_front_, plain));
    segment_bytes_ += tokenizer_.normalised_bytes(plain);
    if (!over_ && min_count() > room_) {
      over_ = true;
      ids_ = {};
      segment_ = {};
    }
    if (!over_) segment_ += plain;
  }

  // A whole piece in which control tokens are live (trusted text only).
  void trusted(std::string_view marked_up) { append(tokenizer_.encode(marked_up, true)); }

  void image(std::size_t index) {
    flush();
    for (int i = 0; i < images_[index].tokens; ++i)
      push(static_cast<TokenId>(-1 - first_row_[index] - i));
    push(bos_);
    in_front_.reset();
  }

  void take(Prompt& prompt) {
    flush();
    if (over_)
      prompt.too_many = count_;
    else
      prompt.ids = std::move(ids_);
  }

 private:
  void flush() {
    if (over_)
      count_ = min_count();
    else if (!segment_.empty())
      append(tokenizer_.encode(segment_, false));
    segment_.clear();
    segment_bytes_ = 0;
    in_front_.reset();
  }
  void push(TokenId id) {
    ++count_;
    if (!over_) ids_.push_back(id);
  }
  void append(const std::vector<TokenId>& more) {
    count_ += std::ssize(more);
    ids_.insert(ids_.end(), more.begin(), more.end());
  }
  // What the prompt has so far, at least.
  std::int64_t min_count() const {
    const std::size_t longest = tokenizer_.longest_token();
    return count_ + static_cast<std::int64_t>((segment_bytes_ + longest - 1) / longest);
  }

  const Tokenizer& tokenizer_;
  const TokenId bos_;
  std::span<const ImagePlan> images_;
  std::vector<std::int64_t> first_row_;
  const std::int64_t room_;
  std::vector<TokenId> ids_;
  std::int64_t count_ = 0;  // of them, or what is known of it when they are too many
  bool over_ = false;       // they are: from here on they are only counted
  std::string segment_;
  std::size_t segment_bytes_ = 0;    // normalised
  std::optional<TokenId> in_front_;  // the control token that the segment stands behind
};

// The parts of a turn in the order in which they are shown; see PromptOptions::keep_order.
std::vector<const Part*> ordered_parts(const Message& message, bool keep_order) {
  std::vector<const Part*> parts;
  for (const Part& part : message.parts) parts.push_back(&part);
  if (!keep_order)
    std::stable_partition(parts.begin(), parts.end(), [](const Part* part) {
      return std::holds_alternative<ImagePart>(*part);
    });
  return parts;
}

Result<void> write_content(PromptWriter& writer, const Message& message, bool keep_order,
                           std::vector<bool>& used) {
  bool open_line = false;  // text since the last newline of ours: the next part begins a line
  for (const Part* part : ordered_parts(message, keep_order)) {
    if (open_line) writer.text("\n");
    open_line = false;
    if (const auto* text = std::get_if<TextPart>(part)) {
      writer.text(text->text);
      open_line = true;
      continue;
    }
    const int index = std::get<ImagePart>(*part).index;
    if (message.role != Role::kUser)
      return argument("a picture stands in a system or assistant turn",
                      "pictures belong into user turns");
    if (index < 0 || static_cast<std::size_t>(index) >= used.size())
      return argument(fmt::format("picture {} is shown, but there are {}", index + 1, used.size()));
    if (used[static_cast<std::size_t>(index)])
      return argument(fmt::format("picture {} is shown twice", index + 1));
    used[static_cast<std::size_t>(index)] = true;
    writer.image(static_cast<std::size_t>(index));
    writer.text("\n");
  }
  return {};
}

Result<void> write_turns(const Tokenizer& tokenizer, TokenId bos, std::span<const Message> messages,
                         std::span<const ImagePlan> images, const PromptOptions& options,
                         Prompt& prompt) {
  PromptWriter writer(tokenizer, bos, images, options.room);
  std::vector<bool> used(images.size(), false);
  for (const Message& message : messages) {
    OC_RETURN_IF_ERROR(writer.control(role_token(message.role)));
    writer.text("\n");
    OC_RETURN_IF_ERROR(write_content(writer, message, options.keep_order, used));
    OC_RETURN_IF_ERROR(writer.control("<|end|>"));
    writer.text("\n");
  }
  if (messages.back().role != Role::kAssistant) {
    OC_RETURN_IF_ERROR(writer.control("<|assistant|>"));
    writer.text("\n");
  }
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i]) return argument(fmt::format("picture {} of {} is not shown", i + 1, used.size()));
  writer.take(prompt);
  return {};
}

struct Tag {
  std::size_t begin, end;  // bytes of the prompt
  std::size_t number;      // N of <|image_N|>
};

std::vector<Tag> find_tags(std::string_view text) {
  std::vector<Tag> tags;
  for (std::size_t at = 0; (at = text.find(kTagBegin, at)) != std::string_view::npos;) {
    std::size_t number = 0;
    const char* first = text.data() + at + kTagBegin.size();
    const auto parsed = std::from_chars(first, text.data() + text.size(), number);
    const auto after = static_cast<std::size_t>(parsed.ptr - text.data());
    if (parsed.ec == std::errc{} && parsed.ptr != first &&
        text.substr(after, kTagEnd.size()) == kTagEnd) {
      tags.push_back({at, after + kTagEnd.size(), number});
      at = tags.back().end;
    } else {
      at += kTagBegin.size();
    }
  }
  return tags;
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
      if (text == nullptr) return argument("trusted text shows pictures by tags");
      prompt += text->text;
    }
    prompt += "<|end|>\n";
  }
  if (messages.back().role != Role::kAssistant) prompt += "<|assistant|>\n";

  PromptWriter writer(tokenizer, bos, images, PromptOptions().room);
  if (images.empty()) {
    writer.trusted(prompt);
    writer.take(out);
    return {};
  }
  const std::vector<Tag> tags = find_tags(prompt);
  std::vector<std::size_t> numbers;
  for (const Tag& tag : tags) numbers.push_back(tag.number);
  std::sort(numbers.begin(), numbers.end());
  std::vector<std::size_t> expected(images.size());
  std::iota(expected.begin(), expected.end(), std::size_t{1});
  if (numbers != expected)
    return argument(fmt::format("the image tags must be 1 to {}, each once; found [{}]",
                                images.size(), fmt::join(numbers, ", ")));
  std::size_t at = 0;
  for (const Tag& tag : tags) {
    writer.trusted(std::string_view(prompt).substr(at, tag.begin - at));
    writer.image(tag.number - 1);
    at = tag.end;
  }
  writer.trusted(std::string_view(prompt).substr(at));
  writer.take(out);
  return {};
}

}  // namespace

Result<Prompt> build_phi3v_prompt(const Tokenizer& tokenizer, std::span<const Message> messages,
                                  std::span<const ImagePlan> images, const PromptOptions& options) {
  if (messages.empty()) return argument("there is no message", "send at least one user message");
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
