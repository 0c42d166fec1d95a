// Quantisation against what mlx.core.quantize made of the same values (tests/data/affine, by
// tools/reference/make_affine_golden.py), and what is measured on the way.
#include "io/affine.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "io/safetensors.h"

namespace oc {
namespace {

using Bytes = std::vector<std::byte>;

struct Stored {
  Bytes packed, scales, biases;
  Deviation deviation;
};

Stored quantize(std::span<const std::byte> in, DType from, DType to, QuantSpec spec) {
  const std::size_t count = in.size() / size_of(from);
  const std::size_t groups = count / static_cast<std::size_t>(spec.group_size);
  Stored out;
  out.packed.resize(count * static_cast<std::size_t>(spec.bits) / 8);
  out.scales.resize(groups * size_of(to));
  out.biases.resize(groups * size_of(to));
  out.deviation = AffineQuantizer(from, to).quantize(in, spec, out.packed, out.scales, out.biases);
  return out;
}

// The first unequal byte, or -1.
std::ptrdiff_t difference(const Bytes& got, std::span<const std::byte> expected) {
  if (got.size() != expected.size()) return 0;
  const auto at = std::ranges::mismatch(got, expected).in1;
  return at == got.end() ? -1 : at - got.begin();
}

TEST(Affine, FullPrecisionIsThreeTypes) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) EXPECT_TRUE(is_float(dtype));
  for (const DType dtype : {DType::kF64, DType::kU8, DType::kU32, DType::kBool})
    EXPECT_FALSE(is_float(dtype)) << to_string(dtype);
}

TEST(Affine, IsMlxBitForBit) {
  const auto file = SafetensorsFile::open(OC_SOURCE_DIR "/tests/data/affine/expect.safetensors");
  ASSERT_TRUE(file.ok()) << file.error().describe();
  struct Case {
    const char *name, *input;
    DType from, to;
  };
  int compared = 0;
  for (const Case& c : {Case{"F32", "input.F32", DType::kF32, DType::kF32},
                        Case{"F16", "input.F16", DType::kF16, DType::kF16},
                        Case{"BF16", "input.BF16", DType::kBF16, DType::kBF16},
                        Case{"BF16-F16", "input.BF16", DType::kBF16, DType::kF16}}) {
    const TensorView* input = (*file)->find(c.input);
    ASSERT_NE(input, nullptr) << c.input;
    for (const int bits : {4, 8})
      for (const int group : {32, 64, 128}) {
        const std::string name = fmt::format("{}.{}.{}.", c.name, bits, group);
        const Stored got = quantize(input->data, c.from, c.to, {bits, group});
        const std::pair<const char*, const Bytes*> parts[] = {
            {"codes", &got.packed}, {"scales", &got.scales}, {"biases", &got.biases}};
        for (const auto& [part, bytes] : parts) {
          const TensorView* expected = (*file)->find(name + part);
          ASSERT_NE(expected, nullptr) << name << part;
          EXPECT_EQ(difference(*bytes, expected->data), -1) << name << part;
          ++compared;
        }
        EXPECT_TRUE(got.deviation.input_finite && got.deviation.in_range) << name;
      }
  }
  EXPECT_EQ(compared, 4 * 2 * 3 * 3);
}

TEST(Affine, TheDeviationIsThatOfTheValuesThatAreReadBack) {
  std::vector<float> values(512);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(static_cast<float>(i) * 0.7f) * (i < 256 ? 1.0f : 0.01f);
  for (const int bits : {4, 8}) {
    const Stored got = quantize(std::as_bytes(std::span(values)), DType::kF32, DType::kF16,
                                {.bits = bits, .group_size = 64});
    RawMatrix matrix{.name = "m", .rows = 2, .cols = 256};
    matrix.quant = QuantSpec{bits, 64};
    matrix.weight = {"w", DType::kU32, Shape{2, 256 * bits / 32}, got.packed, ""};
    matrix.scales = {"s", DType::kF16, Shape{2, 4}, got.scales, ""};
    matrix.biases = {"b", DType::kF16, Shape{2, 4}, got.biases, ""};
    double error = 0, signal = 0;
    std::vector<float> row(256);
    for (std::int64_t r = 0; r < 2; ++r) {
      dequantize_row(matrix, r, row);
      for (std::size_t c = 0; c < row.size(); ++c) {
        const double value = values[static_cast<std::size_t>(r) * 256 + c];
        error += (row[c] - value) * (row[c] - value);
        signal += value * value;
      }
    }
    // Eight float32 sums a group: 1e-4 is far above their rounding, far below a missing element.
    EXPECT_NEAR(got.deviation.error / error, 1, 1e-4);
    EXPECT_NEAR(got.deviation.signal / signal, 1, 1e-4);
    EXPECT_NEAR(got.deviation.relative_rms(), std::sqrt(error / signal), 1e-6);
  }
}

TEST(Affine, WhatIsNotFiniteIsTold) {
  std::vector<float> values(64, 0.5f);
  const auto flags = [&](DType to) {
    return quantize(std::as_bytes(std::span(values)), DType::kF32, to, {}).deviation;
  };
  EXPECT_TRUE(flags(DType::kF16).input_finite && flags(DType::kF16).in_range);
  values[63] = 70000;  // past the largest half
  EXPECT_TRUE(flags(DType::kF16).input_finite);
  EXPECT_FALSE(flags(DType::kF16).in_range);
  EXPECT_TRUE(flags(DType::kBF16).in_range);
  values[63] = 3e38f;
  values[0] = -3e38f;  // the difference is infinite
  EXPECT_FALSE(flags(DType::kF32).in_range);
  for (const float bad :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    values[0] = bad;
    EXPECT_FALSE(flags(DType::kF32).input_finite) << bad;
    Bytes out(64 * 4);
    EXPECT_FALSE(AffineQuantizer(DType::kF32, DType::kF32)
                     .cast(std::as_bytes(std::span(values)), out)
                     .input_finite)
        << bad;
  }
}

TEST(Affine, CastsRoundToNearestEven) {
  const std::vector<float> values = {1.0f,  1.0f + 0x1p-11f, 1.0f + 0x3p-11f,
                                     -0.0f, 0x1p-25f,        1e-3f};
  Bytes halves(values.size() * 2), back(values.size() * 4), same(halves.size());
  const Deviation lost =
      AffineQuantizer(DType::kF32, DType::kF16).cast(std::as_bytes(std::span(values)), halves);
  EXPECT_EQ(AffineQuantizer(DType::kF16, DType::kF32).cast(halves, back).error, 0);
  EXPECT_EQ(AffineQuantizer(DType::kF16, DType::kF16).cast(halves, same).error, 0);
  EXPECT_EQ(same, halves);
  double error = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t half;
    float value;
    std::memcpy(&half, halves.data() + 2 * i, 2);
    std::memcpy(&value, back.data() + 4 * i, 4);
    EXPECT_EQ(half, f32_to_f16(values[i])) << values[i];
    EXPECT_EQ(value, f16_to_f32(half)) << values[i];
    error += std::pow(static_cast<double>(value) - values[i], 2);
  }
  EXPECT_GT(error, 0);
  EXPECT_DOUBLE_EQ(lost.error, error);
}

TEST(Affine, RelativeRms) {
  EXPECT_EQ((Deviation{0, 0}).relative_rms(), 0);
  EXPECT_EQ((Deviation{1, 4}).relative_rms(), 0.5);
  Deviation sum{1, 4};
  sum += Deviation{.error = 3, .signal = 12, .input_finite = true, .in_range = false};
  EXPECT_EQ(sum.relative_rms(), 0.5);
  EXPECT_FALSE(sum.in_range);
  EXPECT_TRUE(sum.input_finite);
}

}  // namespace
}  // namespace oc
