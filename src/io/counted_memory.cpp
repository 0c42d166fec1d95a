#include "io/counted_memory.h"

#include <algorithm>

namespace oc {
namespace {

// A share grows by steps: each asks all threads' budget.
constexpr std::size_t kStep = 64u << 10, kLargestStep = 1u << 20;

// What the allocator takes for a block, its own words included.
std::size_t cost(std::size_t bytes) { return (bytes + 16 + 15) / 16 * 16; }

}  // namespace

void* CountedMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  const std::size_t wanted = before_ + used_ + cost(bytes);
  if (wanted > share_.bytes() &&
      !share_.grow_to(wanted + std::clamp(used_ / 8, kStep, kLargestStep)) &&
      !share_.grow_to(wanted))
    throw OutOfBudget(wanted, share_.limit());
  // The aligned kind is much slower, and needed by nothing in a document.
  void* const block = alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__
                          ? ::operator new(bytes)
                          : ::operator new(bytes, std::align_val_t(alignment));
  used_ += cost(bytes);
  return block;
}

void CountedMemory::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  if (alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__)
    ::operator delete(block);
  else
    ::operator delete(block, std::align_val_t(alignment));
  used_ -= cost(bytes);
  if (share_.bytes() - before_ > used_ + 2 * kLargestStep)
    share_.shrink_to(before_ + used_ + kStep);
}

}  // namespace oc
