#include "io/record_reader.h"

#include <unistd.h>

#include <cerrno>

namespace oc {

std::size_t record_end(std::string_view text, RecordKind kind) {
  if (kind == RecordKind::kJsonLines) {
    const std::size_t at = text.find('\n');
    return at == text.npos ? at : at + 1;
  }
  bool quoted = false;  // a doubled quote inside quotes ends and begins them again
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == '\n' && !quoted) return i + 1;
  }
  return text.npos;
}

int RecordReader::next(std::optional<std::string_view>& record) {
  constexpr std::size_t kBlock = 1 << 20;
  for (;;) {
    if (const std::size_t end = record_end(rest(), kind_); end != std::string_view::npos) {
      record = rest().substr(0, end - 1);
      at_ += end;
      whole_ += end;
      return 0;
    }
    record.reset();
    text_.erase(0, at_);
    at_ = 0;
    const std::size_t held = text_.size();
    text_.resize(held + kBlock);
    const ssize_t count = ::read(fd_, text_.data() + held, kBlock);
    const int error = count < 0 ? errno : 0;
    text_.resize(held + (count > 0 ? static_cast<std::size_t>(count) : 0));
    if (count < 0 && error != EINTR) return error;
    if (count == 0) return 0;
  }
}

}  // namespace oc
