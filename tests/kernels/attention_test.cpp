// One head of attention against softmax written out in double precision.
#include <algorithm>
#include <memory>

#include "tests/kernels/support.h"

namespace oc::kernels {
namespace {

constexpr float kUntouched = -12345.0f;
constexpr Storage kTypes[] = {Storage::kF32, Storage::kF16, Storage::kQ8};

// Keys and values of one head in blocks, and as plain rows. What lies behind the last key is finite
// rubbish that must not be seen.
struct Cache {
  std::int64_t keys = 0;
  int d = 0;
  std::vector<float> k, v;  // [keys, d]
  std::vector<Guarded<std::uint8_t>> memory;
  std::vector<const void*> blocks;
};

// kernels.h's to_q8 in plain loops: what it returns, and the int8 values of x[count].
float plain_q8(const float* x, std::int64_t count, std::int8_t* y) {
  float largest = 0;
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(x[i]));
  const float inverse = largest < 0x1p-119f ? 0.0f : 127.0f / largest;
  for (std::int64_t i = 0; i < count; ++i)  // the default rounding: half to even
    y[i] = static_cast<std::int8_t>(std::nearbyint(product(x[i], inverse)));
  return largest < 0x1p-119f ? 0.0f : largest / 127.0f;
}

class Attention : public KernelTest {
 protected:
  // make_cache for kQ8: cache.k and cache.v become scale · q.
  static void fill_q8(Cache& cache, std::size_t gap) {
    const std::int64_t d = cache.d;
    std::vector<std::int8_t> q(index(d));
    for (std::int64_t first = 0; first < cache.keys; first += kKvBlock) {
      std::vector<std::uint8_t> block(kv_block_bytes(Storage::kQ8, cache.d), 0x7f);
      std::vector<float> scales(2 * kKvBlock, 9000.0f);
      for (std::int64_t j = 0; j < std::min(kKvBlock, cache.keys - first); ++j)
        for (const bool value : {false, true}) {
          float* row = (value ? cache.v : cache.k).data() + (first + j) * d;
          const float scale = plain_q8(row, d, q.data());
          scales[index((value ? kKvBlock : 0) + j)] = scale;
          for (std::int64_t c = 0; c < d; ++c) {
            const std::int64_t at = value ? d * kKvBlock + j * d + c : c * kKvBlock + j;
            block[index(at)] = static_cast<std::uint8_t>(q[index(c)]);
            row[c] = scale * static_cast<float>(q[index(c)]);
          }
        }
      std::memcpy(block.data() + 2 * d * kKvBlock, scales.data(), scales.size() * sizeof(float));
      cache.memory.emplace_back(block, gap * sizeof(float));
      cache.blocks.push_back(cache.memory.back().data());
    }
  }
  Cache make_cache(std::vector<float> k, std::vector<float> v, int d, Storage type,
                   std::size_t gap) {
    Cache cache{static_cast<std::int64_t>(k.size()) / d, d, std::move(k), std::move(v), {}, {}};
    if (type == Storage::kQ8) {
      fill_q8(cache, gap);
      return cache;
    }
    (void)stored(cache.k, type);  // what the storage keeps of them
    (void)stored(cache.v, type);
    for (std::int64_t first = 0; first < cache.keys; first += kKvBlock) {
      std::vector<float> block(index(2 * d * kKvBlock), 9000.0f);
      for (std::int64_t j = 0; j < std::min(kKvBlock, cache.keys - first); ++j)
        for (std::int64_t c = 0; c < d; ++c) {
          block[index(c * kKvBlock + j)] = cache.k[index((first + j) * d + c)];
          block[index(d * kKvBlock + j * d + c)] = cache.v[index((first + j) * d + c)];
        }
      cache.memory.emplace_back(stored(block, type), gap * bytes_of(type));
      cache.blocks.push_back(cache.memory.back().data());
    }
    return cache;
  }
  Cache random_cache(std::int64_t keys, int d, Storage type, std::size_t gap = 0) {
    return make_cache(normals(keys * d), normals(keys * d), d, type, gap);
  }

  // Rows [first, first + rows) of a task whose row 0 sees `visible` keys.
  void run(const Cache& cache, Storage type, const float* q, std::int64_t q_stride,
           std::int64_t visible, std::int64_t step, std::int64_t first, std::int64_t rows,
           float* out, std::int64_t out_stride) const {
    const Scratch scratch(attention_scratch_bytes(cache.d));
    table_.attention({.q = q + first * q_stride,
                      .q_stride = q_stride,
                      .out = out + first * out_stride,
                      .out_stride = out_stride,
                      .head_dim = cache.d,
                      .rows = rows,
                      .first_visible = visible + first * step,
                      .step = step,
                      .blocks = cache.blocks.data(),
                      .type = type},
                     scratch.data());
  }

  static std::vector<double> expected(const Cache& cache, const float* q, std::int64_t visible) {
    std::vector<double> weights(index(visible)), out(index(cache.d));
    double largest = -1e300, total = 0;
    for (std::int64_t j = 0; j < visible; ++j) {
      double& score = weights[index(j)];
      for (std::int64_t c = 0; c < cache.d; ++c)
        score += double{q[c]} * cache.k[index(j * cache.d + c)];
      largest = std::max(largest, score);
    }
    for (double& weight : weights) total += weight = std::exp(weight - largest);
    for (std::int64_t j = 0; j < visible; ++j)
      for (std::int64_t c = 0; c < cache.d; ++c)
        out[index(c)] += weights[index(j)] / total * cache.v[index(j * cache.d + c)];
    return out;
  }

  void check(int d, std::int64_t rows, std::int64_t visible, std::int64_t step, Storage type,
             std::size_t gap) {
    const std::int64_t keys = visible + (rows - 1) * step;
    const Cache cache = random_cache(keys, d, type, gap);
    const std::int64_t q_stride = d + 3, out_stride = d + 2;
    const Guarded<float> q(normals(rows * q_stride - 3, 1 / std::sqrt(static_cast<float>(d))), gap);
    const Guarded<float> out(index(rows * out_stride - 2), 3 - gap);
    std::fill_n(out.data(), out.size(), kUntouched);
    run(cache, type, q.data(), q_stride, visible, step, 0, rows, out.data(), out_stride);
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::vector<double> want = expected(cache, q.data() + i * q_stride, visible + i * step);
      // Scores of d float32 terms are off by about 1e-6, and so are weights; values are below 5.
      for (std::int64_t c = 0; c < d; ++c)
        ASSERT_NEAR(out[index(i * out_stride + c)], want[index(c)], 1e-5)
            << "d " << d << ", row " << i << " of " << rows << ", first_visible " << visible
            << ", step " << step;
      for (std::int64_t c = d; c < out_stride && i + 1 < rows; ++c)
        ASSERT_EQ(out[index(i * out_stride + c)], kUntouched);
    }
  }
};

TEST_P(Attention, HeadsOfEverySize) {
  for (const Storage type : kTypes)
    for (const int d : {1, 2, 5, 16, 31, 32, 33, 64, 72, 80, 96, 100})
      for (const std::int64_t step : {0, 1}) check(d, 6, 61, step, type, index(d) % 4);
}

TEST_P(Attention, EveryNumberOfRowsAndVisibleKeys) {
  std::size_t gap = 0;
  for (const Storage type : kTypes)
    for (const std::int64_t visible : {1, 2, 3, 4, 5, 31, 62, 63, 64, 65, 127, 128, 129, 200})
      for (const std::int64_t rows : {1, 2, 3, 4, 5, 9})
        for (const std::int64_t step : {0, 1}) check(32, rows, visible, step, type, gap++ % 4);
}

TEST_P(Attention, ManyRowsFromTheFirstKeyOn) {
  for (const Storage type : kTypes) check(32, 150, 1, 1, type, 0);
}

TEST_P(Attention, ARowIsTheSameBytesInAnyCompany) {
  for (const Storage type : kTypes)
    for (const std::int64_t step : {0, 1})
      for (const std::int64_t visible : {1, 57, 126}) {
        const int d = 33;
        const std::int64_t rows = 13;
        const Cache cache = random_cache(visible + (rows - 1) * step, d, type);
        const std::vector<float> q = normals(rows * d, 0.3f);
        std::vector<float> together(q.size());
        run(cache, type, q.data(), d, visible, step, 0, rows, together.data(), d);
        for (const std::int64_t company : {1, 2, 3, 4, 5, 8}) {
          std::vector<float> parts(q.size());
          for (std::int64_t i = 0; i < rows; i += company)
            run(cache, type, q.data(), d, visible, step, i, std::min(company, rows - i),
                parts.data(), d);
          ASSERT_TRUE(same_bytes(parts, together)) << "first_visible " << visible << ", step "
                                                   << step << ", " << company << " rows at a time";
        }
      }
}

// A weighted value can underflow to -0; keys that only the neighbour rows see must not turn it
// into +0.
TEST_P(Attention, ARowOfUnderflowIsTheSameBytesInAnyCompany) {
  for (const int d : {1, 32}) {
    const std::int64_t rows = 4;
    const std::vector<float> score = {0.0f, -1.5f, 0.0f, 0.0f, 0.0f};  // exp(-1.5) · 2^-149 → 0
    std::vector<float> k(index(5 * d)), v(index(5 * d)), q(index(rows * d));
    for (std::size_t j = 0; j < 5; ++j) k[j * index(d)] = score[j];
    for (std::size_t i = 0; i < 4; ++i) q[i * index(d)] = 1.0f;
    for (std::size_t c = 0; c < index(d); ++c) v[index(d) + c] = -1e-45f;
    const Cache cache = make_cache(k, v, d, Storage::kF32, 0);
    std::vector<float> together(q.size()), alone(q.size());
    run(cache, Storage::kF32, q.data(), d, 2, 1, 0, rows, together.data(), d);
    for (std::int64_t i = 0; i < rows; ++i)
      run(cache, Storage::kF32, q.data(), d, 2, 1, i, 1, alone.data(), d);
    EXPECT_TRUE(same_bytes(alone, together)) << "d " << d;
  }
}

// What lies behind the visible keys is never seen, whatever (finite) it is.
TEST_P(Attention, HiddenKeysDoNotMatter) {
  const int d = 32;
  const std::int64_t rows = 5;
  const std::vector<float> k = normals(140 * d), v = normals(140 * d), q = normals(rows * d);
  for (const std::int64_t visible : {1, 60, 64, 100, 130}) {
    const std::int64_t keys = visible + rows - 1;
    std::vector<float> other_k = k, other_v = v;
    for (std::size_t i = index(keys * d); i < other_k.size(); ++i) {
      other_k[i] = 300.0f;
      other_v[i] = -6e4f;
    }
    for (const Storage type : {Storage::kF16, Storage::kQ8}) {
      std::vector<float> a(q.size()), b(q.size());
      run(make_cache(k, v, d, type, 0), type, q.data(), d, visible, 1, 0, rows, a.data(), d);
      run(make_cache(other_k, other_v, d, type, 0), type, q.data(), d, visible, 1, 0, rows,
          b.data(), d);
      EXPECT_TRUE(same_bytes(a, b)) << visible;
    }
  }
}

TEST_P(Attention, EqualScoresGiveTheMean) {
  const int d = 32;
  const std::int64_t keys = 150;
  const Cache cache = random_cache(keys, d, Storage::kF32);
  const std::vector<float> q(index(d));
  std::vector<float> out(index(d));
  run(cache, Storage::kF32, q.data(), d, keys, 0, 0, 1, out.data(), d);
  for (std::int64_t c = 0; c < d; ++c) {
    double mean = 0;
    for (std::int64_t j = 0; j < keys; ++j) mean += cache.v[index(j * d + c)] / double(keys);
    EXPECT_NEAR(out[index(c)], mean, 1e-6);
  }
}

// Scores far apart, rising and falling from block to block: the largest takes all, and no exponent
// overflows on the way.
TEST_P(Attention, FarApartScoresPickTheLargest) {
  const int d = 32;
  const std::int64_t keys = 200;
  for (const float size : {60.0f, 1e4f, 1e30f})
    for (const std::int64_t best : {0, 63, 64, 100, 199}) {
      std::vector<float> k(index(keys * d)), v = normals(keys * d);
      for (std::int64_t j = 0; j < keys; ++j)
        k[index(j * d)] = 100.0f - static_cast<float>(std::abs(j - best));  // integers: exact
      const Cache cache = make_cache(k, v, d, Storage::kF32, 0);
      std::vector<float> q(index(d)), out(index(d));
      for (const float sign : {1.0f, -1.0f}) {  // -1: the farthest key wins
        q[0] = sign * size;
        run(cache, Storage::kF32, q.data(), d, keys, 0, 0, 1, out.data(), d);
        const std::vector<double> want = expected(cache, q.data(), keys);
        for (std::int64_t c = 0; c < d; ++c)
          ASSERT_NEAR(out[index(c)], want[index(c)], 1e-6) << size << ", key " << best;
      }
    }
}

// Values up to the ends of f16 and down to its subnormals.
TEST_P(Attention, ExtremeValues) {
  const int d = 33;
  const std::int64_t keys = 70;
  for (const float size : {6e4f, 1e-6f, 0.0f}) {
    std::vector<float> v(index(keys * d));
    for (float& value : v) value = (random_() % 2 ? size : -size);
    const Cache cache = make_cache(normals(keys * d), v, d, Storage::kF16, 0);
    const std::vector<float> q = normals(d, 0.2f);
    std::vector<float> out(index(d));
    run(cache, Storage::kF16, q.data(), d, keys, 0, 0, 1, out.data(), d);
    const std::vector<double> want = expected(cache, q.data(), keys);
    for (std::int64_t c = 0; c < d; ++c)
      ASSERT_NEAR(out[index(c)], want[index(c)], 5e-6 * size) << size;
  }
}

// A softmax of one key is 1, and its value's scale stands in the weight's place: one product.
TEST_P(Attention, OneInt8KeyGivesItsValue) {
  const int d = 37;
  const Cache cache = random_cache(1, d, Storage::kQ8);
  const std::vector<float> q = normals(d);
  std::vector<float> out(index(d));
  run(cache, Storage::kQ8, q.data(), d, 1, 0, 0, 1, out.data(), d);
  EXPECT_TRUE(same_bytes(out, cache.v));
}

// Scales are float32: neither large nor tiny keys and values are lost, as they would be in f16.
TEST_P(Attention, Int8KeysAndValuesOfAnySize) {
  const int d = 33;
  const std::int64_t keys = 70;
  for (const float size : {1e30f, 6e4f, 1e-6f, 1e-30f, 0.0f}) {
    const Cache cache =
        make_cache(normals(keys * d, size), normals(keys * d, size), d, Storage::kQ8, 0);
    const std::vector<float> q = normals(d, size > 0 ? 0.2f / size : 0.2f);
    std::vector<float> out(index(d));
    run(cache, Storage::kQ8, q.data(), d, keys, 0, 0, 1, out.data(), d);
    const std::vector<double> want = expected(cache, q.data(), keys);
    for (std::int64_t c = 0; c < d; ++c)
      ASSERT_NEAR(out[index(c)], want[index(c)], 1e-5 * size) << size;
  }
}

// Every length and misalignment; what lies between strided bytes is left alone.
TEST_P(Attention, Int8RoundingIsThatOfPlainLoops) {
  std::vector<std::int64_t> counts = {64, 80, 96, 100, 300};
  for (std::int64_t count = 1; count <= 2 * kMaxLanes + 1; ++count) counts.push_back(count);
  for (const std::int64_t count : counts)
    for (const std::int64_t stride : {1, 3, 64})
      for (std::size_t gap = 0; gap < 4; ++gap)
        for (const float size : {1.0f, 1e30f, 1e-30f, 1e-37f, 0.0f}) {
          const Guarded<float> x(normals(count, size), gap);
          const Guarded<std::int8_t> y(index((count - 1) * stride + 1), 3 - gap);
          std::fill_n(y.data(), y.size(), std::int8_t{-128});
          std::vector<std::int8_t> want(index(count));
          ASSERT_EQ(table_.to_q8(x.data(), count, y.data(), stride),
                    plain_q8(x.data(), count, want.data()))
              << count << " values";
          for (std::int64_t i = 0; i < static_cast<std::int64_t>(y.size()); ++i)
            ASSERT_EQ(y[index(i)], i % stride == 0 ? want[index(i / stride)] : -128)
                << count << " values, stride " << stride << ", at " << i;
        }
}

TEST_P(Attention, Int8RoundingOfHalvesAndEnds) {
  const auto q8 = [&](const std::vector<float>& x) {
    std::vector<std::int8_t> y(x.size());
    const float scale = table_.to_q8(x.data(), static_cast<std::int64_t>(x.size()), y.data(), 1);
    return std::pair(scale, std::vector<int>(y.begin(), y.end()));
  };
  EXPECT_EQ(q8({-127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f}),
            std::pair(1.0f, std::vector<int>{-127, 0, 2, 2, 0, -2, -2}));
  EXPECT_EQ(q8({0x1p-119f, -0x1p-119f, 0.0f}),
            std::pair(0x1p-119f / 127, std::vector<int>{127, -127, 0}));
  EXPECT_EQ(q8({std::nextafter(0x1p-119f, 0.0f), -1e-45f}), std::pair(0.0f, std::vector<int>{0, 0}))
      << "too small for a scale";
  EXPECT_EQ(q8({3.4e38f, -3.4e38f, 1.0f}),
            std::pair(3.4e38f / 127, std::vector<int>{127, -127, 0}));
}

OC_ON_EVERY_TARGET(Attention);

}  // namespace
}  // namespace oc::kernels
