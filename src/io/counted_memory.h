// Memory of a JSON document that is counted against a share of a budget, so that no document costs
// more than what was set aside for it, whatever it holds.
#pragma once

#include <boost/json/memory_resource.hpp>
#include <cstddef>
#include <new>

#include "base/memory_budget.h"

namespace oc {

// The budget does not have as much as a document needs; nothing more of it was taken.
class OutOfBudget : public std::bad_alloc {
 public:
  OutOfBudget(std::size_t wanted, std::size_t limit) : wanted_(wanted), limit_(limit) {}
  bool never() const { return wanted_ > limit_; }  // not even with nobody else about
  std::size_t limit() const { return limit_; }
  const char* what() const noexcept override { return "out of the memory set aside for requests"; }

 private:
  std::size_t wanted_, limit_;
};

// One thread. The reservation must outlive it.
class CountedMemory final : public boost::json::memory_resource {
 public:
  explicit CountedMemory(Reservation& share) : share_(share), before_(share.bytes()) {}
  ~CountedMemory() override { share_.shrink_to(before_); }

  std::size_t used() const { return used_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const boost::json::memory_resource& other) const noexcept override {
    return this == &other;
  }

  Reservation& share_;
  const std::size_t before_;  // of the share, when it begins
  std::size_t used_ = 0;
};

}  // namespace oc
