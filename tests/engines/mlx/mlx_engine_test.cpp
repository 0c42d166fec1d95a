// What the engine on MLX does beyond single ops (exact_ops_test.cpp): attention with its cache,
// several threads, 16-bit activations, compiled chains. In builds with MLX only.
#include <filesystem>
#include <thread>

#include "tests/engines/support.h"
#ifdef OC_HAS_MLX
#include "engines/mlx/mlx_engine.h"
#endif

namespace oc {
namespace {

#ifndef OC_HAS_MLX

TEST(MlxEngine, ABuildWithoutItSaysSo) {
  const auto made = make_engine({.engine = "mlx"});
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(made.error().describe().find("docs/mlx.md"), std::string::npos);
}

#else

// As for the cpu engine's attention: scores are off by about 1e-6 in float32.
constexpr double kSlack = 2e-5;

AttendSpec spec_of(int heads, int kv_heads, int d, int layer = 0) {
  return {.heads = heads,
          .kv_heads = kv_heads,
          .head_dim = d,
          .scale = 1 / std::sqrt(static_cast<float>(d)),
          .layer = layer};
}
std::int64_t width_of(const AttendSpec& s) {
  return std::int64_t{s.heads + 2 * s.kv_heads} * s.head_dim;
}

std::shared_ptr<Engine> mlx(const std::string& activations = "f32", const std::string& kv = "f16") {
  return engine_of({.engine = "mlx", .device = "cpu", .activations = activations, .kv = kv});
}

// `count` rows of `rows` through attend, from `first` on, lazily.
Tensor attend_rows(Engine& engine, const AttendSpec& s, const std::vector<float>& rows,
                   std::int64_t count, KvSequence& kv) {
  const std::int64_t at = kv.length();
  const std::vector<float> part(rows.begin() + at * width_of(s),
                                rows.begin() + (at + count) * width_of(s));
  Tensor y = engine.attend(engine.upload(part, count, width_of(s)), s,
                           batch_of({{&kv, at, count}}, s.head_dim));
  kv.advance(count);
  return y;
}

std::vector<float> run(Engine& engine, const AttendSpec& s, const std::vector<float>& rows,
                       const std::vector<std::int64_t>& steps) {
  auto kv = engine.make_sequence({s.layer + 1, s.kv_heads, s.head_dim});
  std::vector<float> out;
  for (const std::int64_t step : steps) {
    const std::vector<float> y = values(engine, attend_rows(engine, s, rows, step, *kv));
    out.insert(out.end(), y.begin(), y.end());
  }
  return out;
}

TEST(MlxEngine, AttentionEqualsTheReference) {
  Materials make;
  for (const AttendSpec& s :
       {spec_of(2, 2, 32), spec_of(4, 2, 96), spec_of(3, 1, 64), spec_of(2, 1, 6, 1)}) {
    const std::vector<float> rows = make.normals(300 * width_of(s));
    for (const std::vector<std::int64_t>& steps :  // over the ends of blocks of 128
         {std::vector<std::int64_t>{300}, {1, 1, 1}, {127, 1, 1, 1, 2}, {100, 200}})
      EXPECT_TRUE(close(run(*mlx(), s, rows, steps), run(*reference(), s, rows, steps), kSlack))
          << s.heads << " heads of " << s.head_dim << ", first step " << steps[0];
  }
}

TEST(MlxEngine, SequencesInOneStepKeepApart) {
  const AttendSpec s = spec_of(4, 2, 32);
  const std::vector<std::pair<std::int64_t, std::int64_t> > parts = {// held, rows in the step
                                                                     {0, 5},
                                                                     {130, 1},
                                                                     {127, 2},
                                                                     {0, 40},
                                                                     {128, 1}};
  const auto step = [&](Engine& engine) {
    Materials make(3);
    std::vector<std::unique_ptr<KvSequence> > sequences;
    std::vector<Segment> segments;
    std::vector<float> all;
    for (const auto& [held, count] : parts) {
      const std::vector<float> rows = make.normals((held + count) * width_of(s));
      sequences.push_back(engine.make_sequence({1, s.kv_heads, s.head_dim}));
      if (held > 0) attend_rows(engine, s, rows, held, *sequences.back());
      segments.push_back({sequences.back().get(), held, count});
      all.insert(all.end(), rows.begin() + held * width_of(s), rows.end());
    }
    return values(engine,
                  engine.attend(engine.upload(all, std::ssize(all) / width_of(s), width_of(s)), s,
                                batch_of(segments, s.head_dim)));
  };
  EXPECT_TRUE(close(step(*mlx()), step(*reference()), kSlack));
}

TEST(MlxEngine, ABlockAndAPartOfAHeadEqualTheReference) {
  AttendSpec s = spec_of(4, 2, 64);
  s.rotated = 32;
  Materials make;
  const std::vector<float> rows = make.normals(85 * width_of(s));
  const auto step = [&](Engine& engine) {
    const auto kv = engine.make_sequence({1, s.kv_heads, s.head_dim});
    return values(
        engine, engine.attend(engine.upload(rows, 85, width_of(s)), s,
                              batch_of({{kv.get(), 0, 70, false}, {kv.get(), 70, 15}}, s.rotated)));
  };
  EXPECT_TRUE(close(step(*mlx()), step(*reference()), kSlack));
}

TEST(MlxEngine, FullAttentionEqualsTheReference) {
  Materials make;
  const AttendSpec s = spec_of(4, 4, 24);
  const std::vector<float> rows = make.normals(3 * 37 * width_of(s));
  const auto full = [&](Engine& e) {
    return values(e, e.attend_full(e.upload(rows, 3 * 37, width_of(s)), s, 37));
  };
  EXPECT_TRUE(close(full(*mlx()), full(*reference()), kSlack));
}

// A graph that one thread began is gone on with by another and read by a third: models are loaded,
// warmed up and run by different ones.
TEST(MlxEngine, AnyThreadOneAtATime) {
  const AttendSpec s = spec_of(2, 1, 32);
  Materials make;
  const std::vector<float> rows = make.normals(20 * width_of(s));
  const RawMatrix raw = make.quants(32, 64, 4, 32);
  const auto engine = mlx();
  const auto elsewhere = [](auto work) { std::thread(work).join(); };
  std::unique_ptr<KvSequence> kv;
  LinearPtr weight;
  Tensor y;
  elsewhere([&] {
    weight = prepared(*engine, raw);
    kv = engine->make_sequence({1, 1, 32});
    attend_rows(*engine, s, rows, 15, *kv);  // read by nobody
  });
  elsewhere([&] { y = engine->linear(attend_rows(*engine, s, rows, 5, *kv), *weight, {}); });
  const auto ref = reference();
  const std::vector<float> all = run(*ref, s, rows, {15, 5});
  const std::span<const float> last = std::span(all).subspan(15 * 64);
  EXPECT_TRUE(close(values(*engine, y),
                    values(*ref, ref->linear(ref->upload(last, 5, 64), *prepared(*ref, raw), {})),
                    kSlack));
}

// Rounding of input and output is up to half a step each. MLX's CPU device also rounds each of the
// 512 partial sums: evenly within half a step, sqrt(512) · bit / 2 / sqrt(3) in all (its GPUs sum
// in f32). Half as much again for sums that are larger on the way than at the end.
TEST(MlxEngine, SixteenBitActivationsAreCloseToFullPrecision) {
  for (const DType meta : {DType::kF16, DType::kBF16}) {
    Materials make(5);
    const RawMatrix raw = make.quants(100, 512, 4, 64, meta);
    const std::vector<float> x = make.normals(20 * 512);
    const auto product = [&](Engine& e) {
      return values(e, e.linear(e.upload(x, 20, 512), *prepared(e, raw), {}));
    };
    const double error = relative_error(product(*mlx("half")), product(*mlx("f32")));
    const double bit = meta == DType::kF16 ? 1.0 / 2048 : 1.0 / 256;
    EXPECT_LT(error, 1.5 * bit * std::sqrt(512.0 / 12)) << to_string(meta);
    EXPECT_GT(error, bit / 16) << to_string(meta) << ": 16 bits are not what ran";
  }
}

// The residual stream keeps numbers that f16 has no room for.
TEST(MlxEngine, LargeResidualsSurvive) {
  Materials make(6);
  const RawMatrix raw = make.quants(64, 64, 4, 64, DType::kF16);
  const TensorView ones = make.vector(64, 1, 0);
  std::vector<float> x = make.normals(64);
  x[3] = 3e5f;
  const auto layer = [&](Engine& e) {
    const NormPtr norm = e.prepare_norm(NormKind::kRms, 1e-5f, ones, nullptr).value();
    return values(e, e.linear(e.upload(x, 1, 64), *prepared(e, raw),
                              {.norm = norm.get(), .add = e.upload(x, 1, 64)}));
  };
  EXPECT_TRUE(close(layer(*mlx("half")), layer(*reference()), 1e-5));
}

TEST(MlxEngine, MemoryOfAToken) {
  const KvSpec spec{.layers = 4, .kv_heads = 2, .head_dim = 32};
  EXPECT_EQ(mlx()->kv_token_bytes(spec), 4u * 2 * 4 * 2 * 32);
  EXPECT_EQ(mlx("half", "f32")->kv_token_bytes(spec), 4u * 2 * 4 * 2 * 32);
  EXPECT_EQ(mlx("half")->kv_token_bytes(spec), 2u * 2 * 4 * 2 * 32);
}

// On a GPU these chains are compiled; MLX's CPU device compiles them with g++.
TEST(MlxEngine, CompiledChainsComputeTheSame) {
  if (!std::filesystem::exists("/usr/bin/g++")) GTEST_SKIP() << "MLX compiles for its CPU with g++";
  Materials make(8);
  const AttendSpec s = spec_of(2, 1, 32);
  const TensorView ones = make.vector(64, 1, 0.1f);
  const RawMatrix square = make.floats(64, 64, DType::kF32), up = make.floats(128, 64);
  const std::vector<float> rows = make.normals(9 * width_of(s)), x = make.normals(5 * 64);
  const auto everything = [&](Engine& e) {
    std::vector<float> out = run(e, s, rows, {5, 1, 3});  // shapes change, closures do not
    const NormPtr norm = e.prepare_norm(NormKind::kRms, 1e-5f, ones, nullptr).value();
    const auto keep = [&](const Tensor& y) {
      const std::vector<float> part = values(e, y);
      out.insert(out.end(), part.begin(), part.end());
    };
    keep(e.gated_mlp(e.upload(x, 5, 64), *norm, *prepared(e, up), *prepared(e, square)));
    for (const Activation a :
         {Activation::kQuickGelu, Activation::kGelu, Activation::kGeluTanh, Activation::kSilu})
      keep(e.linear(e.upload(x, 5, 64), *prepared(e, square), {.activation = a}));
    return out;
  };
  const auto compiled = make_mlx_engine({.f32_activations = true, .fuse = true}).value();
  EXPECT_TRUE(close(everything(*compiled), everything(*reference()), kSlack));
}

TEST(MlxEngine, ItsCpuDeviceComputesInFullPrecisionUnlessAskedOtherwise) {
  EXPECT_NE(mlx("auto")->info().text().find("cpu, f32 activations, f32 kv"), std::string::npos);
  EXPECT_NE(mlx("half")->info().text().find("cpu, 16-bit activations, 16-bit kv"),
            std::string::npos);
  EXPECT_NE(mlx("half", "f32")->info().text().find("16-bit activations, f32 kv"),
            std::string::npos);
}

TEST(MlxEngine, WhatItCannotDoIsSaid) {
  const std::vector<std::pair<EngineOptions, ErrorCode> > wrong = {
      {{.engine = "mlx", .activations = "int8"}, ErrorCode::kUnsupported},
      {{.engine = "mlx", .kv = "q8"}, ErrorCode::kUnsupported}};
  for (const auto& [options, code] : wrong) {
    const auto made = make_engine(options);
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code, code);
    EXPECT_FALSE(made.error().hint.empty());
  }
  if (mlx_has_gpu()) GTEST_SKIP() << "a GPU is here";
  const auto gpu = make_engine({.engine = "mlx", .device = "gpu"});
  ASSERT_FALSE(gpu.ok());
  EXPECT_EQ(gpu.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(gpu.error().param, "device");
}

#endif

}  // namespace
}  // namespace oc
