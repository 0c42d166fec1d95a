#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/system/pages.h"

namespace oc {

std::size_t large_page_bytes() { return std::size_t{2} << 20; }

void advise_large_pages(void* begin, std::size_t bytes) { ::madvise(begin, bytes, MADV_HUGEPAGE); }

bool faults_read_large_pages() {
  static const bool known = ::access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0;
  return known;
}

int populate_pages([[maybe_unused]] void* begin, [[maybe_unused]] std::size_t bytes) {
#ifdef MADV_POPULATE_READ
  while (::madvise(begin, bytes, MADV_POPULATE_READ) != 0)
    if (errno != EINTR) return errno;
  return 0;
#else
  return EINVAL;
#endif
}

int lock_pages(void* begin, std::size_t bytes) {
#ifdef MLOCK_ONFAULT
  if (::mlock2(begin, bytes, MLOCK_ONFAULT) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
#endif
  return ::mlock(begin, bytes) == 0 ? 0 : errno;
}

}  // namespace oc
