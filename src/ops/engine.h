// The ops contract: everything that a model asks of an engine. About a dozen coarse ops, fused
// where hand-written engines fuse, each with a composition out of primitives (composition.h) that
// the reference engine runs and that every other engine is tested against.
//
// clang-format off
//   Tensor qkv = engine.linear(x, *L.qkv_proj, {.norm = L.input_layernorm.get()});  // [T, (H+2G)·d]
//   Tensor att = engine.attend(std::move(qkv), spec, batch);                        // [T, H·d]
//   x = engine.linear(std::move(att), *L.o_proj, {.add = std::move(x)});            // [T, D]
//   x = engine.gated_mlp(std::move(x), *L.post_attention_layernorm, *L.gate_up_proj, *L.down_proj);
// clang-format on
//
// Threads: prepare_* any thread; ops from one thread at a time. A row's result never depends on
// what the rows that are computed with it hold; on cpu and reference not on how many they are
// either, so that it is the same to the last bit alone and in company. Shapes are the caller's
// promise: OC_CHECK, not Result.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/checkpoint.h"
#include "ops/engine_info.h"
#include "ops/kv_cache.h"
#include "ops/tensor.h"
#include "ops/weights.h"

namespace oc {

enum class Activation {
  kNone,
  kQuickGelu,  // x · sigmoid(1.702 x)
  kGelu,       // x · Φ(x), exact (erf)
  kGeluTanh,   // its approximation: x · (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2
  kSilu,       // x · sigmoid(x)
};

// linear: y = act(norm(x) · Wᵀ + bias) + add
struct LinearOptions {
  const NormWeight* norm = nullptr;
  Activation activation = Activation::kNone;
  Tensor add = {};  // [T, rows]; donated when moved in
};

struct AttendSpec {
  int heads = 0;     // H
  int kv_heads = 0;  // G, divides H
  int head_dim = 0;  // d
  float scale = 0;   // of the scores, 1/sqrt(d)
  int layer = 0;     // whose keys and values
  // attend: of each head's d numbers, how many turn with the position (they come first), as pairs
  // (i, i + rotated/2); 0: all.
  int rotated = 0;
  // attend_full: the rows came out of products that round their input, so these may round as well,
  // to no less than 11 bits and a sign.
  bool may_round = false;

  int turning() const { return rotated > 0 ? rotated : head_dim; }
};

// `length` rows of a step that belong to one sequence and follow each other from `position` on.
struct Segment {
  KvSequence* kv = nullptr;
  std::int64_t position = 0;  // kv->length() before the step, behind the sequence's last segment
  std::int64_t length = 0;
  bool causal = true;  // false: its rows see each other in both directions
};

// The rows of one step: segment after segment.
struct Batch {
  std::vector<Segment> segments;
  // Rotation of each row, times the attention factor: [T, r/2] each, where r numbers of a head
  // turn. Pairs are (i, i + r/2).
  std::vector<float> rope_cos, rope_sin;
  std::int64_t rows() const {
    std::int64_t total = 0;
    for (const Segment& s : segments) total += s.length;
    return total;
  }
};

// How an engine uses memory, for who plans before anything is loaded.
struct MemoryTraits {
  enum class Weights {
    kInPlace,  // matrices are read where they are mapped; small vectors are copied as float32
    kOwnType,  // everything is copied, each tensor in its own type
    kWide,     // the same, but floats (scales and biases too) become float32
    kF32,      // everything is copied as float32
  };
  Weights weights = Weights::kF32;
  std::size_t number_bytes = sizeof(float);  // of one activation
  bool int8_rows = false;                    // products read int8 copies of their input
  bool whole_scores = false;                 // attention holds all of its scores at one time
  std::size_t kept_bytes = 0;                // of freed buffers, for the next op; at most
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual EngineInfo info() const = 0;
  // What decides the bits of a result, for keys of what is kept beyond the process.
  virtual std::string arithmetic() const { return info().text(); }

  // --- Weights. Each is seen once; the engine may keep pointing into the checkpoint, which the
  // model keeps alive. Errors: an element type or packing that the engine cannot run.
  // Several matrices with the same cols are stacked along the rows (q, k, v of CLIP).
  virtual Result<LinearPtr> prepare_linear(std::span<const RawMatrix> parts) = 0;
  virtual Result<TablePtr> prepare_table(const RawMatrix& matrix) = 0;
  // weight [D], bias [D] for kLayer (empty name otherwise).
  virtual Result<NormPtr> prepare_norm(NormKind kind, float eps, const TensorView& weight,
                                       const TensorView* bias) = 0;

  // --- Memory
  virtual std::unique_ptr<KvSequence> make_sequence(const KvSpec& spec) = 0;
  // Memory that one token takes in a sequence.
  virtual std::size_t kv_token_bytes(const KvSpec& spec) const {
    return sizeof(float) * 2 * static_cast<std::size_t>(spec.layers) *
           static_cast<std::size_t>(spec.kv_heads) * static_cast<std::size_t>(spec.head_dim);
  }
  virtual MemoryTraits memory_traits() const { return {}; }
  virtual Tensor upload(std::span<const float> values, std::int64_t rows, std::int64_t cols) = 0;
  // Waits for the value and copies it out, row-major; out.size() == rows * cols.
  virtual void read(const Tensor& tensor, std::span<float> out) = 0;
  // Waits for the value and leaves it where it is. A lazy engine computes it now; models ask for
  // that where a caller may want to stop or to let others go first: after each view of a picture.
  virtual void settle(const Tensor&) {}

  // --- Ops
  // x[t] = table[ids[t]] for ids >= 0, image_rows[-1 - ids[t]] otherwise (image_rows may be empty
  // when there are none). → [T, D]
  virtual Tensor embed(const TableWeight& table, std::span<const std::int32_t> ids,
                       const Tensor& image_rows) = 0;
  // → [T, W.rows]
  virtual Tensor linear(Tensor x, const LinearWeight& weight, LinearOptions options) = 0;
  // x + down(silu(gate) · up), (gate | up) = norm(x) · gate_upᵀ; gate_up [2F, D], down [D, F]. →
  // [T, D]
  virtual Tensor gated_mlp(Tensor x, const NormWeight& norm, const LinearWeight& gate_up,
                           const LinearWeight& down) = 0;
  // Attention with cache: rotates q and k, appends k and v to the segment's sequence, attends over
  // everything up to the row itself, or up to the segment's end where that is not causal. qkv rows
  // are (H·d | G·d | G·d). A sequence may have several segments of a step, one behind the other.
  // → [T, H·d]
  virtual Tensor attend(Tensor qkv, const AttendSpec& spec, const Batch& batch) = 0;
  // Bidirectional attention without cache or rotation: every `block` rows attend to each other.
  // qkv [T, 3·H·d], T a multiple of block. → [T, H·d]
  virtual Tensor attend_full(Tensor qkv, const AttendSpec& spec, std::int64_t block) = 0;
  virtual Tensor norm(Tensor x, const NormWeight& weight) = 0;
  // Rows of the sources (numbered through all of them, in order), `group` of them side by side:
  // y[i] = concat_j source_row[rows[i·group + j]]. All sources have the same cols.
  // → [rows.size()/group, group·cols]
  virtual Tensor gather(std::span<const Tensor> sources, std::span<const std::int64_t> rows,
                        int group) = 0;
  // x[r] += table[r mod table.rows]: position embeddings of equal blocks. → as x
  virtual Tensor add_table(Tensor x, const TableWeight& table) = 0;
};

// How an engine computes; `isa` names a SIMD target ("auto", "scalar", "sse4", "avx2", "avx3", …).
struct EngineOptions {
  std::string engine = "auto";  // auto | cpu | mlx | reference
  std::string device = "auto";  // auto | cpu | gpu
  int threads = 0;              // cpu engine; 0: all that the process may use
  // auto | int8 | half | f32. int8: cpu only, against quantised weights; half: mlx only, the type
  // of each weight (f16, bf16). auto: int8 on cpu, half on a GPU, f32 on MLX's CPU device.
  std::string activations = "auto";
  // f16 | q8 | f32; f32 activations turn f16 into f32. mlx: f16 is the type of the activations, and
  // there is no q8.
  std::string kv = "f16";
  std::string isa = "auto";  // cpu engine
};

}  // namespace oc
