// A small open-addressing hash map from 64-bit keys to 32-bit values, for tables that are built
// once and then only read. Not a general container: no erase, the key ~0 is reserved.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"

namespace oc {

class FlatMap {
 public:
  explicit FlatMap(std::size_t capacity)
      : slots_(std::bit_ceil(2 * capacity + 2)), mask_(slots_.size() - 1), capacity_(capacity) {}

  // The last value that was set for a key counts.
  void set(std::uint64_t key, std::int32_t value) {
    OC_CHECK(key != kEmpty, "flat map: reserved key");
    Slot& slot = slots_[locate(key)];
    if (slot.key == kEmpty) {
      OC_CHECK(size_ < capacity_, "flat map: more than {} keys", capacity_);
      ++size_;
    }
    slot = {key, value};
  }

  // The value of a key, or -1.
  std::int32_t get(std::uint64_t key) const {
    const Slot& slot = slots_[locate(key)];
    return slot.key == key ? slot.value : -1;
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t key = kEmpty;
    std::int32_t value = -1;
  };

  std::size_t locate(std::uint64_t key) const {
    std::uint64_t hash = key * 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio
    hash = (hash ^ (hash >> 32)) * 0xD6E8FEB86659FD93u;
    std::size_t at = (hash ^ (hash >> 32)) & mask_;
    while (slots_[at].key != kEmpty && slots_[at].key != key) at = (at + 1) & mask_;
    return at;
  }

  std::vector<Slot> slots_;
  std::size_t mask_;
  std::size_t capacity_;
  std::size_t size_ = 0;
};

}  // namespace oc
