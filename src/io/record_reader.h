// Files of records: where one ends, and reading them one by one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace oc {

enum class RecordKind {
  kJsonLines,  // a JSON value on a line of its own
  kCsv,        // RFC 4180: newlines may stand inside quotes
};

// Where the first record of `text` ends: behind its newline. npos: it does not end.
std::size_t record_end(std::string_view text, RecordKind kind);

// Gives the whole records from where the descriptor, which is the caller's, stands.
class RecordReader {
 public:
  RecordReader(int fd, RecordKind kind) : fd_(fd), kind_(kind) {}

  // Without its newline, until the next call; nullopt: there is no other whole one. → errno
  int next(std::optional<std::string_view>& record);
  std::size_t whole() const { return whole_; }  // bytes of those that were given
  // Behind them; of all that there is, when next() has found none.
  std::string_view rest() const { return std::string_view(text_).substr(at_); }

 private:
  int fd_;
  RecordKind kind_;
  std::string text_;  // a part of the file
  std::size_t at_ = 0, whole_ = 0;
};

}  // namespace oc
