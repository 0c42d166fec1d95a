#include <fcntl.h>
#include <fmt/format.h>

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

}  // namespace oc
