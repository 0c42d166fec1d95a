#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/system/files.h"

namespace oc {
namespace {

std::int64_t ns(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

void forget_cached_pages(int) {}

std::int64_t modified_ns(const struct stat& status) { return ns(status.st_mtimespec); }
std::int64_t changed_ns(const struct stat& status) { return ns(status.st_ctimespec); }

int exchange_names(const std::filesystem::path& a, const std::filesystem::path& b) {
  return ::renamex_np(a.c_str(), b.c_str(), RENAME_SWAP) == 0 ? 0 : errno;
}

int open_again_without_waiting(int) { return -1; }

int make_shared_file(std::size_t bytes) {
  const char* folder = std::getenv("TMPDIR");
  std::string path =
      std::string(folder != nullptr && *folder != '\0' ? folder : "/tmp") + "/ocellus.XXXXXX";
  const int fd = ::mkstemp(path.data());
  if (fd < 0) return -1;
  ::unlink(path.c_str());
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && ::ftruncate(fd, static_cast<off_t>(bytes)) == 0)
    return fd;
  ::close(fd);
  return -1;
}

}  // namespace oc
