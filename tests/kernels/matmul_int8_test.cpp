// Packed weights × int8 rows: the rounding of rows, and byte for byte the documented sums.
#include "tests/kernels/support.h"

namespace oc::kernels {
namespace {

constexpr float kUntouched = -12345.0f;

// Rows as the kernel quantised them, and as the test's loops read them.
struct Rows {
  std::int64_t count = 0, cols = 0;
  int panel = 1;
  Guarded<std::int8_t> values;
  Guarded<float> scales, sums;
  std::vector<int> q;             // [T, K], columns in order
  std::vector<float> scale, sum;  // [T, K/unit], [T, K/group]
  Int8Rows all() const {
    return {.values = values.data(), .scales = scales.data(), .sums = sums.data(), .panel = panel};
  }
};

// The slots of token t in a panelled array with `width` entries of `size` elements a token.
template <class T>
std::vector<T> of_token(const Guarded<T>& array, std::int64_t t, int panel, std::int64_t width,
                        std::int64_t size) {
  std::vector<T> out;
  const T* slot = array.data() + t / panel * panel * width * size + t % panel * size;
  for (std::int64_t i = 0; i < width; ++i)
    out.insert(out.end(), slot + i * panel * size, slot + i * panel * size + size);
  return out;
}

class MatmulInt8 : public KernelTest {
 protected:
  // scale = max|x| / 127, q = x · (127 / max|x|) to the nearest, ties to even.
  Rows quantise(const std::vector<float>& x, std::int64_t count, std::int64_t cols, int bits,
                int group, std::size_t gap) const {
    const std::int64_t unit = unit_of(group), units = cols / unit, groups = cols / group;
    const int panel = panel_of(count, table_.widest_panel);
    const std::int64_t slots = (count + panel - 1) / panel * panel;
    Rows rows{count,
              cols,
              panel,
              Guarded<std::int8_t>(index(slots * cols), gap),
              Guarded<float>(index(slots * units), gap),
              Guarded<float>(index(slots * groups), gap),
              std::vector<int>(index(count * cols)),
              std::vector<float>(index(count * units)),
              std::vector<float>(index(count * groups))};
    const Guarded<float> in(x, gap);
    for (std::int64_t t = 0; t < slots; ++t) {
      const std::int64_t first = t / panel * panel, slot = t - first;
      table_.quantize_row(in.data() + std::min(t, count - 1) * cols, cols, bits, group, panel,
                          rows.values.data() + first * cols + values_slot(panel, group, slot),
                          rows.scales.data() + first * units + slot,
                          rows.sums.data() + first * groups + slot);
    }
    for (std::int64_t t = 0; t < count; ++t)
      for (std::int64_t u = 0; u < units; ++u) {
        const std::size_t first = index(t * cols + u * unit);
        float largest = 0;
        for (std::size_t i = 0; i < index(unit); ++i)
          largest = std::max(largest, std::abs(x[first + i]));
        int sum = 0;
        for (std::size_t i = 0; i < index(unit); ++i) {
          rows.q[first + i] =
              largest > 0 ? static_cast<int>(std::nearbyint(x[first + i] * (127.0f / largest))) : 0;
          sum += rows.q[first + i];
        }
        const float scale = largest / 127.0f;
        rows.scale[index(t * units + u)] = scale;
        rows.sum[index(t * groups + u * unit / group)] += product(scale, static_cast<float>(sum));
      }
    return rows;
  }

  static void expect_rounded(const Rows& rows, std::int64_t units, std::int64_t groups) {
    for (std::int64_t t = 0; t < rows.count; ++t) {
      ASSERT_TRUE(same_bytes(of_token(rows.scales, t, rows.panel, units, 1),
                             std::span(rows.scale).subspan(index(t * units), index(units))));
      ASSERT_TRUE(same_bytes(of_token(rows.sums, t, rows.panel, groups, 1),
                             std::span(rows.sum).subspan(index(t * groups), index(groups))));
    }
  }

  std::vector<float> expected(const QuantData& w, const Rows& x) const {
    const std::int64_t n_rows = w.matrix.rows, cols = w.matrix.cols, group = w.matrix.group;
    const std::int64_t unit = unit_of(group), units = cols / unit, groups = cols / group;
    std::vector<float> y(index(x.count * n_rows));
    for (std::int64_t t = 0; t < x.count; ++t)
      for (std::int64_t n = 0; n < n_rows; ++n) {
        float acc = 0;
        for (std::int64_t u = 0; u < units; ++u) {
          int sum = 0;
          for (std::int64_t k = u * unit; k < (u + 1) * unit; ++k)
            sum += w.q[index(n * cols + k)] * x.q[index(t * cols + k)];
          const std::size_t g = index(n * groups + u * unit / group);
          acc =
              fma(static_cast<float>(sum), product(w.scale[g], x.scale[index(t * units + u)]), acc);
          if ((u + 1) * unit % group == 0)
            acc = fma(w.bias[g], x.sum[index(t * groups + u * unit / group)], acc);
        }
        y[index(t * n_rows + n)] = acc;
      }
    return y;
  }

  void run(const QuantMatrix& w, std::int64_t begin, std::int64_t end, const Int8Rows& x,
           std::int64_t tokens, float* y, std::int64_t y_stride,
           const Epilogue& epilogue = {}) const {
    const Scratch scratch(int8_scratch_bytes(w.cols));
    table_.matmul_int8(w, begin, end, x, tokens, y, y_stride, epilogue, scratch.data());
  }

  void check(const QuantData& w, const std::vector<float>& x, std::int64_t tokens,
             std::size_t gap) {
    const QuantMatrix& m = w.matrix;
    const Rows rows = quantise(x, tokens, m.cols, m.bits, m.group, gap);
    expect_rounded(rows, m.cols / unit_of(m.group), m.cols / m.group);
    const std::int64_t y_stride = m.rows + 2;
    const Guarded<float> y(index(tokens * y_stride - 2), 3 - gap);
    std::fill_n(y.data(), y.size(), kUntouched);
    run(m, 0, m.rows, rows.all(), tokens, y.data(), y_stride);
    const std::vector<float> want = expected(w, rows);
    for (std::int64_t t = 0; t < tokens; ++t) {
      ASSERT_TRUE(same_bytes(std::span(y.data() + t * y_stride, index(m.rows)),
                             std::span(want).subspan(index(t * m.rows), index(m.rows))))
          << "[" << m.rows << ", " << m.cols << "], " << m.bits << " bits, groups of " << m.group
          << ", token " << t << " of " << tokens << ", gap " << gap;
      for (std::int64_t n = m.rows; n < y_stride && t + 1 < tokens; ++n)
        ASSERT_EQ(y[index(t * y_stride + n)], kUntouched);
    }
  }
};

TEST_P(MatmulInt8, RowsOfEveryShape) {
  for (const int bits : {4, 8})
    for (const int group : {32, 64, 128})
      for (std::int64_t groups = 1; groups <= 3; ++groups)
        for (std::size_t gap = 0; gap < 4; ++gap) {
          const std::int64_t cols = groups * group, unit = unit_of(group), units = cols / unit;
          const std::int64_t tokens = 1 + (groups + index(gap)) % 5;
          const std::vector<float> x = normals(tokens * cols);
          const Rows rows = quantise(x, tokens, cols, bits, group, gap);
          expect_rounded(rows, units, groups);
          // The order within a unit is the kernels' own business; the values are not.
          for (std::int64_t t = 0; t < tokens; ++t) {
            const std::vector<std::int8_t> values =
                of_token(rows.values, t, rows.panel, cols / 4, 4);
            for (std::int64_t u = 0; u < units; ++u) {
              std::vector<int> got(values.begin() + u * unit, values.begin() + (u + 1) * unit);
              const auto first = rows.q.begin() + t * cols + u * unit;
              std::vector<int> want(first, first + unit);
              std::ranges::sort(got);
              std::ranges::sort(want);
              ASSERT_EQ(got, want) << bits << " bits, token " << t << ", unit " << u;
              const double scale = rows.scale[index(t * units + u)];
              for (std::size_t i = index(t * cols + u * unit); i < index(t * cols + (u + 1) * unit);
                   ++i)
                ASSERT_LE(std::abs(x[i] - rows.q[i] * scale), 0.5001 * scale);
            }
          }
        }
}

TEST_P(MatmulInt8, TiesGoToEven) {
  // max|x| = 127 makes the scale one: halves are exact ties.
  std::vector<float> x(index(kChunk));
  for (std::size_t i = 0; i < 31; ++i) x[i] = static_cast<float>(i) - 15.5f;
  x[31] = 127;
  std::vector<int> want;
  for (const float v : x) want.push_back(static_cast<int>(2 * std::floor((v + 1) / 2)));
  want[31] = 127;
  std::vector<std::int8_t> values(index(kChunk));
  float scale = 0, sum = 0;
  table_.quantize_row(x.data(), kChunk, 8, 32, 1, values.data(), &scale, &sum);
  EXPECT_EQ(scale, 1.0f);
  EXPECT_EQ(std::vector<int>(values.begin(), values.end()), want);  // 8 bits: in order
}

TEST_P(MatmulInt8, ExtremeRows) {
  // Units of nothing and of the largest floats; one of each kind beside the other.
  for (const float size : {0.0f, 1e-44f, 1e-40f, 1e-37f, 3e-37f, 1e-36f, 1e-30f, 1e30f, 3.4e38f})
    for (const int bits : {4, 8}) {
      std::vector<float> x(index(2 * kMaxUnit));
      for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = size * (static_cast<float>(i % 32) / 31.0f) * (i % 3 ? 1.0f : -1.0f);
      std::vector<std::int8_t> values(x.size());
      std::vector<float> scales(2), sums(1);
      table_.quantize_row(x.data(), 2 * kMaxUnit, bits, 128, 1, values.data(), scales.data(),
                          sums.data());
      // What is left of a unit is within half a step, or within 2^-119 where a step would be no
      // normal number.
      double worst = 0, total = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t in = i % 8, place = bits == 4 ? i - in + in / 2 + in % 2 * 4 : i;
        const double back = static_cast<double>(values[place]) * scales[i / index(kMaxUnit)];
        worst = std::max(worst, std::abs(back - x[i]));
        total += back;
      }
      EXPECT_LE(worst, std::max(0.5001 * scales[0], 0x1p-119)) << size;
      EXPECT_LE(worst, 0.004 * size + 1e-45 + (size < 0x1p-119f ? size : 0)) << size;
      if (std::abs(total) < 1e38) {  // a sum of the largest floats is none
        EXPECT_NEAR(sums[0], total, 1e-5 * std::abs(total) + 1e-43) << size;
      }
      EXPECT_TRUE(std::isfinite(scales[0])) << size;
      // Below what a step can express a unit is nothing at all.
      if (size < 0x1p-119f) {
        EXPECT_EQ(scales, std::vector<float>(2)) << size;
        EXPECT_EQ(values, std::vector<std::int8_t>(x.size())) << size;
      }
    }
}

TEST_P(MatmulInt8, WeightsOfEveryShape) {
  for (const int bits : {4, 8})
    for (const int group : {32, 64, 128})
      for (const Storage meta : {Storage::kF16, Storage::kBF16, Storage::kF32}) {
        std::size_t gap = 0;
        // 1, 3 and more groups than lanes.
        for (const std::int64_t cols : {group, 3 * group, 18 * 32 / group * group + group})
          for (const std::int64_t rows : row_counts()) {
            const std::int64_t tokens = 1 + (rows + gap) % 5;
            check(make_quant(random_, bits, group, meta, rows, cols, gap % 4),
                  normals(tokens * cols), tokens, gap % 4);
            ++gap;
          }
      }
}

TEST_P(MatmulInt8, EveryNumberOfTokens) {
  for (const int bits : {4, 8}) {
    const QuantData w = make_quant(random_, bits, 64, Storage::kF16, 2 * table_.lanes + 3, 192, 0);
    for (std::int64_t tokens = 1; tokens <= 19; ++tokens)
      check(w, normals(tokens * 192), tokens, index(tokens) % 4);
  }
}

// Few tokens: from 512 columns on they are read row after row, from 128 on by lines where there is
// VNNI: strips that follow each other, a cut off last one, every panel; and columns that are no
// multiple of what is read at a time.
TEST_P(MatmulInt8, LongRowsOfFewTokens) {
  std::size_t gap = 0;
  for (const std::int64_t cols : {128, 192, 384, 512, 576, 960, 1024, 1536, 1664, 2560, 3008})
    for (const std::int64_t rows :
         {std::int64_t{1}, std::int64_t{table_.lanes - 1}, std::int64_t{table_.lanes},
          std::int64_t{2 * table_.lanes + 3}, std::int64_t{5 * table_.lanes}})
      for (const std::int64_t tokens : {1, 2, 3, 4, 5, 8, 9}) {
        const Storage meta = gap % 3 == 0 ? Storage::kF16 : Storage::kBF16;
        for (const int bits : {4, 8})
          check(make_quant(random_, bits, 64, meta, rows, cols, gap % 4), normals(tokens * cols),
                tokens, gap % 4);
        ++gap;
      }
}

// Floats are rounded to 8 bits on the way: widths that are no whole groups, of every float type; a
// group of equal numbers, and one next to nothing.
TEST_P(MatmulInt8, FloatsAreRoundedToEightBits) {
  std::size_t gap = 0;
  for (const Storage type : {Storage::kF32, Storage::kF16, Storage::kBF16})
    for (const std::int64_t cols : {64, 80, 144, 592})
      for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{2 * table_.lanes + 3}})
        for (const std::int64_t tokens : {1, 2, 4, 7, 21}) {
          std::vector<float> values = normals(rows * cols);
          std::fill_n(values.begin(), 64, 0.75f);
          if (rows > 1)
            std::for_each(values.begin() + cols, values.begin() + cols + 64,
                          [](float& value) { value *= 1e-38f; });
          const QuantData w = round_floats(values, type, rows, cols, gap % 4);
          std::vector<float> x = normals(tokens * w.matrix.cols);
          for (std::int64_t t = 0; t < tokens; ++t)
            std::fill(x.begin() + t * w.matrix.cols + cols, x.begin() + (t + 1) * w.matrix.cols,
                      0.0f);
          check(w, x, tokens, gap % 4);
          ++gap;
        }
}

// A weight that is no number is an output that is none.
TEST_P(MatmulInt8, FloatsThatAreNoNumbers) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    std::vector<float> values = normals(3 * 128);
    values[128 + 70] = bad;
    const QuantData w = round_floats(values, Storage::kBF16, 3, 128, 0);
    const Rows x = quantise(normals(9 * 128), 9, 128, 8, 64, 0);
    std::vector<float> y(27);
    run(w.matrix, 0, 3, x.all(), 9, y.data(), 3);
    for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i % 3 == 1) << i;
  }
}

// Many tokens meet some columns at a time, their sums are kept in between: whole and cut off blocks
// of columns, and more tokens than are kept.
TEST_P(MatmulInt8, BlocksOfColumns) {
  for (const int bits : {4, 8})
    for (const int group : {32, 64, 128})
      for (const std::int64_t cols : {1024, 2048 + group})
        check(make_quant(random_, bits, group, Storage::kBF16, 2 * table_.lanes + 3, cols, 1),
              normals(20 * cols), 20, 1);
  const std::int64_t tokens = kKeptTokens + 9, cols = 1024 + 64;
  check(make_quant(random_, 4, 64, Storage::kF16, table_.lanes + 1, cols, 0),
        normals(tokens * cols), tokens, 0);
}

TEST_P(MatmulInt8, LargestSumsOfLongRows) {
  const std::int64_t rows = table_.lanes, cols = 512;
  for (const float sign : {1.0f, -1.0f})
    for (const std::int64_t tokens : {1, 4}) {
      QuantData w = make_quant(random_, 4, 64, Storage::kF16, rows, cols, 0);
      std::ranges::fill(w.q, 15);
      std::memset(w.packed.data(), 0xff, w.packed.size());
      check(w, std::vector<float>(index(tokens * cols), sign * 2.5f), tokens, 0);
    }
}

TEST_P(MatmulInt8, ARowIsTheSameBytesInAnyCompany) {
  const std::int64_t tokens = 21, cols = 512;
  for (const int bits : {4, 8})
    for (const std::int64_t n_rows : row_counts()) {
      const QuantData w = make_quant(random_, bits, 64, Storage::kBF16, n_rows, cols, 0);
      const std::vector<float> x = normals(tokens * cols);
      std::vector<float> together(index(tokens * n_rows));
      run(w.matrix, 0, n_rows, quantise(x, tokens, cols, bits, 64, 0).all(), tokens,
          together.data(), n_rows);
      for (const std::int64_t company : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13}) {
        std::vector<float> parts(together.size());
        for (std::int64_t t = 0; t < tokens; t += company) {
          const std::int64_t count = std::min(company, tokens - t);
          const std::vector<float> rows(x.begin() + t * cols, x.begin() + (t + count) * cols);
          run(w.matrix, 0, n_rows, quantise(rows, count, cols, bits, 64, 0).all(), count,
              parts.data() + t * n_rows, n_rows);
        }
        ASSERT_TRUE(same_bytes(parts, together))
            << n_rows << " outputs, " << company << " rows at a time";
      }
    }
}

TEST_P(MatmulInt8, RangesOfOutputs) {
  const std::int64_t step = 2 * table_.lanes, rows = 3 * step + 5, cols = 64;
  for (const int bits : {4, 8})
    for (const std::int64_t tokens : {1, 7}) {
      const QuantData w = make_quant(random_, bits, 32, Storage::kF16, rows, cols, 0);
      const Rows x = quantise(normals(tokens * cols), tokens, cols, bits, 32, 0);
      std::vector<float> whole(index(tokens * rows));
      run(w.matrix, 0, rows, x.all(), tokens, whole.data(), rows);
      for (std::int64_t begin = 0; begin < rows; begin += step)
        for (const std::int64_t count :
             {std::int64_t{0}, std::int64_t{1}, step - 1, step, step + 1, 2 * step, rows - begin}) {
          const std::int64_t end = begin + count;
          if (end > rows) continue;
          std::vector<float> y(whole.size(), kUntouched);
          run(w.matrix, begin, end, x.all(), tokens, y.data(), rows);
          for (std::int64_t t = 0; t < tokens; ++t)
            for (std::int64_t n = 0; n < rows; ++n) {
              const std::size_t i = index(t * rows + n);
              ASSERT_EQ(y[i], n >= begin && n < end ? whole[i] : kUntouched)
                  << "[" << begin << ", " << end << "), output " << n;
            }
        }
    }
}

TEST_P(MatmulInt8, Epilogues) {
  const std::int64_t rows = 2 * table_.lanes + 1, cols = 64;
  for (const std::int64_t tokens : {1, 9}) {
    const QuantData w = make_quant(random_, 4, 64, Storage::kF16, rows, cols, 0);
    const Rows x = quantise(normals(tokens * cols), tokens, cols, 4, 64, 0);
    const std::vector<float> sums = expected(w, x);
    const Guarded<float> bias(normals(rows), 0);
    const std::vector<float> before = normals(tokens * rows);
    std::vector<float> y = before, want(sums.size());
    run(w.matrix, 0, rows, x.all(), tokens, y.data(), rows,
        {.bias = bias.data(), .add = y.data(), .add_stride = rows});
    for (std::size_t i = 0; i < want.size(); ++i)
      want[i] = sums[i] + bias[i % index(rows)] + before[i];
    EXPECT_TRUE(same_bytes(y, want)) << tokens << " tokens";
    run(w.matrix, 0, rows, x.all(), tokens, y.data(), rows, {.function = Function::kSilu});
    for (std::size_t i = 0; i < want.size(); ++i)
      EXPECT_NEAR(y[i], sums[i] / (1 + std::exp(-double{sums[i]})), 3e-7 * std::abs(sums[i]));
  }
}

TEST_P(MatmulInt8, LargestSumsDoNotOverflow) {
  // All weights and activations at their ends: 64 · 255 · 127 a unit, where 16-bit sums would wrap.
  const std::int64_t rows = table_.lanes + 1, cols = 128;
  for (const int bits : {4, 8})
    for (const float sign : {1.0f, -1.0f})
      for (const std::int64_t tokens : {1, 3}) {
        QuantData w = make_quant(random_, bits, 64, Storage::kF32, rows, cols, 0);
        std::ranges::fill(w.q, (1 << bits) - 1);
        std::memset(w.packed.data(), 0xff, w.packed.size());
        check(w, std::vector<float>(index(tokens * cols), sign * 2.5f), tokens, 0);
      }
}

TEST_P(MatmulInt8, ExtremeActivations) {
  const std::int64_t rows = table_.lanes + 1, cols = 128;
  const QuantData w = make_quant(random_, 4, 64, Storage::kF32, rows, cols, 0);
  for (const float size : {1e-30f, 1e30f}) check(w, normals(3 * cols, size), 3, 0);
  check(w, std::vector<float>(index(3 * cols)), 3, 0);
  std::vector<float> mixed = normals(3 * cols);  // an outlier does not leave its unit
  mixed[5] = 1e6f;
  std::fill_n(mixed.begin() + 64, 64, 0.0f);
  check(w, mixed, 3, 0);
}

OC_ON_EVERY_TARGET(MatmulInt8);

}  // namespace
}  // namespace oc::kernels
