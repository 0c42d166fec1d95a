// Norms, activations, rotation, conversion.
#include <limits>

#include "tests/kernels/support.h"

namespace oc::kernels {
namespace {

class Elementwise : public KernelTest {
 protected:
  // Every length up to a few vectors and some beyond, so that all tails occur.
  static std::vector<std::int64_t> lengths() {
    std::vector<std::int64_t> out;
    for (std::int64_t n = 1; n <= 35; ++n) out.push_back(n);
    for (const std::int64_t n : {63, 64, 65, 96, 127, 1023, 3072}) out.push_back(n);
    return out;
  }
  static double silu(double x) { return x / (1 + std::exp(-x)); }
};

TEST_P(Elementwise, RmsAndLayerNorm) {
  for (const std::int64_t cols : lengths())
    for (const bool layer : {false, true})
      for (const float mean : {0.0f, 30.0f}) {
        const std::size_t gap = index(cols) % 4;
        Guarded<float> x(normals(cols), gap), weight(normals(cols), 3 - gap), y(index(cols), gap);
        const Guarded<float> bias(normals(cols), gap);
        for (std::size_t i = 0; i < x.size(); ++i) x[i] += mean;
        const float eps = 1e-5f;
        table_.normalize(x.data(), cols, weight.data(), layer ? bias.data() : nullptr, eps,
                         y.data());
        double shift = 0, square = 0;
        for (std::size_t i = 0; layer && i < x.size(); ++i) shift += x[i] / double(cols);
        for (std::size_t i = 0; i < x.size(); ++i)
          square += (x[i] - shift) * (x[i] - shift) / double(cols);
        const double inverse = 1 / std::sqrt(square + eps);
        // float32 sums in another order than this one: a few units of 2^-24 of the mean, which a
        // LayerNorm over a large mean divides by the deviation.
        const double slack = 2e-6 * (1 + (layer ? std::abs(shift) * inverse : 0));
        for (std::size_t i = 0; i < x.size(); ++i) {
          const double expected =
              (x[i] - shift) * inverse * weight[i] + (layer ? double{bias[i]} : 0);
          ASSERT_NEAR(y[i], expected, slack * (std::abs(weight[i]) + std::abs(expected)))
              << cols << " columns, layer " << layer << ", mean " << mean << ", at " << i;
        }
        const std::vector<float> out = y.copy();
        table_.normalize(x.data(), cols, weight.data(), layer ? bias.data() : nullptr, eps,
                         x.data());
        ASSERT_TRUE(same_bytes(x.copy(), out)) << "in place, " << cols << " columns";
      }
}

TEST_P(Elementwise, NormsOfExtremeRows) {
  // Squares must fit float32, as in the reference implementation: 1e18 is as far as it goes.
  for (const float size : {0.0f, 1e-42f, 1e-30f, 1e-10f, 1e10f, 1e18f})
    for (const bool layer : {false, true}) {
      const std::int64_t cols = 67;
      std::vector<float> x(index(cols)), one(index(cols), 1.0f), zero(index(cols)), y(index(cols));
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % 2 ? size : -size;
      const float eps = 1e-6f;
      table_.normalize(x.data(), cols, one.data(), layer ? zero.data() : nullptr, eps, y.data());
      double mean = 0, square = 0;
      for (const float v : x) mean += layer ? v / double(cols) : 0;
      for (const float v : x) square += (v - mean) * (v - mean) / double(cols);
      const double inverse = 1 / std::sqrt(square + eps);
      for (std::size_t i = 0; i < x.size(); ++i)
        ASSERT_NEAR(y[i], (x[i] - mean) * inverse, 4e-6) << size << ", layer " << layer;
    }
}

TEST_P(Elementwise, SiluTimesUp) {
  for (const std::int64_t count : lengths()) {
    const std::size_t gap = index(count) % 4;
    const Guarded<float> gate(normals(count, 8), gap), up(normals(count), 3 - gap);
    const Guarded<float> y(index(count), gap);
    table_.silu_multiply(gate.data(), up.data(), count, y.data());
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double expected = silu(gate[i]) * up[i];
      // exp, sum, quotient, product: one or two units of 2^-24 each.
      ASSERT_NEAR(y[i], expected, 6e-7 * std::abs(expected)) << count << " values, at " << i;
    }
  }
}

TEST_P(Elementwise, SiluOfExtremeGates) {
  // Far out the function is the identity or nothing. In vectors and in tails alike.
  const std::vector<float> extremes = {
      0,   -0.0f, 1e-42f, -1e-42f, 50,  -50,  87,  -87,  89,   -89,   100,  -100,  104,   -104,
      110, -110,  178,    -178,    200, -200, 355, -355, 1e4f, -1e4f, 1e9f, -1e9f, 3e38f, -3e38f};
  for (const float gate : extremes)
    for (const std::int64_t count : {1, 16}) {
      const std::vector<float> x(index(count), gate), up(index(count), 1.0f);
      std::vector<float> y(index(count));
      table_.silu_multiply(x.data(), up.data(), count, y.data());
      const double expected = gate < -800 ? 0 : silu(gate);
      // Below exp's range the result may be nothing: 1e-36 of it is left there.
      for (const float value : y)
        ASSERT_NEAR(value, expected, 6e-7 * std::abs(expected) + 1e-35) << gate << ", " << count;
    }
}

TEST_P(Elementwise, Rotation) {
  for (int half = 1; half <= 67; ++half) {
    const std::size_t gap = static_cast<std::size_t>(half) % 4;
    const Guarded<float> head(normals(2 * half), gap);
    const Guarded<float> cos(normals(half), 3 - gap), sin(normals(half), gap);
    const std::vector<float> x = head.copy();
    const float scale = 0.176777f;
    table_.rotate(head.data(), 2 * half, cos.data(), sin.data(), scale);
    std::vector<float> expected(x.size());
    for (std::size_t i = 0, h = index(half); i < h; ++i) {
      expected[i] = (product(x[i], cos[i]) - product(x[i + h], sin[i])) * scale;
      expected[i + h] = (product(x[i + h], cos[i]) + product(x[i], sin[i])) * scale;
    }
    ASSERT_TRUE(same_bytes(head.copy(), expected)) << half << " pairs";
  }
}

// Every half value, what lies just beside it, and the middles between neighbours with what lies
// beside those: all ties, both zeros, subnormals, the step to infinity.
TEST_P(Elementwise, HalvesAreRoundedToNearestEven) {
  std::vector<float> x;
  for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const float value = f16_to_f32(static_cast<std::uint16_t>(bits));
    const float above =
        bits == 0x7bff ? 65536.0f : f16_to_f32(static_cast<std::uint16_t>(bits + 1));
    const float middle = value + (above - value) / 2;  // exact
    const float far = std::numeric_limits<float>::infinity();
    for (const float v : {value, middle})
      for (const float near : {std::nextafter(v, -far), v, std::nextafter(v, far)}) {
        x.push_back(near);
        x.push_back(-near);
      }
  }
  for (const float v :
       {65536.0f, 1e6f, 3e38f, 1e-8f, 1e-30f, 1e-45f, std::numeric_limits<float>::infinity()}) {
    x.push_back(v);
    x.push_back(-v);
  }
  std::vector<std::uint16_t> y(x.size());
  table_.to_f16(x.data(), static_cast<std::int64_t>(x.size()), y.data());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (y[i] != f32_to_f16(x[i]) && ++wrong < 5)
      ADD_FAILURE() << x[i] << " became " << f16_to_f32(y[i]) << ", nearest is "
                    << f16_to_f32(f32_to_f16(x[i]));
  EXPECT_EQ(wrong, 0u) << "of " << x.size();
}

TEST_P(Elementwise, HalvesOfEveryLength) {
  for (const std::int64_t count : lengths())
    for (std::size_t gap = 0; gap < 4; ++gap) {
      const Guarded<float> x(normals(count, 100), gap);
      const Guarded<std::uint16_t> y(index(count), 3 - gap);
      table_.to_f16(x.data(), count, y.data());
      for (std::size_t i = 0; i < x.size(); ++i)
        ASSERT_EQ(y[i], f32_to_f16(x[i])) << count << " values, at " << i;
    }
}

OC_ON_EVERY_TARGET(Elementwise);

}  // namespace
}  // namespace oc::kernels
