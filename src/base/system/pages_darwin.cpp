#include <sys/mman.h>

#include <cerrno>

#include "base/system/pages.h"

namespace oc {

std::size_t large_page_bytes() { return 0; }
void advise_large_pages(void*, std::size_t) {}
bool faults_read_large_pages() { return false; }
int populate_pages(void*, std::size_t) { return EINVAL; }
int lock_pages(void* begin, std::size_t bytes) { return ::mlock(begin, bytes) == 0 ? 0 : errno; }

}  // namespace oc
