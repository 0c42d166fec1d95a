#include "io/whole_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <vector>

#include "io/file_replacement.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

Error cannot_write(const fs::path& path) {
  return {ErrorCode::kInternal, fmt::format("{} cannot be written", path.string()),
          "check the folder, its permissions and the free space"};
}

}  // namespace

Result<void> write_file_atomically(const fs::path& path, std::string_view text) {
  if (replace_file_by(path, text) != 0) return cannot_write(path);
  return {};
}

int add_file(Digest& digest, int fd, const std::function<bool(std::size_t)>& on_bytes) {
  std::vector<std::byte> block(1u << 20);
  for (;;) {
    if (!on_bytes(0)) return ECANCELED;
    const ssize_t count = ::read(fd, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return 0;
    digest.add(std::span(block).first(static_cast<std::size_t>(count)));
    if (!on_bytes(static_cast<std::size_t>(count))) return ECANCELED;
  }
}

Result<std::string> file_sha256(const fs::path& path) {
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Digest digest;
  if (!file.is_open() || add_file(digest, file.fd(), [](std::size_t) { return true; }) != 0)
    return Error{ErrorCode::kNotFound, fmt::format("{} cannot be read", path.string()),
                 "check that it is there, and its permissions"};
  return digest.finish_hex();
}

}  // namespace oc
