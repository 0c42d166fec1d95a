// Tensor shapes, outermost dimension first.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"

namespace oc {

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<std::int64_t> dims) : dims_(std::move(dims)) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  std::int64_t operator[](int i) const {
    OC_CHECK(i >= 0 && i < rank(), "dimension {} of {}", i, str());
    return dims_[static_cast<std::size_t>(i)];
  }
  const std::vector<std::int64_t>& dims() const { return dims_; }
  std::int64_t numel() const;                         // trusted shapes: OC_CHECKs overflow
  std::optional<std::int64_t> checked_numel() const;  // untrusted: nullopt on overflow or < 0
  std::string str() const;                            // "[3, 336, 336]"
  bool operator==(const Shape&) const = default;

 private:
  std::vector<std::int64_t> dims_;
};

}  // namespace oc
