#include "io/file_handle.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace oc {

FileHandle::FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

int FileHandle::close() {
  const int fd = std::exchange(fd_, -1);
  return fd < 0 || ::close(fd) == 0 ? 0 : errno;
}

int write_all(int fd, std::span<const std::byte> bytes) {
  constexpr std::size_t kMaxAtOnce = 1u << 30;  // macOS takes no more than 2 GiB
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), std::min(bytes.size(), kMaxAtOnce));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return EIO;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return 0;
}

}  // namespace oc
