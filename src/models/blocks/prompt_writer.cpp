#include "models/blocks/prompt_writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numeric>

namespace oc {
namespace {

constexpr std::string_view kTagBegin = "<|image_", kTagEnd = "|>";

}  // namespace

PromptWriter::PromptWriter(const Tokenizer& tokenizer, std::span<const ImagePlan> images,
                           std::int64_t room)
    : tokenizer_(tokenizer), room_(room) {
  std::int64_t row = 0;
  for (const ImagePlan& image : images) {
    first_row_.push_back(row);
    row += image.tokens;
  }
}

Result<void> PromptWriter::control(std::string_view content) {
  flush();
  const std::optional<TokenId> id = tokenizer_.id_of(content);
  if (!id)
    return Error{ErrorCode::kCorrupt, fmt::format("tokenizer.json has no token \"{}\"", content),
                 "use the tokenizer that belongs to the model"};
  push(*id);
  in_front_ = *id;
  return {};
}

void PromptWriter::text(std::string_view plain) {
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

void PromptWriter::trusted(std::string_view segment) {
  flush();
  append(tokenizer_.encode(segment, true));
}

void PromptWriter::token(TokenId id) {
  flush();
  push(id);
}

void PromptWriter::image_rows(std::size_t image, int first, int count) {
  flush();
  for (int row = first; row < first + count; ++row)
    push(static_cast<TokenId>(-1 - first_row_[image] - row));
}

void PromptWriter::take(Prompt& prompt) {
  flush();
  if (over_)
    prompt.too_many = count_;
  else
    prompt.ids = std::move(ids_);
}

void PromptWriter::flush() {
  if (over_)
    count_ = min_count();
  else if (!segment_.empty())
    append(tokenizer_.encode(segment_, false));
  segment_.clear();
  segment_bytes_ = 0;
  in_front_.reset();
}

void PromptWriter::push(TokenId id) {
  ++count_;
  if (!over_) ids_.push_back(id);
}

void PromptWriter::append(const std::vector<TokenId>& more) {
  count_ += std::ssize(more);
  ids_.insert(ids_.end(), more.begin(), more.end());
}

// What the prompt has so far, at least.
std::int64_t PromptWriter::min_count() const {
  const std::size_t longest = tokenizer_.longest_token();
  return count_ + static_cast<std::int64_t>((segment_bytes_ + longest - 1) / longest);
}

Error wrong_messages(std::string message, std::string hint) {
  return {ErrorCode::kInvalidArgument, std::move(message), std::move(hint), "messages"};
}

namespace {

bool is_shown(const Part& part) { return !std::holds_alternative<TextPart>(part); }

bool has_words(const Part& part) {
  const auto* text = std::get_if<TextPart>(&part);
  return text != nullptr && text->text.find_first_not_of(" \t\r\n") != text->text.npos;
}

// Words between two pictures say which is which: "Image 1:", "and after the rain:".
bool has_captions(const Message& message) {
  const auto first = std::ranges::find_if(message.parts, is_shown);
  const auto words = std::find_if(first, message.parts.end(), has_words);
  return std::find_if(words, message.parts.end(), is_shown) != message.parts.end();
}

}  // namespace

std::vector<const Part*> ordered_parts(const Message& message, bool keep_order) {
  std::vector<const Part*> parts;
  for (const Part& part : message.parts) parts.push_back(&part);
  if (!keep_order && !has_captions(message))
    std::stable_partition(parts.begin(), parts.end(),
                          [](const Part* part) { return is_shown(*part); });
  return parts;
}

Result<std::size_t> ShownImages::show(const ImagePart& part, Role role) {
  if (role != Role::kUser)
    return wrong_messages("a picture stands in a system or assistant turn",
                          "pictures belong into user turns");
  const int index = part.index;
  if (index < 0 || static_cast<std::size_t>(index) >= shown_.size())
    return wrong_messages(
        fmt::format("picture {} is shown, but there are {}", index + 1, shown_.size()));
  const auto at = static_cast<std::size_t>(index);
  if (shown_[at]) return wrong_messages(fmt::format("picture {} is shown twice", index + 1));
  shown_[at] = true;
  return at;
}

Result<void> ShownImages::check_all() const {
  for (std::size_t i = 0; i < shown_.size(); ++i)
    if (!shown_[i])
      return wrong_messages(fmt::format("picture {} of {} is not shown", i + 1, shown_.size()));
  return {};
}

std::vector<ImageTag> find_image_tags(std::string_view text) {
  std::vector<ImageTag> tags;
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

Result<void> check_image_tags(std::span<const ImageTag> tags, std::size_t count) {
  std::vector<std::size_t> numbers;
  for (const ImageTag& tag : tags) numbers.push_back(tag.number);
  std::ranges::sort(numbers);
  std::vector<std::size_t> expected(count);
  std::iota(expected.begin(), expected.end(), std::size_t{1});
  if (numbers == expected) return {};
  return wrong_messages(fmt::format("the image tags must be 1 to {}, each once; found [{}]", count,
                                    fmt::join(numbers, ", ")));
}

}  // namespace oc
