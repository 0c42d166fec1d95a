#include "base/system/pages.h"

#include <sys/mman.h>
#include <unistd.h>

namespace oc {

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

void read_pages_ahead(void* begin, std::size_t bytes) { ::madvise(begin, bytes, MADV_WILLNEED); }

}  // namespace oc
