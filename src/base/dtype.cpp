#include "base/dtype.h"

#include <array>
#include <utility>

#include "base/check.h"

namespace oc {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  std::size_t size;
};
constexpr std::array<DTypeRow, 13> kTypes = {{{DType::kF32, "F32", 4},
                                              {DType::kF16, "F16", 2},
                                              {DType::kBF16, "BF16", 2},
                                              {DType::kF64, "F64", 8},
                                              {DType::kU8, "U8", 1},
                                              {DType::kI8, "I8", 1},
                                              {DType::kU16, "U16", 2},
                                              {DType::kI16, "I16", 2},
                                              {DType::kU32, "U32", 4},
                                              {DType::kI32, "I32", 4},
                                              {DType::kU64, "U64", 8},
                                              {DType::kI64, "I64", 8},
                                              {DType::kBool, "BOOL", 1}}};

}  // namespace

std::size_t size_of(DType dtype) {
  for (const DTypeRow& row : kTypes)
    if (row.dtype == dtype) return row.size;
  OC_CHECK(false, "unknown dtype {}", static_cast<int>(dtype));
  return 0;
}

std::string_view to_string(DType dtype) {
  for (const DTypeRow& row : kTypes)
    if (row.dtype == dtype) return row.name;
  return "?";
}

std::optional<DType> dtype_from_string(std::string_view name) {
  for (const DTypeRow& row : kTypes)
    if (row.name == name) return row.dtype;
  return std::nullopt;
}

std::uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float f16_to_f32(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  std::uint32_t exponent = (bits >> 10) & 0x1fu;
  std::uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {
    if (mantissa == 0) return std::bit_cast<float>(sign);
    exponent = 1;  // subnormal: shift until the hidden bit appears
    while ((mantissa & 0x400u) == 0) {
      mantissa <<= 1;
      --exponent;
    }
    mantissa &= 0x3ffu;
  }
  return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
}

std::uint16_t f32_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7e00u;   // NaN
  if (magnitude >= 0x477ff000u) return sign | 0x7c00u;  // rounds past the largest half
  if (magnitude < 0x38800000u) {                        // subnormal or zero
    if (magnitude < 0x33000000u) return sign;
    const std::uint32_t exponent = magnitude >> 23;
    const std::uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    const std::uint32_t shift = 126u - exponent;
    const std::uint32_t half = mantissa >> shift;
    const std::uint32_t rest = mantissa & ((1u << shift) - 1u);
    const std::uint32_t middle = 1u << (shift - 1u);
    const std::uint32_t up = (rest > middle || (rest == middle && (half & 1u))) ? 1u : 0u;
    return static_cast<std::uint16_t>(sign | (half + up));
  }
  const std::uint32_t rebased = magnitude - 0x38000000u;
  return static_cast<std::uint16_t>(sign | ((rebased + 0xfffu + ((rebased >> 13) & 1u)) >> 13));
}

}  // namespace oc
