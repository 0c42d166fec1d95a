#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/system/files.h"

namespace oc {
namespace {

std::int64_t ns(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

void forget_cached_pages(int fd) { ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); }

std::int64_t modified_ns(const struct stat& status) { return ns(status.st_mtim); }
std::int64_t changed_ns(const struct stat& status) { return ns(status.st_ctim); }

int exchange_names([[maybe_unused]] const std::filesystem::path& a,
                   [[maybe_unused]] const std::filesystem::path& b) {
#ifdef RENAME_EXCHANGE
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0 ? 0 : errno;
#else
  return ENOSYS;  // another C library than glibc
#endif
}

int open_again_without_waiting(int fd) {
  return ::open(fmt::format("/proc/self/fd/{}", fd).c_str(),
                O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

int make_shared_file(std::size_t bytes) {
  constexpr unsigned kNeverExecuted = 0x0008;  // MFD_NOEXEC_SEAL, Linux 6.3
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = ::memfd_create("shared", kFlags | kNeverExecuted);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create("shared", kFlags);
  if (fd < 0) return -1;
  if (::ftruncate(fd, static_cast<off_t>(bytes)) == 0 &&
      ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    return fd;
  ::close(fd);
  return -1;
}

}  // namespace oc
