// The inner loops: plain functions on pointers, one table of them for each SIMD target. No tensors,
// no threads, no allocation. Any size; weights at any address, floats at any multiple of 4, scratch
// at a multiple of 64. Nothing is read or written past an end.
//
// Promise: a row's result is the same bytes whatever rows are computed with it. Every sum has one
// order, given in the comments, that does not depend on the number of rows. fma is one rounding
// where the target has the instruction (avx2 and better, neon), a product and a sum elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace oc::kernels {

// Weight groups are multiples of a chunk of columns.
inline constexpr std::int64_t kChunk = 32;
// Columns that share one activation scale; also the unit in which int8 products are summed exactly.
inline constexpr std::int64_t kMaxUnit = 64;
constexpr std::int64_t unit_of(int group) { return group % kMaxUnit == 0 ? kMaxUnit : kChunk; }
// Tokens in a block of the KV cache, and the unit of the online softmax.
inline constexpr std::int64_t kKvBlock = 64;
// Outputs in a vector of the widest target; scratch sizes follow from it.
inline constexpr std::int64_t kMaxLanes = 16;
// Tokens of an int8 matmul whose sums are kept from one block of columns to the next.
inline constexpr std::int64_t kKeptTokens = 1024;

enum class Storage {
  kF32,
  kF16,
  kBF16,
  kQ8,  // int8 in [-127, 127] beside float32 scales: keys and values only
};
enum class Function { kNone, kQuickGelu, kGelu, kGeluTanh, kSilu };

// W[N, K], MLX affine, in place: packed rows, then scales and biases [N, K/group] of type `meta`.
// Or floats [N, float_cols] that matmul_int8 rounds to such a matrix while it reads them: 8 bits,
// groups of kMaxUnit, meta kF32, K filled up to whole groups with columns that rows of x have as 0.
// Of a group: bias = the smallest, scale = (largest − smallest) / 255.
struct QuantMatrix {
  const std::uint8_t* weight = nullptr;
  const std::uint8_t* scales = nullptr;
  const std::uint8_t* biases = nullptr;
  Storage meta = Storage::kF16;
  int bits = 4;
  int group = 64;  // a multiple of kChunk
  std::int64_t rows = 0, cols = 0;
  std::int64_t float_cols = 0;  // 0: quantised in memory
  Storage float_type = Storage::kF32;

  constexpr std::int64_t row_bytes() const {
    return float_cols == 0 ? cols * bits / 8 : float_cols * (float_type == Storage::kF32 ? 4 : 2);
  }
};

// W[N, K] of floats, in place.
struct FloatMatrix {
  const std::uint8_t* weight = nullptr;
  Storage type = Storage::kF32;
  std::int64_t rows = 0, cols = 0;
};

// Rows quantised by quantize_row: x ≈ scale · q, q in [-127, 127].
// Tokens lie in panels of 1, 2, 4 or 8, dword beside dword, so that a kernel follows one pointer,
// or of 16 (AMX), unit beside unit; slots behind the last token hold any finite values.
struct Int8Rows {
  // [T/panel, K/4, panel, 4], or [T/16, K/unit_of(group), 16, unit], ordered for the weights' bits.
  const std::int8_t* values = nullptr;
  const float* scales = nullptr;  // [T/panel, K/unit_of(group), panel]
  const float* sums = nullptr;    // [T/panel, K/group, panel]: Σ scale · q over a weight group
  int panel = 1;
};
inline constexpr int kAmxPanel = 16;
// widest: Table::widest_panel.
constexpr int panel_of(std::int64_t tokens, int widest) {
  return tokens <= 1 ? 1 : tokens <= 2 ? 2 : tokens <= 4 ? 4 : tokens <= 8 ? 8 : widest;
}
// Bytes from a panel's first value to those of one of its tokens.
constexpr std::int64_t values_slot(int panel, int group, std::int64_t slot) {
  return slot * (panel == kAmxPanel ? unit_of(group) : 4);
}

// y[t, n] = act(result + bias[n]) + add[t, n]
struct Epilogue {
  const float* bias = nullptr;  // [N] or null
  Function function = Function::kNone;
  const float* add = nullptr;  // [T, N] with add_stride, or null; may be y itself
  std::int64_t add_stride = 0;
};

// Causal or full attention of one head over blocks of kKvBlock keys.
struct AttentionHead {
  const float* q = nullptr;  // [rows, q_stride], rotated and scaled
  std::int64_t q_stride = 0;
  float* out = nullptr;  // [rows, out_stride]
  std::int64_t out_stride = 0;
  int head_dim = 0;  // d
  std::int64_t rows = 0;
  std::int64_t first_visible = 1;  // row i sees the first first_visible + i·step keys, at least 1
  std::int64_t step = 1;           // 1 causal, 0 full
  // Block b of the head: keys transposed [d, kKvBlock], then values [kKvBlock, d]; kQ8: then a
  // float32 scale for each key [kKvBlock] and each value [kKvBlock]. Finite everywhere.
  const void* const* blocks = nullptr;
  Storage type = Storage::kF32;  // kF32, kF16 or kQ8
};
// Full attention of one head, straight from the rows of q, k and v.
struct FullAttention {
  const float* q = nullptr;  // [keys, stride]; k and v likewise: finite
  const float* k = nullptr;
  const float* v = nullptr;
  std::int64_t stride = 0;
  float* out = nullptr;  // [keys, out_stride]
  std::int64_t out_stride = 0;
  int head_dim = 0;  // d
  std::int64_t keys = 0;
  std::int64_t begin = 0, end = 0;  // the rows of q and out that are computed
  float scale = 1.0f;               // of the scores, over 0
};
// Bytes of one head's keys and values in a block.
constexpr std::size_t kv_block_bytes(Storage type, int head_dim) {
  const std::size_t numbers = 2 * static_cast<std::size_t>(head_dim) * kKvBlock;
  if (type == Storage::kQ8) return numbers + 2 * kKvBlock * sizeof(float);
  return numbers * (type == Storage::kF32 ? 4 : 2);
}

struct Table {
  std::string_view name;  // "avx2"
  int lanes = 0;  // outputs of one vector: row ranges of matmuls begin at multiples of 2·lanes
  int widest_panel = 8;  // of Int8Rows, for more than 8 tokens: 8 or 16

  // One row of finite values: for each unit_of(group) columns scale = max|x| / 127 and q = round
  // half even(x · (127 / max|x|)), all zero where max|x| < 2^-119; values are ordered so that a
  // matmul with `bits` reads them in place. values, scales, sums: the token's slot in its panel.
  void (*quantize_row)(const float* x, std::int64_t cols, int bits, int group, int panel,
                       std::int8_t* values, float* scales, float* sums);
  // y[t, n], n in [begin, end), begin a multiple of 2·lanes. Sum over units u in order:
  // acc = fma(float(Σ q·x), scale · sx, acc), and after each group acc = fma(bias, sum, acc).
  // scratch: int8_scratch_bytes(cols).
  void (*matmul_int8)(const QuantMatrix& w, std::int64_t begin, std::int64_t end, const Int8Rows& x,
                      std::int64_t tokens, float* y, std::int64_t y_stride,
                      const Epilogue& epilogue, std::byte* scratch);
  // The same with float32 rows x[T, K] and dequantised weights scale·q + bias, or float weights.
  // Sum over k in order: acc = fma(w, x, acc). scratch: f32_scratch_bytes(cols).
  void (*matmul_quant_f32)(const QuantMatrix& w, std::int64_t begin, std::int64_t end,
                           const float* x, std::int64_t x_stride, std::int64_t tokens, float* y,
                           std::int64_t y_stride, const Epilogue& epilogue, std::byte* scratch);
  void (*matmul_f32)(const FloatMatrix& w, std::int64_t begin, std::int64_t end, const float* x,
                     std::int64_t x_stride, std::int64_t tokens, float* y, std::int64_t y_stride,
                     const Epilogue& epilogue, std::byte* scratch);

  // y may be x. bias null: RMSNorm, x / sqrt(mean(x²) + eps) · weight; else LayerNorm.
  void (*normalize)(const float* x, std::int64_t cols, const float* weight, const float* bias,
                    float eps, float* y);
  // y[i] = silu(gate[i]) · up[i]
  void (*silu_multiply)(const float* gate, const float* up, std::int64_t count, float* y);
  // One head in place: pairs (i, i + d/2) turned by cos, sin [d/2], times scale.
  void (*rotate)(float* head, int head_dim, const float* cos, const float* sin, float scale);
  void (*to_f16)(const float* x, std::int64_t count, std::uint16_t* y);  // nearest even
  // The key or value of one token and head for a kQ8 cache, finite: returns scale = max|x| / 127;
  // y[i · stride] = round half even(x[i] · (127 / max|x|)). All zero where max|x| < 2^-119.
  float (*to_q8)(const float* x, std::int64_t count, std::int8_t* y, std::int64_t stride);
  // Online softmax over blocks in order; within a block scores sum products over d in order, and
  // outputs acc = fma(weight, value, acc) over keys in order. kQ8: score = (Σ q · k) · key scale;
  // outputs take weight · value scale, rounded, in the weight's place, the softmax's denominator
  // does not. scratch: attention_scratch_bytes(d).
  void (*attention)(const AttentionHead& head, std::byte* scratch);
  // Softmax(scale · q kᵀ) v with 16-bit integers: q with one scale a row, k with one, both within
  // score_limit(d); v with one scale a channel, within kValueLimit; weights w = round(16383 ·
  // 2^(score − largest score)), and out = Σ w · v / Σ w. scratch: full_attention_scratch_bytes.
  void (*full_attention)(const FullAttention& head, std::byte* scratch);

  // The limits of one core, for benchmarks. Operations done in `rounds` rounds of int8 dots (the
  // form that matmul_int8 uses) and of float32 fused products, a product and a sum counting as two.
  double (*peak_int8)(std::int64_t rounds);
  double (*peak_f32)(std::int64_t rounds);
  // Reads `count` bytes (but for a last few) and returns a sum of them.
  std::uint32_t (*read_all)(const std::uint8_t* bytes, std::size_t count);
};

std::size_t int8_scratch_bytes(std::int64_t cols);
std::size_t f32_scratch_bytes(std::int64_t cols);
std::size_t attention_scratch_bytes(int head_dim);
std::size_t full_attention_scratch_bytes(std::int64_t keys, int head_dim);

// Targets that were compiled in and can run here, best first: "amx", "avx3_dl", "avx3",
// "avx2_vnni", "avx2", "sse4", "ssse3", "scalar" on x86; "neon_dot" (Armv8.2), "neon", "scalar" on
// Arm.
std::vector<std::string> available_targets();
// "auto" or one of them; nullptr otherwise. Tables live for ever.
const Table* find_table(std::string_view target);

}  // namespace oc::kernels
