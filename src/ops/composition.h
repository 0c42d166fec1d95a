// What the fused ops of engine.h mean: each written once out of primitives. The reference engine
// runs these; every other engine is tested against it.
#pragma once

#include <span>

#include "ops/engine.h"

namespace oc {

// Plain building blocks on [rows, cols] tensors.
class Primitives {
 public:
  virtual ~Primitives() = default;
  virtual Tensor matmul(const Tensor& x, const LinearWeight& weight) = 0;  // x · Wᵀ + bias
  virtual Tensor normalize(const Tensor& x, const NormWeight& weight) = 0;
  virtual Tensor activate(const Tensor& x, Activation activation) = 0;
  virtual Tensor add(const Tensor& a, const Tensor& b) = 0;
  virtual Tensor multiply(const Tensor& a, const Tensor& b) = 0;
  virtual Tensor columns(const Tensor& x, std::int64_t first, std::int64_t count) = 0;
  virtual Tensor rows(const Tensor& x, std::int64_t first, std::int64_t count) = 0;
  virtual Tensor stack(std::span<const Tensor> parts) = 0;  // rows of all parts
  // Rotate-half of the first `turning` numbers of every head of size d: (a, b) → (a·cos − b·sin,
  // b·cos + a·sin) for the pairs (i, i + turning/2). cos, sin: [rows, turning/2].
  virtual Tensor rotate(const Tensor& x, int head_dim, int turning, std::span<const float> cos,
                        std::span<const float> sin) = 0;
  // Writes k, v [n, G·d] of one layer at `position`; afterwards all rows up to position + n.
  virtual void append(KvSequence& sequence, int layer, std::int64_t position, const Tensor& k,
                      const Tensor& v) = 0;
  virtual Tensor cached_keys(KvSequence& sequence, int layer, std::int64_t count) = 0;
  virtual Tensor cached_values(KvSequence& sequence, int layer, std::int64_t count) = 0;
  // softmax(q · kᵀ · scale) · v per head. Row i of q [n, H·d] sees the first first_visible + i rows
  // of k, v [m, G·d], all of them where that is more.
  virtual Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v,
                           const AttendSpec& spec, std::int64_t first_visible) = 0;
};

namespace compose {

Tensor linear(Primitives& p, const Tensor& x, const LinearWeight& weight,
              const LinearOptions& options);
Tensor gated_mlp(Primitives& p, const Tensor& x, const NormWeight& norm,
                 const LinearWeight& gate_up, const LinearWeight& down);
Tensor attend(Primitives& p, const Tensor& qkv, const AttendSpec& spec, const Batch& batch);
Tensor attend_full(Primitives& p, const Tensor& qkv, const AttendSpec& spec, std::int64_t block);

}  // namespace compose
}  // namespace oc
