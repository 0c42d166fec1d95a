#include "base/system/open_beneath.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

namespace oc {
namespace {

int failed(int reason) {
  errno = reason;
  return -1;
}

}  // namespace

int open_beneath_without_links(int folder, const char* path) {
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  std::string_view rest = path;
  if (rest.empty()) return failed(ENOENT);
  if (rest.starts_with('/')) return failed(EXDEV);
  int at = ::openat(folder, ".", kFlags | O_DIRECTORY);
  while (at >= 0 && !rest.empty()) {
    const std::size_t end = rest.find('/');
    const std::string name(rest.substr(0, end));
    const bool last = end == rest.npos;
    rest = last ? std::string_view() : rest.substr(end + 1);
    if (name.empty() || name == ".") continue;
    const int next = name == ".."
                         ? failed(EXDEV)
                         : ::openat(at, name.c_str(), last ? kFlags : kFlags | O_DIRECTORY);
    const int reason = errno;
    ::close(at);
    at = next;
    errno = reason;
  }
  return at;
}

}  // namespace oc
