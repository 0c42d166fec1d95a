// Float rows × weights of any kind: byte for byte the documented sums, on every target.
#include "tests/kernels/support.h"

namespace oc::kernels {
namespace {

constexpr float kUntouched = -12345.0f;

// Float weights and what the test's loops read.
struct FloatData {
  std::vector<float> values;  // [N, K]
  Guarded<std::uint8_t> raw;
  FloatMatrix matrix;
};

class MatmulF32 : public KernelTest {
 protected:
  FloatData make_floats(Storage type, std::int64_t rows, std::int64_t cols, std::size_t gap) {
    std::vector<float> values = normals(rows * cols);
    values[0] = 3e-6f;  // subnormal as f16
    const std::vector<std::uint8_t> raw = stored(values, type);
    FloatData data{std::move(values), Guarded<std::uint8_t>(raw, gap), {}};
    data.matrix = {.weight = data.raw.data(), .type = type, .rows = rows, .cols = cols};
    return data;
  }
  static std::vector<float> dequantised(const QuantData& w) {
    std::vector<float> out(w.q.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t g = i / static_cast<std::size_t>(w.matrix.group);
      out[i] = product(w.scale[g], static_cast<float>(w.q[i])) + w.bias[g];
    }
    return out;
  }

  // y [tokens, N] = x · Wᵀ, each output one chain over k.
  std::vector<float> expected(const std::vector<float>& w, std::int64_t rows, std::int64_t cols,
                              const float* x, std::int64_t x_stride, std::int64_t tokens) const {
    std::vector<float> y(index(tokens * rows));
    for (std::int64_t t = 0; t < tokens; ++t)
      for (std::int64_t n = 0; n < rows; ++n) {
        float acc = 0;
        for (std::int64_t k = 0; k < cols; ++k)
          acc = fma(w[index(n * cols + k)], x[t * x_stride + k], acc);
        y[index(t * rows + n)] = acc;
      }
    return y;
  }

  void run(const FloatMatrix& w, std::int64_t begin, std::int64_t end, const float* x,
           std::int64_t x_stride, std::int64_t tokens, float* y, std::int64_t y_stride,
           const Epilogue& epilogue = {}) const {
    const Scratch scratch(f32_scratch_bytes(w.cols));
    table_.matmul_f32(w, begin, end, x, x_stride, tokens, y, y_stride, epilogue, scratch.data());
  }
  void run(const QuantMatrix& w, std::int64_t begin, std::int64_t end, const float* x,
           std::int64_t x_stride, std::int64_t tokens, float* y, std::int64_t y_stride,
           const Epilogue& epilogue = {}) const {
    const Scratch scratch(f32_scratch_bytes(w.cols));
    table_.matmul_quant_f32(w, begin, end, x, x_stride, tokens, y, y_stride, epilogue,
                            scratch.data());
  }

  // All tokens at once, in rows of y that are wider than N: exact, and nothing else is touched.
  template <class Matrix>
  void check(const Matrix& w, const std::vector<float>& values, std::int64_t tokens,
             std::size_t gap) {
    const std::int64_t x_stride = w.cols + 1, y_stride = w.rows + 2;
    const Guarded<float> x(normals(tokens * x_stride - 1), gap);  // ends with the last row
    const Guarded<float> y(index(tokens * y_stride - 2), 3 - gap);
    std::fill_n(y.data(), y.size(), kUntouched);
    run(w, 0, w.rows, x.data(), x_stride, tokens, y.data(), y_stride);
    const std::vector<float> want = expected(values, w.rows, w.cols, x.data(), x_stride, tokens);
    for (std::int64_t t = 0; t < tokens; ++t) {
      ASSERT_TRUE(same_bytes(std::span(y.data() + t * y_stride, index(w.rows)),
                             std::span(want).subspan(index(t * w.rows), index(w.rows))))
          << "[" << w.rows << ", " << w.cols << "], token " << t << " of " << tokens << ", gap "
          << gap;
      for (std::int64_t n = w.rows; n < y_stride && t + 1 < tokens; ++n)
        ASSERT_EQ(y[index(t * y_stride + n)], kUntouched);
    }
  }
};

TEST_P(MatmulF32, FloatWeightsOfEveryShape) {
  for (const Storage type : {Storage::kF32, Storage::kF16, Storage::kBF16}) {
    std::size_t gap = 0;
    for (const std::int64_t cols : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 67, 130})
      for (const std::int64_t rows : row_counts()) {
        const FloatData w = make_floats(type, rows, cols, gap % 4);
        check(w.matrix, w.values, 1 + (rows + cols) % 9, gap % 4);
        ++gap;
      }
  }
}

TEST_P(MatmulF32, QuantisedWeightsOfEveryShape) {
  for (const int bits : {4, 8})
    for (const int group : {32, 64, 128})
      for (const Storage meta : {Storage::kF16, Storage::kBF16, Storage::kF32}) {
        std::size_t gap = 0;
        for (const std::int64_t groups : {1, 3})
          for (const std::int64_t rows : row_counts()) {
            const QuantData w =
                make_quant(random_, bits, group, meta, rows, groups * group, gap % 4);
            check(w.matrix, dequantised(w), 1 + rows % 3, gap % 4);
            ++gap;
          }
      }
}

TEST_P(MatmulF32, ARowIsTheSameBytesInAnyCompany) {
  const std::int64_t rows = 2 * table_.lanes + 3, cols = 96, tokens = 21;
  const FloatData floats = make_floats(Storage::kBF16, rows, cols, 0);
  const QuantData quants = make_quant(random_, 4, 32, Storage::kF16, rows, cols, 0);
  const std::vector<float> x = normals(tokens * cols);
  const auto check_all = [&](const auto& w) {
    std::vector<float> together(index(tokens * rows));
    run(w, 0, rows, x.data(), cols, tokens, together.data(), rows);
    for (const std::int64_t company : {1, 2, 3, 4, 5, 6, 7, 8, 13}) {
      std::vector<float> parts(together.size());
      for (std::int64_t t = 0; t < tokens; t += company)
        run(w, 0, rows, x.data() + t * cols, cols, std::min(company, tokens - t),
            parts.data() + t * rows, rows);
      ASSERT_TRUE(same_bytes(parts, together)) << company << " rows at a time";
    }
  };
  check_all(floats.matrix);
  check_all(quants.matrix);
}

TEST_P(MatmulF32, RangesOfOutputs) {
  const std::int64_t step = 2 * table_.lanes, rows = 3 * step + 5, cols = 64, tokens = 7;
  const FloatData floats = make_floats(Storage::kF16, rows, cols, 1);
  const QuantData quants = make_quant(random_, 8, 64, Storage::kBF16, rows, cols, 1);
  const std::vector<float> x = normals(tokens * cols);
  const auto check_all = [&](const auto& w) {
    std::vector<float> whole(index(tokens * rows));
    run(w, 0, rows, x.data(), cols, tokens, whole.data(), rows);
    for (std::int64_t begin = 0; begin < rows; begin += step)
      for (const std::int64_t count :
           {std::int64_t{0}, std::int64_t{1}, step - 1, step, step + 1, 2 * step, rows - begin}) {
        const std::int64_t end = begin + count;
        if (end > rows) continue;
        std::vector<float> y(whole.size(), kUntouched);
        run(w, begin, end, x.data(), cols, tokens, y.data(), rows);
        for (std::int64_t t = 0; t < tokens; ++t)
          for (std::int64_t n = 0; n < rows; ++n) {
            const std::size_t i = index(t * rows + n);
            ASSERT_EQ(y[i], n >= begin && n < end ? whole[i] : kUntouched)
                << "[" << begin << ", " << end << "), output " << n;
          }
      }
  };
  check_all(floats.matrix);
  check_all(quants.matrix);
}

TEST_P(MatmulF32, Epilogues) {
  const std::int64_t rows = 2 * table_.lanes + 1, cols = 33, tokens = 9, add_stride = rows + 3;
  const FloatData w = make_floats(Storage::kF32, rows, cols, 0);
  const std::vector<float> x = normals(tokens * cols);
  const Guarded<float> bias(normals(rows, 3), 0);
  const Guarded<float> add(normals(tokens * add_stride - 3), 0);
  const std::vector<float> sums = expected(w.values, rows, cols, x.data(), cols, tokens);
  for (const Function function : {Function::kNone, Function::kQuickGelu, Function::kGelu,
                                  Function::kGeluTanh, Function::kSilu})
    for (const bool with_bias : {false, true})
      for (const int adding : {0, 1, 2}) {  // nothing, another matrix, y itself
        const std::vector<float> before = normals(tokens * rows);
        std::vector<float> y = before;
        run(w.matrix, 0, rows, x.data(), cols, tokens, y.data(), rows,
            {.bias = with_bias ? bias.data() : nullptr,
             .function = function,
             .add = adding == 0   ? nullptr
                    : adding == 1 ? add.data()
                                  : y.data(),
             .add_stride = adding == 1 ? add_stride : rows});
        for (std::int64_t t = 0; t < tokens; ++t)
          for (std::int64_t n = 0; n < rows; ++n) {
            const std::size_t i = index(t * rows + n);
            const float in = with_bias ? sums[i] + bias[index(n)] : sums[i];
            const float more = adding == 0   ? 0.0f
                               : adding == 1 ? add[index(t * add_stride + n)]
                                             : before[i];
            const double v = in;
            const double out =
                function == Function::kQuickGelu ? v / (1 + std::exp(-1.702 * v))
                : function == Function::kGelu    ? v / 2 * std::erfc(-v * M_SQRT1_2)
                : function == Function::kGeluTanh
                    ? v / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)))
                : function == Function::kSilu ? v / (1 + std::exp(-v))
                                              : v;
            if (function == Function::kNone) {
              ASSERT_EQ(y[i], adding == 0 ? in : in + more);
            } else {
              // float32 exp and erf; erf's cancellation for negative v costs a unit of v itself.
              ASSERT_NEAR(y[i], out + more, 3e-7 * (std::abs(v) + std::abs(more)))
                  << "function " << static_cast<int>(function) << " of " << v;
            }
          }
      }
}

TEST_P(MatmulF32, ActivationFunctionsFarOut) {
  const std::vector<float> extremes = {0,    1e-42f, -1e-42f, 60,    -60,    62,    -62,
                                       100,  -100,   150,     -150,  210,    -210,  400,
                                       -400, 1e4f,   -1e4f,   1e20f, -1e20f, 3e38f, -3e38f};
  const std::vector<float> one = {1};
  for (const Function function :
       {Function::kQuickGelu, Function::kGelu, Function::kGeluTanh, Function::kSilu})
    for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{2} * table_.lanes})
      for (const float v : extremes) {
        const std::vector<float> weight(index(rows), v);
        const FloatMatrix w{.weight = reinterpret_cast<const std::uint8_t*>(weight.data()),
                            .rows = rows,
                            .cols = 1};
        std::vector<float> y(index(rows));
        run(w, 0, rows, one.data(), 1, 1, y.data(), rows, {.function = function});
        // Small values: x/2. Far out: the identity or nothing.
        const double expected = std::abs(v) < 1 ? v / 2 : std::max(v, 0.0f);
        for (const float value : y)
          ASSERT_NEAR(value, expected, 1e-6 * std::abs(expected) + 1e-20)
              << "function " << static_cast<int>(function) << " of " << v;
      }
}

TEST_P(MatmulF32, ExtremeActivations) {
  const std::int64_t rows = table_.lanes + 1, cols = 67;
  const FloatData w = make_floats(Storage::kF32, rows, cols, 0);
  for (const float size : {0.0f, 1e-44f, 1e-38f, 1e30f, 1e36f}) {
    const std::vector<float> x = normals(3 * cols, size > 0 ? size : 1);
    std::vector<float> rows_in = x;
    if (size == 0) std::ranges::fill(rows_in, 0.0f);
    std::vector<float> y(index(3 * rows));
    run(w.matrix, 0, rows, rows_in.data(), cols, 3, y.data(), rows);
    ASSERT_TRUE(same_bytes(y, expected(w.values, rows, cols, rows_in.data(), cols, 3))) << size;
  }
}

OC_ON_EVERY_TARGET(MatmulF32);

}  // namespace
}  // namespace oc::kernels
