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
  const std::int64_t size = size_of_storage(w.type);
  for (int v = 0; v < kPanelVectors; ++v) {
    const std::uint8_t* rows[kLanes];
    for (std::int64_t lane = 0; lane < kLanes; ++lane)
      rows[lane] = w.weight + clamped_row(first + v * kLanes + lane, w.rows) * w.cols * size;
    std::int64_t k = 0;
    if (w.type == Storage::kF32) {
      for (; k + 4 <= w.cols; k += 4) {
        VU four[4];
        transpose4(rows, k * 4, four);
        for (int i = 0; i < 4; ++i)
          hn::StoreU(hn::BitCast(d, four[i]), d, panel + (k + i) * kPanelWidth + v * kLanes);
      }
    } else {
      HWY_ALIGN float wide[kLanes][kLanes];
      for (; k + kLanes <= w.cols; k += kLanes) {
        for (std::int64_t lane = 0; lane < kLanes; ++lane)
          hn::Store(load_float(rows[lane] + k * 2, w.type), d, wide[lane]);
        for (std::int64_t i = 0; i < kLanes; ++i)
          for (std::int64_t lane = 0; lane < kLanes; ++lane)
            panel[(k + i) * kPanelWidth + v * kLanes + lane] = wide[lane][i];
      }
    }
    for (; k < w.cols; ++k)
      for (std::int64_t lane = 0; lane < kLanes; ++lane)
        panel[k * kPanelWidth + v * kLanes + lane] = load_scalar(rows[lane] + k * size, w.type);
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
