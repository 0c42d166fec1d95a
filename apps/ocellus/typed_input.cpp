#include "typed_input.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <fstream>
#include <system_error>

#include "io/json.h"

namespace oc {

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

bool stdin_has_input() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  return poll(&input, 1, 0) > 0;
}

Result<std::string> read_file_or_pipe(const std::filesystem::path& path, std::size_t max_bytes) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::is_fifo(status) && !std::filesystem::is_character_file(status))
    return read_file(path, max_bytes);
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return Error{ErrorCode::kNotFound, fmt::format("{} cannot be read", path.string()),
                 "check its permissions"};
  std::string bytes;
  char block[65536];
  while (file.read(block, sizeof block) || file.gcount() > 0) {
    bytes.append(block, static_cast<std::size_t>(file.gcount()));
    if (bytes.size() > max_bytes)
      return Error{ErrorCode::kTooLarge,
                   fmt::format("{} has more than {} bytes", path.string(), max_bytes), ""};
  }
  return bytes;
}

}  // namespace oc
