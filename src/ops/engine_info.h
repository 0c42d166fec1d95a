// Who computes, and in what: the facts about an engine, and the only place that makes text of them.
#pragma once

#include <string>

namespace oc {

// What the numbers of a computation are held in. Sums are float32 or wider.
struct Precision {
  // What products read.
  enum class Activations {
    kF32,
    kInt8,  // against quantised weights, a row's outliers float32; against others float32
    kHalf,  // the 16-bit type of each weight: f16 or bf16
  };
  // Keys and values.
  enum class Cache {
    kF32,
    kF16,
    kInt8,
    kHalf,  // as Activations::kHalf
  };
  Activations activations = Activations::kF32;
  Cache cache = Cache::kF32;
  bool operator==(const Precision&) const = default;
};
std::string to_string(const Precision& precision);  // "int8 activations, f32 outliers, f16 kv"

struct EngineInfo {
  std::string name;     // "cpu", "mlx", "reference"
  std::string backend;  // what it computes with: "AVX2", "MLX 0.29.3 on its gpu"; may be empty
  int threads = 0;      // of its own; 0: it has none, or does not know
  Precision precision = {};
  bool one_precision = false;  // there is no other, and `backend` says it
  bool operator==(const EngineInfo&) const = default;

  std::string text() const;  // "cpu: avx2, 2 threads, f32 activations, f32 kv"
  // The same without the threads: what may decide a result.
  std::string computation() const;
};

}  // namespace oc
