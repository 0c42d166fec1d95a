#include "ops/composition.h"

#include <vector>

namespace oc::compose {

Tensor linear(Primitives& p, const Tensor& x, const LinearWeight& weight,
              const LinearOptions& options) {
  Tensor y = p.matmul(options.norm != nullptr ? p.normalize(x, *options.norm) : x, weight);
  if (options.activation != Activation::kNone) y = p.activate(y, options.activation);
  if (!options.add.empty()) y = p.add(y, options.add);
  return y;
}

Tensor gated_mlp(Primitives& p, const Tensor& x, const NormWeight& norm,
                 const LinearWeight& gate_up, const LinearWeight& down) {
  const Tensor both = p.matmul(p.normalize(x, norm), gate_up);  // [T, 2F]
  const std::int64_t f = down.cols;
  const Tensor gate = p.activate(p.columns(both, 0, f), Activation::kSilu);
  return p.add(x, p.matmul(p.multiply(gate, p.columns(both, f, f)), down));
}

Tensor attend(Primitives& p, const Tensor& qkv, const AttendSpec& spec, const Batch& batch) {
  const std::int64_t q_width = std::int64_t{spec.heads} * spec.head_dim;
  const std::int64_t kv_width = std::int64_t{spec.kv_heads} * spec.head_dim;
  const auto rotated = [&](const Tensor& x) {
    return p.rotate(x, spec.head_dim, spec.turning(), batch.rope_cos, batch.rope_sin);
  };
  const Tensor q = rotated(p.columns(qkv, 0, q_width));
  const Tensor k = rotated(p.columns(qkv, q_width, kv_width));
  const Tensor v = p.columns(qkv, q_width + kv_width, kv_width);
  std::vector<Tensor> outputs;
  std::int64_t first = 0;
  for (const Segment& segment : batch.segments) {
    p.append(*segment.kv, spec.layer, segment.position, p.rows(k, first, segment.length),
             p.rows(v, first, segment.length));
    const std::int64_t count = segment.position + segment.length;
    outputs.push_back(p.attention(p.rows(q, first, segment.length),
                                  p.cached_keys(*segment.kv, spec.layer, count),
                                  p.cached_values(*segment.kv, spec.layer, count), spec,
                                  segment.causal ? segment.position + 1 : count));
    first += segment.length;
  }
  return p.stack(outputs);
}

Tensor attend_full(Primitives& p, const Tensor& qkv, const AttendSpec& spec, std::int64_t block) {
  OC_CHECK(block > 0 && qkv.rows() % block == 0, "attend_full: {} rows in blocks of {}", qkv.rows(),
           block);
  const std::int64_t width = std::int64_t{spec.heads} * spec.head_dim;
  std::vector<Tensor> outputs;
  for (std::int64_t first = 0; first < qkv.rows(); first += block) {
    const Tensor rows = p.rows(qkv, first, block);
    outputs.push_back(p.attention(p.columns(rows, 0, width), p.columns(rows, width, width),
                                  p.columns(rows, 2 * width, width), spec, block));
  }
  return p.stack(outputs);
}

}  // namespace oc::compose
