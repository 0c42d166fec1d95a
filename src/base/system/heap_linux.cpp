#include "base/system/heap.h"

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace oc::heap {

#ifdef __GLIBC__
void give_back_large_blocks() {
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 2 << 20);
}
void give_back_free_pages() { malloc_trim(0); }
void use_one_arena() { mallopt(M_ARENA_MAX, 1); }
#else
void give_back_large_blocks() {}
void give_back_free_pages() {}
void use_one_arena() {}
#endif

}  // namespace oc::heap
