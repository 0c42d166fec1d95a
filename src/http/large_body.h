// Gives pages back to the system behind everything else that a large body, or answer, has led to,
// in the order in which scopes end.
#pragma once

#include <cstddef>

#include "base/system/heap.h"

namespace oc::http {

class LargeBody {
 public:
  explicit LargeBody(std::size_t bytes) : large_(bytes >= kLarge) {}
  ~LargeBody() {
    if (large_) heap::give_back_free_pages();
  }
  LargeBody(const LargeBody&) = delete;
  LargeBody& operator=(const LargeBody&) = delete;

 private:
  static constexpr std::size_t kLarge = 8u << 20;
  const bool large_;
};

}  // namespace oc::http
