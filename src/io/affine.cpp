#include "io/affine.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace oc {
namespace {

constexpr std::size_t kMaxGroup = 128, kLanes = 8;
constexpr float kEps = 1e-7f;       // MLX's least scale
constexpr float kTwo23 = 0x1p23f;   // x + 2^23 is x rounded to nearest even, for 0 <= x < 2^22
constexpr std::size_t kBlock = 64;  // elements that cast() takes at once

using Group = std::array<float, kMaxGroup>;

// A float whose exponent is all ones is infinite or NaN.
bool all_finite(const float* values, std::size_t count) {
  constexpr std::uint32_t kExponent = 0x7f800000u;
  std::uint32_t bad = 0;
  for (std::size_t i = 0; i < count; ++i)
    bad |= (std::bit_cast<std::uint32_t>(values[i]) & kExponent) == kExponent ? 1u : 0u;
  return bad == 0;
}

float sum(const std::array<float, kLanes>& lanes) {
  float total = 0;
  for (const float lane : lanes) total += lane;
  return total;
}

struct Affine {
  float scale, bias;
};

// The scale is such that the extreme of larger magnitude has a code of its own and is met exactly;
// it is negative where that extreme is the upper one.
Affine affine_of(const float* values, std::size_t group, float codes) {
  std::array<float, kLanes> low, high;
  low.fill(std::numeric_limits<float>::infinity());
  high.fill(-std::numeric_limits<float>::infinity());
  for (std::size_t i = 0; i < group; i += kLanes)
    for (std::size_t l = 0; l < kLanes; ++l) {
      low[l] = values[i + l] < low[l] ? values[i + l] : low[l];
      high[l] = values[i + l] > high[l] ? values[i + l] : high[l];
    }
  const float lowest = *std::ranges::min_element(low), highest = *std::ranges::max_element(high);
  const bool below = std::abs(lowest) > std::abs(highest);
  const float step = std::max((highest - lowest) / codes, kEps);
  const float scale = below ? step : -step, edge = below ? lowest : highest;
  const float zero = std::nearbyint(edge / scale);
  if (zero == 0) return {scale, 0};
  return {edge / zero, edge};
}

void pack(const std::uint32_t* codes, std::size_t group, int bits, std::byte* out) {
  auto* bytes = reinterpret_cast<unsigned char*>(out);
  if (bits == 8) {
    for (std::size_t i = 0; i < group; ++i) bytes[i] = static_cast<unsigned char>(codes[i]);
  } else {
    for (std::size_t i = 0; i < group / 2; ++i)
      bytes[i] = static_cast<unsigned char>(codes[2 * i] | codes[2 * i + 1] << 4);
  }
}

}  // namespace

double Deviation::relative_rms() const {
  if (error == 0) return 0;
  return signal > 0 ? std::sqrt(error / signal) : std::numeric_limits<double>::infinity();
}

Deviation& Deviation::operator+=(const Deviation& other) {
  error += other.error;
  signal += other.signal;
  input_finite = input_finite && other.input_finite;
  in_range = in_range && other.in_range;
  return *this;
}

AffineQuantizer::AffineQuantizer(DType from, DType to) : from_(from), to_(to) {
  OC_CHECK(is_float(from) && is_float(to), "{} to {}", to_string(from), to_string(to));
  if (from == DType::kF32) return;
  rounded_.resize(1u << 16);
  for (std::uint32_t bits = 0; bits < rounded_.size(); ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    rounded_[bits] = stored(from == DType::kF16 ? f16_to_f32(half) : bf16_to_f32(half));
  }
}

float AffineQuantizer::stored(float value) const {
  switch (to_) {
    case DType::kF16:
      return f16_to_f32(f32_to_f16(value));
    case DType::kBF16:
      return bf16_to_f32(f32_to_bf16(value));
    default:
      return value;
  }
}

void AffineQuantizer::store(std::byte* out, std::size_t index, float value) const {
  if (to_ == DType::kF32) {
    std::memcpy(out + index * 4, &value, 4);
    return;
  }
  const std::uint16_t half = to_ == DType::kF16 ? f32_to_f16(value) : f32_to_bf16(value);
  std::memcpy(out + index * 2, &half, 2);
}

void AffineQuantizer::widen(const std::byte* in, std::size_t count, float* input,
                            float* rounded) const {
  if (from_ == DType::kF32) {
    std::memcpy(input, in, count * sizeof(float));
    for (std::size_t i = 0; i < count; ++i) rounded[i] = stored(input[i]);
    return;
  }
  std::array<std::uint16_t, kMaxGroup> halves;
  std::memcpy(halves.data(), in, count * sizeof(std::uint16_t));
  for (std::size_t i = 0; i < count; ++i) rounded[i] = rounded_[halves[i]];
  if (from_ == DType::kBF16)
    for (std::size_t i = 0; i < count; ++i) input[i] = bf16_to_f32(halves[i]);
  else if (to_ == DType::kBF16)
    for (std::size_t i = 0; i < count; ++i) input[i] = f16_to_f32(halves[i]);
  else
    std::copy_n(rounded, count, input);  // f16 loses nothing in f16 or f32
}

Deviation AffineQuantizer::quantize(std::span<const std::byte> in, const QuantSpec& spec,
                                    std::span<std::byte> packed, std::span<std::byte> scales,
                                    std::span<std::byte> biases) const {
  const auto group = static_cast<std::size_t>(spec.group_size);
  OC_CHECK(spec.bits == 4 || spec.bits == 8, "{} bits", spec.bits);
  OC_CHECK(group == 32 || group == 64 || group == 128, "groups of {}", group);
  const std::size_t in_bytes = group * size_of(from_);
  const std::size_t out_bytes = group * static_cast<std::size_t>(spec.bits) / 8;
  const std::size_t groups = in.size() / in_bytes;
  OC_CHECK(in.size() == groups * in_bytes && packed.size() == groups * out_bytes &&
               scales.size() == groups * size_of(to_) && biases.size() == scales.size(),
           "{} bytes to {} and twice {}", in.size(), packed.size(), scales.size());
  const auto codes = static_cast<float>((1 << spec.bits) - 1);
  Deviation deviation;
  Group input, values;
  std::array<std::uint32_t, kMaxGroup> code;
  for (std::size_t g = 0; g < groups; ++g) {
    widen(in.data() + g * in_bytes, group, input.data(), values.data());
    deviation.input_finite = deviation.input_finite && all_finite(input.data(), group);
    deviation.in_range = deviation.in_range && all_finite(values.data(), group);
    if (!deviation.input_finite || !deviation.in_range) return deviation;
    const auto [scale, bias] = affine_of(values.data(), group, codes);
    const float read_scale = stored(scale), read_bias = stored(bias);
    deviation.in_range = deviation.in_range && std::isfinite(read_scale);
    std::array<float, kLanes> error{}, signal{};
    for (std::size_t i = 0; i < group; i += kLanes)
      for (std::size_t l = 0; l < kLanes; ++l) {
        float x = (values[i + l] - bias) / scale;
        x = x > 0 ? x : 0;  // MLX rounds first; the limits are whole numbers, so it is the same
        x = (x < codes ? x : codes) + kTwo23;
        code[i + l] = std::bit_cast<std::uint32_t>(x) & 0xffu;
        const float lost = read_scale * (x - kTwo23) + read_bias - input[i + l];
        error[l] += lost * lost;
        signal[l] += input[i + l] * input[i + l];
      }
    deviation.error += sum(error);
    deviation.signal += sum(signal);
    pack(code.data(), group, spec.bits, packed.data() + g * out_bytes);
    store(scales.data(), g, scale);
    store(biases.data(), g, bias);
  }
  return deviation;
}

Deviation AffineQuantizer::cast(std::span<const std::byte> in, std::span<std::byte> out) const {
  const std::size_t count = in.size() / size_of(from_);
  OC_CHECK(in.size() == count * size_of(from_) && out.size() == count * size_of(to_),
           "{} bytes to {}", in.size(), out.size());
  Deviation deviation;
  Group input, values;
  for (std::size_t at = 0; at < count; at += kBlock) {
    const std::size_t n = std::min(kBlock, count - at);
    widen(in.data() + at * size_of(from_), n, input.data(), values.data());
    deviation.input_finite = deviation.input_finite && all_finite(input.data(), n);
    deviation.in_range = deviation.in_range && all_finite(values.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      const double lost = static_cast<double>(values[i]) - input[i];
      deviation.error += lost * lost;
      deviation.signal += static_cast<double>(input[i]) * input[i];
      store(out.data(), at + i, values[i]);
    }
  }
  return deviation;
}

}  // namespace oc
