// What the tests of engines share: random weights as a checkpoint holds them, tensors in and out.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "engines/registry.h"
#include "kernels/kernels.h"
#include "ops/engine.h"
#include "tests/same_bytes.h"

namespace oc {

inline std::shared_ptr<Engine> engine_of(const EngineOptions& options) {
  return make_engine(options).value();
}
// The cpu engine in full precision.
inline std::shared_ptr<Engine> exact_cpu(const std::string& isa = "auto", int threads = 2) {
  return engine_of({.engine = "cpu", .threads = threads, .activations = "f32", .isa = isa});
}
inline std::shared_ptr<Engine> reference() { return engine_of({.engine = "reference"}); }

// Engines that compute in full precision, by target of the cpu engine, and "mlx" in a build with
// it.
inline std::vector<std::string> exact_engines() {
  std::vector<std::string> all = kernels::available_targets();
  if (has_mlx_engine()) all.emplace_back("mlx");
  return all;
}
inline std::shared_ptr<Engine> exact_engine(const std::string& name) {
  return name == "mlx" ? engine_of({.engine = "mlx", .device = "cpu", .activations = "f32"})
                       : exact_cpu(name);
}

inline std::vector<float> values(Engine& engine, const Tensor& tensor) {
  std::vector<float> out(static_cast<std::size_t>(tensor.rows() * tensor.cols()));
  engine.read(tensor, out);
  return out;
}

// Random numbers, and matrices made of them whose bytes live as long as this object does.
class Materials {
 public:
  explicit Materials(unsigned seed = 1) : random_(seed) {}

  std::vector<float> normals(std::int64_t count, float sigma = 1.0f) {
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& value : out) value = std::normal_distribution<float>(0.0f, sigma)(random_);
    return out;
  }

  // `numbers` as a checkpoint's tensor. Starts at an odd address: none is promised.
  TensorView view(const std::vector<float>& numbers, DType dtype, Shape shape) {
    std::vector<std::byte>& bytes = memory_.emplace_back(numbers.size() * size_of(dtype) + 1);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      std::byte* at = bytes.data() + 1 + i * size_of(dtype);
      if (dtype == DType::kF32) {
        std::memcpy(at, &numbers[i], 4);
      } else {
        const std::uint16_t half =
            dtype == DType::kF16 ? f32_to_f16(numbers[i]) : f32_to_bf16(numbers[i]);
        std::memcpy(at, &half, 2);
      }
    }
    return {"test", dtype, std::move(shape), std::span<const std::byte>(bytes).subspan(1), "test"};
  }
  TensorView vector(std::int64_t width, float mean, float sigma, DType dtype = DType::kF32) {
    std::vector<float> numbers = normals(width, sigma);
    for (float& number : numbers) number += mean;
    return view(numbers, dtype, Shape{width});
  }

  RawMatrix floats(std::int64_t rows, std::int64_t cols, DType dtype = DType::kF32,
                   bool with_bias = false) {
    RawMatrix raw = named(rows, cols);
    const float sigma = 1 / std::sqrt(static_cast<float>(cols));
    raw.weight = view(normals(rows * cols, sigma), dtype, Shape{rows, cols});
    if (with_bias) raw.bias = vector(rows, 0, 0.5f, dtype);
    return raw;
  }

  // MLX affine: weights of deviation about 1/sqrt(cols), half of the scales negative.
  RawMatrix quants(std::int64_t rows, std::int64_t cols, int bits, int group,
                   DType meta = DType::kF16, bool with_bias = false) {
    RawMatrix raw = named(rows, cols);
    raw.quant = QuantSpec{.bits = bits, .group_size = group};
    std::vector<std::byte>& packed =
        memory_.emplace_back(static_cast<std::size_t>(rows * cols * bits / 8) + 1);
    for (std::byte& byte : packed) byte = static_cast<std::byte>(random_() & 255);
    raw.weight = {"test", DType::kU32, Shape{rows, cols * bits / 32},
                  std::span<const std::byte>(packed).subspan(1), "test"};
    const std::int64_t groups = rows * (cols / group);
    const auto levels = static_cast<float>((1 << bits) - 1);
    const float step = 3.4f / (levels * std::sqrt(static_cast<float>(cols)));
    std::vector<float> scales(static_cast<std::size_t>(groups)), biases(scales.size());
    for (std::size_t i = 0; i < scales.size(); ++i) {
      scales[i] = (random_() % 2 ? step : -step) * (0.7f + 0.0006f * (random_() % 1000));
      biases[i] = -scales[i] * levels / 2;
    }
    raw.scales = view(scales, meta, Shape{rows, cols / group});
    raw.biases = view(biases, meta, Shape{rows, cols / group});
    if (with_bias) raw.bias = vector(rows, 0, 0.5f);
    return raw;
  }

 private:
  static RawMatrix named(std::int64_t rows, std::int64_t cols) {
    RawMatrix raw;
    raw.name = "test";
    raw.rows = rows;
    raw.cols = cols;
    return raw;
  }

  std::mt19937 random_;
  std::deque<std::vector<std::byte>> memory_;
};

inline LinearPtr prepared(Engine& engine, const RawMatrix& raw) {
  return engine.prepare_linear(std::span(&raw, 1)).value();
}

// Every value within `slack` times the largest expected one.
inline testing::AssertionResult close(const std::vector<float>& got,
                                      const std::vector<float>& expected, double slack) {
  if (got.size() != expected.size())
    return testing::AssertionFailure() << got.size() << " values, expected " << expected.size();
  double largest = 0;
  for (const float value : expected) largest = std::max(largest, std::abs(double{value}));
  for (std::size_t i = 0; i < got.size(); ++i)
    if (!(std::abs(double{got[i]} - double{expected[i]}) <= slack * largest))
      return testing::AssertionFailure()
             << "value " << i << " of " << got.size() << " is " << got[i] << ", expected "
             << expected[i] << "; the largest is " << largest;
  return testing::AssertionSuccess();
}

// Root mean square of the difference over that of `expected`.
inline double relative_error(const std::vector<float>& got, const std::vector<float>& expected) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += (double{got[i]} - expected[i]) * (double{got[i]} - expected[i]);
    size += double{expected[i]} * expected[i];
  }
  return std::sqrt(difference / size);
}

// A step of one or several sequences, with angles that depend on the position alone.
// `turning`: numbers of a head that turn.
inline Batch batch_of(std::vector<Segment> segments, int turning) {
  Batch batch;
  batch.segments = std::move(segments);
  for (const Segment& segment : batch.segments)
    for (std::int64_t p = segment.position; p < segment.position + segment.length; ++p)
      for (int i = 0; i < turning / 2; ++i) {
        const float angle = static_cast<float>(p) * std::pow(0.3f, static_cast<float>(i));
        batch.rope_cos.push_back(std::cos(angle));
        batch.rope_sin.push_back(std::sin(angle));
      }
  return batch;
}

inline std::string isa_name(const testing::TestParamInfo<std::string>& tested) {
  return tested.param;
}

}  // namespace oc
