// What families share in making a prompt's ids out of messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/model.h"

namespace oc {

// Writes ids from template pieces and plain text. Text between two control tokens or pictures is
// one segment, so that it merges across the template's own as it does in the reference.
class PromptWriter {
 public:
  // `room`: as of PromptOptions.
  PromptWriter(const Tokenizer& tokenizer, std::span<const ImagePlan> images, std::int64_t room);

  // A control token. kCorrupt: the tokenizer has none of this content.
  Result<void> control(std::string_view content);
  // Plain text, whatever it contains.
  void text(std::string_view plain);
  // A whole segment in which control tokens are live (trusted text only).
  void trusted(std::string_view segment);
  // A token that swallows nothing of what follows it.
  void token(TokenId id);
  // Rows [first, first + count) of a picture.
  void image_rows(std::size_t image, int first, int count);

  // Sets ids or too_many.
  void take(Prompt& prompt);

 private:
  void flush();
  void push(TokenId id);
  void append(const std::vector<TokenId>& more);
  std::int64_t min_count() const;

  const Tokenizer& tokenizer_;
  std::vector<std::int64_t> first_row_;  // of each picture
  const std::int64_t room_;
  std::vector<TokenId> ids_;
  std::int64_t count_ = 0;  // of them, or what is known of it when they are too many
  bool over_ = false;       // they are: from here on they are only counted
  std::string segment_;
  std::size_t segment_bytes_ = 0;    // normalised
  std::optional<TokenId> in_front_;  // the control token that the segment stands behind
};

// kInvalidArgument, param "messages".
Error wrong_messages(std::string message, std::string hint = {});

// The parts of a turn in the order in which they are shown: as they stand where there are words
// between two pictures, else pictures and frames first, but see PromptOptions::keep_order.
std::vector<const Part*> ordered_parts(const Message& message, bool keep_order);

// Counts how often each picture of a request is shown.
class ShownImages {
 public:
  explicit ShownImages(std::size_t count) : shown_(count, false) {}
  // The picture of a part in a turn of `role`. Errors: one that is not there or was shown before,
  // or in another turn than a user's.
  Result<std::size_t> show(const ImagePart& part, Role role);
  // Error: one was not shown.
  Result<void> check_all() const;

 private:
  std::vector<bool> shown_;
};

// `<|image_N|>` in trusted text.
struct ImageTag {
  std::size_t begin = 0, end = 0;  // bytes
  std::size_t number = 0;          // N
};
std::vector<ImageTag> find_image_tags(std::string_view text);
// Error: they are not 1 to `count`, each once.
Result<void> check_image_tags(std::span<const ImageTag> tags, std::size_t count);

}  // namespace oc
