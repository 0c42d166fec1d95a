#include "ops/engine_info.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

using Activations = Precision::Activations;
using Cache = Precision::Cache;

// What people, certificates and reports of benchmarks have read for long.
TEST(EngineInfo, TextForPeople) {
  EngineInfo cpu{.name = "cpu", .backend = "avx2", .threads = 2};
  cpu.precision = {Activations::kInt8, Cache::kF16};
  EXPECT_EQ(cpu.text(), "cpu: avx2, 2 threads, int8 activations, f32 outliers, f16 kv");
  EXPECT_EQ(cpu.computation(), "cpu: avx2, int8 activations, f32 outliers, f16 kv");
  cpu.threads = 1;
  cpu.precision = {Activations::kF32, Cache::kInt8};
  EXPECT_EQ(cpu.text(), "cpu: avx2, 1 thread, f32 activations, q8 kv");

  const EngineInfo mlx{.name = "mlx",
                       .backend = "MLX 0.29.3 on its gpu",
                       .precision = {Activations::kHalf, Cache::kHalf}};
  EXPECT_EQ(mlx.text(), "mlx: MLX 0.29.3 on its gpu, 16-bit activations, 16-bit kv");
  EXPECT_EQ(mlx.computation(), mlx.text());

  const EngineInfo reference{
      .name = "reference", .backend = "plain f32 loops", .threads = 1, .one_precision = true};
  EXPECT_EQ(reference.text(), "reference: plain f32 loops, 1 thread");
  EXPECT_EQ(reference.computation(), "reference: plain f32 loops");
  EXPECT_EQ(EngineInfo{}.text(), "");
}

TEST(EngineInfo, TextOfEachPrecision) {
  EXPECT_EQ(to_string(Precision{}), "f32 activations, f32 kv");
  EXPECT_EQ(to_string(Precision{Activations::kInt8, Cache::kF16}),
            "int8 activations, f32 outliers, f16 kv");
  EXPECT_EQ(to_string(Precision{Activations::kHalf, Cache::kF32}), "16-bit activations, f32 kv");
}

}  // namespace
}  // namespace oc
