// Element types as checkpoints store them, and the scalar conversions of the half formats.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace oc {

enum class DType { kF32, kF16, kBF16, kF64, kU8, kI8, kU16, kI16, kU32, kI32, kU64, kI64, kBool };

std::size_t size_of(DType dtype);         // bytes per element
std::string_view to_string(DType dtype);  // as in safetensors: "F32", "BF16", …
std::optional<DType> dtype_from_string(std::string_view name);

// bfloat16 is the upper half of a float32.
inline float bf16_to_f32(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
std::uint16_t f32_to_bf16(float value);  // round to nearest even
float f16_to_f32(std::uint16_t bits);    // exact, subnormals included
std::uint16_t f32_to_f16(float value);   // round to nearest even, overflow to infinity

}  // namespace oc
