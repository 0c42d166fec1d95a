// The tensor handle that models pass between ops. A value: copying shares the buffer, moving
// donates it (an op may then compute in place). What lies behind it is the engine's business.
//
// Legend, for every shape comment in models/, ops/ and engines/:
//   T tokens (rows)   D width          H heads      G kv heads   d head size
//   F mlp width       V vocabulary     P patches    C vision width   S sequences in a step
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/shape.h"

namespace oc {

// Base of an engine's buffers.
class TensorStorage {
 public:
  virtual ~TensorStorage() = default;
};

// [rows, cols], float32 in meaning; an engine may hold it otherwise or not have computed it yet.
class Tensor {
 public:
  Tensor() = default;
  Tensor(std::int64_t rows, std::int64_t cols, std::shared_ptr<TensorStorage> storage)
      : rows_(rows), cols_(cols), storage_(std::move(storage)) {}

  std::int64_t rows() const { return rows_; }
  std::int64_t cols() const { return cols_; }
  bool empty() const { return storage_ == nullptr; }
  // True when no other handle shares the buffer, so that an op that was given it may overwrite it.
  bool unique() const { return storage_.use_count() == 1; }
  TensorStorage* storage() const { return storage_.get(); }
  std::shared_ptr<TensorStorage> share() const { return storage_; }

 private:
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::shared_ptr<TensorStorage> storage_;
};

}  // namespace oc
