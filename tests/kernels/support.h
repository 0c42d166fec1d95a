// What the kernel tests share: a fixture with one parameter a target, buffers that end at a page
// nobody may touch, random weights, and the arithmetic of the orders that kernels.h documents.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/dtype.h"
#include "kernels/kernels.h"
#include "tests/same_bytes.h"

namespace oc::kernels {

// `count` values whose end lies `gap` elements before a page without access: touching what lies
// behind faults in a release build too, as it would behind the last tensor of a mapped file. The
// gap also moves the start off its alignment (bytes: any address; floats: any multiple of 4).
template <class T>
class Guarded {
 public:
  explicit Guarded(std::size_t count, std::size_t gap = 0) : count_(count) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t used = ((count + gap) * sizeof(T) + page - 1) / page * page;
    bytes_ = used + page;
    base_ = static_cast<char*>(
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + used, page, PROT_NONE);
    data_ = reinterpret_cast<T*>(base_ + used) - gap - count;
  }
  Guarded(const std::vector<T>& values, std::size_t gap) : Guarded(values.size(), gap) {
    std::ranges::copy(values, data_);
  }
  ~Guarded() {
    if (base_ != nullptr) munmap(base_, bytes_);
  }
  Guarded(Guarded&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)),
        bytes_(other.bytes_),
        data_(other.data_),
        count_(other.count_) {}
  Guarded& operator=(Guarded&&) = delete;

  T* data() const { return data_; }
  std::size_t size() const { return count_; }
  T& operator[](std::size_t i) const { return data_[i]; }
  std::vector<T> copy() const { return {data_, data_ + count_}; }

 private:
  char* base_ = nullptr;
  std::size_t bytes_ = 0;
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

// Scratch of exactly the promised size (up to its alignment of 64), with garbage in it.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes) : memory_((bytes + 63) / 64 * 64) {
    std::memset(memory_.data(), 0xa5, memory_.size());
  }
  std::byte* data() const { return memory_.data(); }

 private:
  Guarded<std::byte> memory_;
};

// Products and sums rounded one by one, whatever the compiler would like to contract.
inline float product(float a, float b) { return static_cast<float>(double{a} * double{b}); }

class KernelTest : public testing::TestWithParam<std::string> {
 protected:
  // kernels.h: one rounding where the target has the instruction, two elsewhere.
  float fma(float a, float b, float c) const {
    return fused_ ? std::fma(a, b, c) : product(a, b) + c;
  }
  float normal(float sigma = 1.0f) { return std::normal_distribution<float>(0.0f, sigma)(random_); }
  std::vector<float> normals(std::int64_t count, float sigma = 1.0f) {
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& value : out) value = normal(sigma);
    return out;
  }
  // Row counts around the vectors of this target.
  std::vector<std::int64_t> row_counts() const {
    const std::int64_t l = table_.lanes;
    return {1, l - 1, l, l + 1, 2 * l - 1, 2 * l, 2 * l + 1, 4 * l + 3};
  }

  const Table& table_ = *find_table(GetParam());
  const bool fused_ = GetParam() != "sse4" && GetParam() != "ssse3" && GetParam() != "scalar";
  std::mt19937 random_{20240607};
};

#define OC_ON_EVERY_TARGET(suite)                                                 \
  INSTANTIATE_TEST_SUITE_P(Target, suite, testing::ValuesIn(available_targets()), \
                           [](const auto& tested) { return tested.param; })

inline std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }
inline std::size_t bytes_of(Storage type) { return type == Storage::kF32 ? 4 : 2; }

// `values` as they lie in a checkpoint; afterwards `values` holds what that storage could keep.
inline std::vector<std::uint8_t> stored(std::vector<float>& values, Storage type) {
  std::vector<std::uint8_t> out(values.size() * bytes_of(type));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (type == Storage::kF32) {
      std::memcpy(out.data() + 4 * i, &values[i], 4);
      continue;
    }
    const std::uint16_t bits =
        type == Storage::kF16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
    std::memcpy(out.data() + 2 * i, &bits, 2);
    values[i] = type == Storage::kF16 ? f16_to_f32(bits) : bf16_to_f32(bits);
  }
  return out;
}

// A quantised matrix and its parts as the test's own loops read them.
struct QuantData {
  std::vector<int> q;              // [N, K]
  std::vector<float> scale, bias;  // [N, K/group]
  Guarded<std::uint8_t> packed, scales, biases;
  QuantMatrix matrix;
};

inline QuantData make_quant(std::mt19937& random, int bits, int group, Storage meta,
                            std::int64_t rows, std::int64_t cols, std::size_t gap) {
  std::vector<int> q(index(rows * cols));
  std::uniform_int_distribution<int> level(0, (1 << bits) - 1);
  for (int& value : q) value = level(random);
  std::vector<std::uint8_t> packed(index(rows * cols * bits / 8));
  for (std::size_t i = 0; i < q.size(); ++i) {
    if (bits == 8)
      packed[i] = static_cast<std::uint8_t>(q[i]);
    else
      packed[i / 2] = static_cast<std::uint8_t>(packed[i / 2] | q[i] << (i % 2 * 4));
  }
  // Scales of both signs, some so small that they are subnormal as f16.
  std::vector<float> scale(index(rows * (cols / group))), bias(scale.size());
  std::uniform_real_distribution<float> size(-6.0f, -1.5f);
  for (float& value : scale) value = (random() % 2 ? 1.0f : -1.0f) * std::pow(10.0f, size(random));
  for (float& value : bias) value = std::normal_distribution<float>(0.0f, 0.1f)(random);
  const std::vector<std::uint8_t> scales = stored(scale, meta), biases = stored(bias, meta);
  QuantData data{std::move(q),
                 std::move(scale),
                 std::move(bias),
                 Guarded<std::uint8_t>(packed, gap),
                 Guarded<std::uint8_t>(scales, gap),
                 Guarded<std::uint8_t>(biases, gap),
                 {}};
  data.matrix = {.weight = data.packed.data(),
                 .scales = data.scales.data(),
                 .biases = data.biases.data(),
                 .meta = meta,
                 .bits = bits,
                 .group = group,
                 .rows = rows,
                 .cols = cols};
  return data;
}

// Floats [N, K] as matmul_int8 rounds them: QuantMatrix::float_cols.
inline QuantData round_floats(std::vector<float> values, Storage type, std::int64_t rows,
                              std::int64_t cols, std::size_t gap) {
  constexpr std::int64_t kGroup = kMaxUnit;
  const std::int64_t groups = (cols + kGroup - 1) / kGroup;
  const std::vector<std::uint8_t> floats = stored(values, type);
  std::vector<int> q(index(rows * groups * kGroup));
  std::vector<float> scale, bias;
  for (std::int64_t n = 0; n < rows; ++n)
    for (std::int64_t g = 0; g < groups; ++g) {
      const auto first = values.begin() + n * cols + g * kGroup;
      const auto end = first + std::min(kGroup, cols - g * kGroup);
      const auto [least, most] = std::minmax_element(first, end);
      const float range = *most - *least;
      scale.push_back(range < 0x1p-100f ? 0.0f : range / 255.0f);
      bias.push_back(*least);
      for (auto at = first; at != end; ++at)
        q[index((n * groups + g) * kGroup + (at - first))] =
            range < 0x1p-100f || !std::isfinite(range) || !std::isfinite(*at)
                ? 0
                : static_cast<int>(std::nearbyint(product(*at - *least, 255.0f / range)));
    }
  QuantData data{std::move(q),
                 std::move(scale),
                 std::move(bias),
                 Guarded<std::uint8_t>(floats, gap),
                 Guarded<std::uint8_t>(std::vector<std::uint8_t>{}, 0),
                 Guarded<std::uint8_t>(std::vector<std::uint8_t>{}, 0),
                 {}};
  data.matrix = {.weight = data.packed.data(),
                 .meta = Storage::kF32,
                 .bits = 8,
                 .group = static_cast<int>(kGroup),
                 .rows = rows,
                 .cols = groups * kGroup,
                 .float_cols = cols,
                 .float_type = type};
  return data;
}

}  // namespace oc::kernels
