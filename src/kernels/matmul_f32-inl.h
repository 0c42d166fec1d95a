// Float rows × weights of any kind. As with int8, outputs lie in lanes: a block of rows of W
// becomes a panel [K, 2·kLanes] of float32, which tiles of tokens meet. Each output is one chain of
// fused multiply-adds over k.
#if defined(OC_KERNELS_MATMUL_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_MATMUL_F32_INL_H_
#undef OC_KERNELS_MATMUL_F32_INL_H_
#else
#define OC_KERNELS_MATMUL_F32_INL_H_
#endif

#include "kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

inline constexpr int kPanelVectors = 2;
inline constexpr std::int64_t kPanelWidth = kPanelVectors * kLanes;

// Rows past the end repeat the last one; their results are not stored.
HWY_INLINE std::int64_t clamped_row(std::int64_t row, std::int64_t rows) {
  return row < rows ? row : rows - 1;
}

HWY_INLINE void panel_of_floats(const FloatMatrix& w, std::int64_t first, float* panel) {
  const DF d;
  const std::int64_t size = size_of_storage(w.type), stride = w.cols * size;
  for (int v = 0; v < kPanelVectors; ++v) {
    const std::int64_t row = first + v * kLanes;
    float* to = panel + v * kLanes;
    std::int64_t k = 0;
    if (row + kLanes <= w.rows) {
      const std::uint8_t* rows = w.weight + row * stride;
      for (const std::int64_t loaded = 16 / size; k + loaded <= w.cols; k += loaded) {
        VU four[4];
        transpose4(rows + k * size, stride, four);
        for (int j = 0; j < 4; ++j) {
          if (w.type == Storage::kF32) {
            hn::StoreU(hn::BitCast(d, four[j]), d, to + (k + j) * kPanelWidth);
          } else {
            hn::StoreU(float_of_half<false>(four[j], w.type), d, to + (k + 2 * j) * kPanelWidth);
            hn::StoreU(float_of_half<true>(four[j], w.type), d, to + (k + 2 * j + 1) * kPanelWidth);
          }
        }
      }
    }
    for (; k < w.cols; ++k)
      for (std::int64_t lane = 0; lane < kLanes; ++lane)
        to[k * kPanelWidth + lane] =
            load_scalar(w.weight + clamped_row(row + lane, w.rows) * stride + k * size, w.type);
  }
}

HWY_INLINE void panel_of_quants(const QuantMatrix& w, std::int64_t first, float* panel) {
  const std::int64_t groups = w.cols / w.group, size = size_of_storage(w.meta);
  const std::int64_t row_bytes = w.cols * w.bits / 8;
  for (std::int64_t lane = 0; lane < kPanelWidth; ++lane) {
    const std::int64_t row = clamped_row(first + lane, w.rows);
    const std::uint8_t* packed = w.weight + row * row_bytes;
    for (std::int64_t g = 0; g < groups; ++g) {
      const float scale = load_scalar(w.scales + (row * groups + g) * size, w.meta);
      const float bias = load_scalar(w.biases + (row * groups + g) * size, w.meta);
      for (std::int64_t k = g * w.group; k < (g + 1) * w.group; ++k) {
        const int q = w.bits == 8 ? packed[k] : (packed[k / 2] >> (4 * (k & 1))) & 15;
        panel[k * kPanelWidth + lane] = scale * static_cast<float>(q) + bias;
      }
    }
  }
}

template <int kT>
void f32_tile(const float* panel, std::int64_t cols, std::int64_t n, std::int64_t end,
              const float* x, std::int64_t x_stride, std::int64_t t0, float* y,
              std::int64_t y_stride, const Epilogue& epilogue) {
  const DF d;
  VF acc[kPanelVectors][kT];
  for (int r = 0; r < kPanelVectors; ++r)
    for (int t = 0; t < kT; ++t) acc[r][t] = hn::Zero(d);
  const float* rows[kT];
  for (int t = 0; t < kT; ++t) rows[t] = x + (t0 + t) * x_stride;
  for (std::int64_t k = 0; k < cols; ++k) {
    VF w[kPanelVectors];
    for (int r = 0; r < kPanelVectors; ++r)
      w[r] = hn::LoadU(d, panel + k * kPanelWidth + r * kLanes);
    for (int t = 0; t < kT; ++t) {
      const VF value = hn::Set(d, rows[t][k]);
      for (int r = 0; r < kPanelVectors; ++r) acc[r][t] = hn::MulAdd(w[r], value, acc[r][t]);
    }
  }
  for (int r = 0; r < kPanelVectors; ++r)
    for (int t = 0; t < kT; ++t)
      store_outputs(acc[r][t], t0 + t, n + r * kLanes, end, y, y_stride, epilogue);
}

HWY_INLINE void f32_block(const float* panel, std::int64_t cols, std::int64_t n, std::int64_t end,
                          const float* x, std::int64_t x_stride, std::int64_t tokens, float* y,
                          std::int64_t y_stride, const Epilogue& epilogue) {
  std::int64_t t = 0;
  for (; t + 6 <= tokens; t += 6)
    f32_tile<6>(panel, cols, n, end, x, x_stride, t, y, y_stride, epilogue);
  for (; t + 2 <= tokens; t += 2)
    f32_tile<2>(panel, cols, n, end, x, x_stride, t, y, y_stride, epilogue);
  for (; t < tokens; ++t) f32_tile<1>(panel, cols, n, end, x, x_stride, t, y, y_stride, epilogue);
}

void matmul_f32(const FloatMatrix& w, std::int64_t begin, std::int64_t end, const float* x,
                std::int64_t x_stride, std::int64_t tokens, float* y, std::int64_t y_stride,
                const Epilogue& epilogue, std::byte* scratch) {
  auto* panel = reinterpret_cast<float*>(scratch);
  for (std::int64_t n = begin; n < end; n += kPanelWidth) {
    panel_of_floats(w, n, panel);
    f32_block(panel, w.cols, n, end, x, x_stride, tokens, y, y_stride, epilogue);
  }
}

void matmul_quant_f32(const QuantMatrix& w, std::int64_t begin, std::int64_t end, const float* x,
                      std::int64_t x_stride, std::int64_t tokens, float* y, std::int64_t y_stride,
                      const Epilogue& epilogue, std::byte* scratch) {
  auto* panel = reinterpret_cast<float*>(scratch);
  for (std::int64_t n = begin; n < end; n += kPanelWidth) {
    panel_of_quants(w, n, panel);
    f32_block(panel, w.cols, n, end, x, x_stride, tokens, y, y_stride, epilogue);
  }
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
