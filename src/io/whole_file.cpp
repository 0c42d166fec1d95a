#include "io/whole_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <vector>

#include "io/digest.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

Error cannot_write(const fs::path& path) {
  return {ErrorCode::kInternal, fmt::format("{} cannot be written", path.string()),
          "check the folder, its permissions and the free space"};
}

bool write_synced(const fs::path& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  bool good = true;
  while (good && !text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    good = written > 0;
    if (good) text.remove_prefix(static_cast<std::size_t>(written));
  }
  good = ::fsync(fd) == 0 && good;
  return ::close(fd) == 0 && good;
}

}  // namespace

Result<void> write_file_atomically(const fs::path& path, std::string_view text) {
  const fs::path temporary = path.string() + fmt::format(".{}.tmp", ::getpid());
  std::error_code error;
  if (write_synced(temporary, text)) {
    fs::rename(temporary, path, error);
    if (!error) return {};
  }
  fs::remove(temporary, error);
  return cannot_write(path);
}

Result<std::string> file_sha256(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  Digest digest;
  std::vector<char> piece(1u << 20);
  do {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    digest.add(std::string_view(piece.data(), static_cast<std::size_t>(file.gcount())));
  } while (file);
  if (!file.eof())
    return Error{ErrorCode::kNotFound, fmt::format("{} cannot be read", path.string()),
                 "check that it is there, and its permissions"};
  return digest.finish_hex();
}

}  // namespace oc
