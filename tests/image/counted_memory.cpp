#include "tests/image/counted_memory.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

// A sanitizer has an allocator of its own.
#if defined(__GLIBC__) && !defined(OC_SANITIZED)
#define OC_COUNTED
#include <malloc.h>
#endif

namespace oc::test {
namespace {

std::atomic<std::size_t> held{0}, highest{0}, sum{0}, number{0}, at_start{0};
std::atomic<std::size_t> to_fail{0}, least_to_fail{0};

}  // namespace

bool memory_is_counted() {
#ifdef OC_COUNTED
  return true;
#else
  return false;
#endif
}

CountedMemory::CountedMemory() {
  at_start = highest = held.load();
  sum = number = 0;
}
std::size_t CountedMemory::most() const { return highest - at_start; }
std::size_t CountedMemory::total() const { return sum; }
std::size_t CountedMemory::allocations() const { return number; }

FailingAllocation::FailingAllocation(std::size_t n, std::size_t least) {
  least_to_fail = least;
  to_fail = n;
}
FailingAllocation::~FailingAllocation() { to_fail = 0; }

}  // namespace oc::test

#ifdef OC_COUNTED
extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);

static bool fails(std::size_t size) {
  using namespace oc::test;
  if (to_fail == 0 || size < least_to_fail || --to_fail > 0) return false;
  errno = ENOMEM;
  return true;
}
static void* counted(void* memory) {
  using namespace oc::test;
  if (memory == nullptr) return nullptr;
  const std::size_t size = malloc_usable_size(memory), now = held += size;
  sum += size;
  ++number;
  std::size_t before = highest;
  while (now > before && !highest.compare_exchange_weak(before, now)) {
  }
  return memory;
}

void* malloc(std::size_t size) { return fails(size) ? nullptr : counted(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) {
  return fails(count * size) ? nullptr : counted(__libc_calloc(count, size));
}
void* memalign(std::size_t alignment, std::size_t size) {
  return fails(size) ? nullptr : counted(__libc_memalign(alignment, size));
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  *out = memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}
void free(void* memory) {
  if (memory != nullptr) oc::test::held -= malloc_usable_size(memory);
  __libc_free(memory);
}
void* realloc(void* memory, std::size_t size) {
  if (fails(size)) return nullptr;
  const std::size_t before = memory != nullptr ? malloc_usable_size(memory) : 0;
  void* moved = __libc_realloc(memory, size);
  if (moved != nullptr || size == 0) oc::test::held -= before;
  return counted(moved);
}

}  // extern "C"
#endif
