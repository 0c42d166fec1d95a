#include "base/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace oc {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(DType, NamesAndSizesAreThoseOfSafetensors) {
  const struct {
    DType dtype;
    std::string_view name;
    std::size_t size;
  } types[] = {{DType::kF32, "F32", 4},  {DType::kF16, "F16", 2}, {DType::kBF16, "BF16", 2},
               {DType::kF64, "F64", 8},  {DType::kU8, "U8", 1},   {DType::kI8, "I8", 1},
               {DType::kU16, "U16", 2},  {DType::kI16, "I16", 2}, {DType::kU32, "U32", 4},
               {DType::kI32, "I32", 4},  {DType::kU64, "U64", 8}, {DType::kI64, "I64", 8},
               {DType::kBool, "BOOL", 1}};
  for (const auto& type : types) {
    EXPECT_EQ(size_of(type.dtype), type.size) << type.name;
    EXPECT_EQ(to_string(type.dtype), type.name);
    EXPECT_EQ(dtype_from_string(type.name), type.dtype);
  }
  for (const std::string_view name : {"", "f32", "F", "F321", "F8_E4M3", "F32 ", "BOOLEAN"})
    EXPECT_EQ(dtype_from_string(name), std::nullopt) << name;
}

// IEEE 754 binary16 by its definition.
float half_by_definition(std::uint32_t bits) {
  const int exponent = static_cast<int>((bits >> 10) & 31u);
  const float fraction = static_cast<float>(bits & 1023u);
  const float magnitude = exponent == 31  ? kInfinity
                          : exponent == 0 ? std::ldexp(fraction, -24)
                                          : std::ldexp(1024.0f + fraction, exponent - 25);
  return (bits & 0x8000u) != 0 ? -magnitude : magnitude;
}

TEST(Half, AllValuesAreExactAndComeBack) {
  for (std::uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = f16_to_f32(half);
    if ((bits & 0x7fffu) > 0x7c00u) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      const std::uint16_t back = f32_to_f16(value);
      ASSERT_GT(back & 0x7fff, 0x7c00) << bits << " is no longer a NaN";
      ASSERT_EQ(back & 0x8000, half & 0x8000) << bits;
      continue;
    }
    ASSERT_EQ(std::bit_cast<std::uint32_t>(value),
              std::bit_cast<std::uint32_t>(half_by_definition(bits)))
        << bits;
    ASSERT_EQ(f32_to_f16(value), half) << value;
  }
}

// Between two neighbours: below the middle down, above it up, the middle itself to the even one.
// The last pair is the largest half and infinity, which stands where 65536 would.
TEST(Half, RoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits < 0x7c00u; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits), high = static_cast<std::uint16_t>(bits + 1);
    const float a = f16_to_f32(low), b = high == 0x7c00 ? 65536.0f : f16_to_f32(high);
    const float middle = a + (b - a) / 2;  // exact: one bit more than a half has
    const std::uint16_t even = bits % 2 == 0 ? low : high;
    ASSERT_EQ(f32_to_f16(middle), even) << middle;
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 0.0f)), low) << middle;
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, kInfinity)), high) << middle;
    ASSERT_EQ(f32_to_f16(-middle), even | 0x8000) << -middle;
    ASSERT_EQ(f32_to_f16(std::nextafter(-middle, 0.0f)), low | 0x8000) << -middle;
    ASSERT_EQ(f32_to_f16(std::nextafter(-middle, -kInfinity)), high | 0x8000) << -middle;
  }
}

TEST(Half, TheEnds) {
  EXPECT_EQ(f32_to_f16(0.0f), 0x0000);
  EXPECT_EQ(f32_to_f16(-0.0f), 0x8000);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::denorm_min()), 0x0000);
  EXPECT_EQ(f32_to_f16(-std::numeric_limits<float>::min()), 0x8000);
  EXPECT_EQ(f32_to_f16(65504.0f), 0x7bff);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::max()), 0x7c00);
  EXPECT_EQ(f32_to_f16(kInfinity), 0x7c00);
  EXPECT_EQ(f32_to_f16(-kInfinity), 0xfc00);
  // A NaN whose payload lies only in bits that a half does not have.
  for (const std::uint32_t nan : {0x7f800001u, 0xff800001u, 0x7fffffffu, 0x7fc00000u}) {
    const std::uint16_t half = f32_to_f16(std::bit_cast<float>(nan));
    EXPECT_GT(half & 0x7fff, 0x7c00) << nan;
    EXPECT_EQ(half >> 15, static_cast<int>(nan >> 31)) << nan;
  }
}

TEST(BFloat16, AllValuesComeBack) {
  for (std::uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = bf16_to_f32(half);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(value), bits << 16);
    const std::uint16_t back = f32_to_bf16(value);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(bf16_to_f32(back))) << bits;
      ASSERT_EQ(back & 0x8000, half & 0x8000) << bits;
    } else {
      ASSERT_EQ(back, half) << value;
    }
  }
}

TEST(BFloat16, RoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits < 0x7f80u; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits), high = static_cast<std::uint16_t>(bits + 1);
    const std::uint32_t middle = bits << 16 | 0x8000u;
    for (const std::uint32_t sign : {0u, 0x80000000u}) {
      const auto rounded = [&](std::uint32_t f32) {
        return static_cast<std::uint16_t>(f32_to_bf16(std::bit_cast<float>(f32 | sign)) ^
                                          (sign >> 16));
      };
      ASSERT_EQ(rounded(middle), bits % 2 == 0 ? low : high) << bits;
      ASSERT_EQ(rounded(middle - 1), low) << bits;
      ASSERT_EQ(rounded(middle + 1), high) << bits;
    }
  }
}

TEST(BFloat16, TheEnds) {
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7f80) << "rounds to infinity";
  EXPECT_EQ(f32_to_bf16(kInfinity), 0x7f80);
  EXPECT_EQ(f32_to_bf16(-kInfinity), 0xff80);
  EXPECT_EQ(f32_to_bf16(-0.0f), 0x8000);
  for (const std::uint32_t nan : {0x7f800001u, 0xff800001u, 0x7fffffffu, 0xffffffffu}) {
    const std::uint16_t rounded = f32_to_bf16(std::bit_cast<float>(nan));
    EXPECT_TRUE(std::isnan(bf16_to_f32(rounded))) << nan;
    EXPECT_EQ(rounded >> 15, static_cast<int>(nan >> 31)) << nan;
  }
}

}  // namespace
}  // namespace oc
