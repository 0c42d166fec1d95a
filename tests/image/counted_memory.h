// Counts what is allocated, by any library of the program: malloc and its relatives are taken over
// where that can be done (glibc, no sanitizer).
#pragma once

#include <cstddef>

namespace oc::test {

bool memory_is_counted();

// From its construction on; one at a time.
class CountedMemory {
 public:
  CountedMemory();
  std::size_t most() const;         // bytes held at one moment, those held before left out
  std::size_t total() const;        // bytes of all allocations
  std::size_t allocations() const;  // how many
};

// While it lives, the n-th allocation of at least so many bytes fails, counted from 1.
class FailingAllocation {
 public:
  FailingAllocation(std::size_t n, std::size_t least);
  ~FailingAllocation();
};

}  // namespace oc::test
