// The promise of the cpu engine: the same bytes alone and in a batch, on one thread and on several;
// and how far int8 activations are from full precision.
#include "tests/engines/support.h"

namespace oc {
namespace {

constexpr std::int64_t kWidth = 128, kMlp = 192, kHeads = 4, kKvHeads = 2, kHeadDim = 32;

// A decoder layer with quantised or float weights, as models run it.
struct Layer {
  Layer(Engine& engine, Materials& make, bool quantised)
      : qkv(prepared(engine, matrix(make, quantised, (kHeads + 2 * kKvHeads) * kHeadDim, kWidth))),
        o(prepared(engine, matrix(make, quantised, kWidth, kHeads * kHeadDim))),
        gate_up(prepared(engine, matrix(make, quantised, 2 * kMlp, kWidth))),
        down(prepared(engine, matrix(make, quantised, kWidth, kMlp))),
        norm(engine.prepare_norm(NormKind::kRms, 1e-5f, make.vector(kWidth, 1, 0.1f), nullptr)
                 .value()) {}
  static RawMatrix matrix(Materials& make, bool quantised, std::int64_t rows, std::int64_t cols) {
    return quantised ? make.quants(rows, cols, 4, 64) : make.floats(rows, cols, DType::kBF16);
  }

  std::vector<float> run(Engine& engine, const std::vector<float>& rows,
                         std::vector<Segment> segments) const {
    Tensor x = engine.upload(rows, static_cast<std::int64_t>(rows.size()) / kWidth, kWidth);
    const AttendSpec spec{
        .heads = kHeads, .kv_heads = kKvHeads, .head_dim = kHeadDim, .scale = 0.18f};
    Tensor att = engine.attend(engine.linear(x, *qkv, {.norm = norm.get()}), spec,
                               batch_of(std::move(segments), kHeadDim));
    x = engine.linear(std::move(att), *o, {.add = std::move(x)});
    return values(engine, engine.gated_mlp(std::move(x), *norm, *gate_up, *down));
  }

  LinearPtr qkv, o, gate_up, down;
  NormPtr norm;
};

EngineOptions options(const std::string& isa, int threads, const std::string& activations,
                      const std::string& kv = "f16") {
  return {.engine = "cpu", .threads = threads, .activations = activations, .kv = kv, .isa = isa};
}

struct Precision {
  std::string activations, kv;
};
const Precision kPrecisions[] = {{"f32", "f32"}, {"int8", "f16"}, {"int8", "q8"}};

class CpuBytes : public testing::TestWithParam<std::string> {
 protected:
  static std::unique_ptr<KvSequence> sequence(Engine& engine) {
    return engine.make_sequence({1, kKvHeads, kHeadDim});
  }
};

TEST_P(CpuBytes, OneTwoAndFourThreads) {
  for (const auto& [activations, kv_type] : kPrecisions)
    for (const bool quantised : {false, true}) {
      Materials numbers(5);
      const std::vector<float> prompt = numbers.normals(70 * kWidth),
                               next = numbers.normals(kWidth);
      std::vector<float> expected;
      for (const int threads : {1, 2, 4}) {
        const auto engine = engine_of(options(GetParam(), threads, activations, kv_type));
        Materials make(7);
        const Layer layer(*engine, make, quantised);
        auto kv = sequence(*engine);
        std::vector<float> got = layer.run(*engine, prompt, {{kv.get(), 0, 70}});
        kv->advance(70);
        const std::vector<float> last = layer.run(*engine, next, {{kv.get(), 70, 1}});
        got.insert(got.end(), last.begin(), last.end());
        if (threads == 1) expected = got;
        ASSERT_TRUE(same_bytes(got, expected)) << threads << " threads, " << activations << ", "
                                               << kv_type << " kv, quantised " << quantised;
      }
    }
}

// Heads are divided where there are more threads than heads; threads pack the same keys then.
TEST_P(CpuBytes, FullAttentionOnAnyNumberOfThreads) {
  constexpr std::int64_t kBlock = 37, kHeadSize = 16;
  Materials numbers(6);
  const std::vector<float> rows = numbers.normals(2 * kBlock * 3 * 2 * kHeadSize);
  for (const bool may_round : {false, true}) {
    const AttendSpec spec{
        .heads = 2, .kv_heads = 2, .head_dim = kHeadSize, .scale = 0.25f, .may_round = may_round};
    std::vector<float> expected;
    for (const int threads : {1, 2, 4, 7, 48}) {
      const auto engine = engine_of(options(GetParam(), threads, "int8"));
      const std::vector<float> got = values(
          *engine,
          engine->attend_full(engine->upload(rows, 2 * kBlock, 3 * 2 * kHeadSize), spec, kBlock));
      if (threads == 1) expected = got;
      ASSERT_TRUE(same_bytes(got, expected)) << threads << " threads, may round: " << may_round;
    }
  }
}

TEST_P(CpuBytes, AloneInABatchAndInChunks) {
  for (const auto& [activations, kv_type] : kPrecisions)
    for (const bool quantised : {false, true}) {
      const auto engine = engine_of(options(GetParam(), 2, activations, kv_type));
      Materials make(7);
      const Layer layer(*engine, make, quantised);
      const std::vector<float> a = make.normals(66 * kWidth), b = make.normals(3 * kWidth);
      auto alone_a = sequence(*engine), alone_b = sequence(*engine);
      const std::vector<float> of_a = layer.run(*engine, a, {{alone_a.get(), 0, 66}});
      const std::vector<float> of_b = layer.run(*engine, b, {{alone_b.get(), 0, 3}});

      std::vector<float> both = a, of_both = of_a;
      both.insert(both.end(), b.begin(), b.end());
      of_both.insert(of_both.end(), of_b.begin(), of_b.end());
      auto kv_a = sequence(*engine), kv_b = sequence(*engine);
      ASSERT_TRUE(
          same_bytes(layer.run(*engine, both, {{kv_a.get(), 0, 66}, {kv_b.get(), 0, 3}}), of_both))
          << activations << ", " << kv_type << " kv, quantised " << quantised;

      auto kv = sequence(*engine);
      std::vector<float> chunks;
      for (const std::int64_t count : {1, 40, 1, 7, 17}) {
        const std::int64_t at = kv->length();
        const std::vector<float> part(a.begin() + at * kWidth, a.begin() + (at + count) * kWidth);
        const std::vector<float> out = layer.run(*engine, part, {{kv.get(), at, count}});
        chunks.insert(chunks.end(), out.begin(), out.end());
        kv->advance(count);
      }
      ASSERT_TRUE(same_bytes(chunks, of_a))
          << activations << ", " << kv_type << " kv, quantised " << quantised;

      // A fork of a part that another story went on from, and a truncated sequence.
      auto fork = kv->fork(50);
      layer.run(*engine, b, {{fork.get(), 50, 3}});
      fork->advance(3);
      fork->truncate(45);
      kv->truncate(45);
      const std::vector<float> rest(a.begin() + 45 * kWidth, a.end());
      const auto want = std::span(of_a).subspan(static_cast<std::size_t>(45 * kWidth));
      for (KvSequence* sequence : {fork.get(), kv.get()})
        ASSERT_TRUE(same_bytes(layer.run(*engine, rest, {{sequence, 45, 21}}), want))
            << activations << ", " << kv_type << " kv, quantised " << quantised;
    }
}

// Rows beyond one tile of tokens (256 KB of a core's cache) and many strips of outputs.
TEST_P(CpuBytes, TilesOfTokens) {
  for (const std::string activations : {"f32", "int8"}) {
    const auto engine = engine_of(options(GetParam(), 2, activations));
    const std::int64_t cols = 4096, rows = activations == "f32" ? 35 : 70;  // tiles of 16 and 64
    Materials make(9);
    const LinearPtr w = prepared(*engine, make.quants(9, cols, 4, 64));
    const std::vector<float> x = make.normals(rows * cols), add = make.normals(rows * 9);
    const auto run = [&](std::int64_t first, std::int64_t count) {
      const auto rows_of = [&](const std::vector<float>& all, std::int64_t width) {
        return engine->upload(std::span(all).subspan(static_cast<std::size_t>(first * width),
                                                     static_cast<std::size_t>(count * width)),
                              count, width);
      };
      return values(*engine, engine->linear(rows_of(x, cols), *w, {.add = rows_of(add, 9)}));
    };
    const std::vector<float> all = run(0, rows);
    for (const std::int64_t row : {std::int64_t{0}, std::int64_t{15}, std::int64_t{16}, rows - 1})
      ASSERT_TRUE(
          same_bytes(run(row, 1), std::span(all).subspan(static_cast<std::size_t>(row * 9), 9)))
          << activations << ", row " << row;
  }
}

// Columns that few tokens read row after row, in items that the number of threads decides.
TEST_P(CpuBytes, FewTokensOnAnyNumberOfThreads) {
  constexpr std::int64_t kCols = 1024, kRows = 20;
  Materials make(13);
  const std::vector<float> x = make.normals(kRows * kCols);
  for (const std::int64_t outputs : {40, 1100, 4200}) {
    const RawMatrix raw = make.quants(outputs, kCols, 4, 64);
    const auto run = [&](int threads, std::int64_t first, std::int64_t count) {
      const auto engine = engine_of(options(GetParam(), threads, "int8"));
      const auto some = std::span(x).subspan(static_cast<std::size_t>(first * kCols),
                                             static_cast<std::size_t>(count * kCols));
      return values(
          *engine, engine->linear(engine->upload(some, count, kCols), *prepared(*engine, raw), {}));
    };
    const std::vector<float> all = run(1, 0, kRows);
    for (const int threads : {1, 2, 4})
      for (const std::int64_t count : {1, 2, 3, 4, 5, 8})
        ASSERT_TRUE(same_bytes(run(threads, 3, count),
                               std::span(all).subspan(static_cast<std::size_t>(3 * outputs),
                                                      static_cast<std::size_t>(count * outputs))))
            << threads << " threads, " << count << " tokens, " << outputs << " outputs";
  }
}

TEST_P(CpuBytes, Int8ActivationsAreCloseToFullPrecision) {
  const auto exact = engine_of(options(GetParam(), 2, "f32"));
  const auto rounded = engine_of(options(GetParam(), 2, "int8"));
  for (const int bits : {4, 8})
    for (const int group : {32, 64, 128}) {
      Materials make(11);
      const RawMatrix raw = make.quants(100, 512, bits, group);
      const std::vector<float> x = make.normals(20 * 512);
      const auto run = [&](Engine& e) {
        return values(e, e.linear(e.upload(x, 20, 512), *prepared(e, raw), {}));
      };
      // A step is max|x| of 64 (32) normals over 127, 2.4/127 (2.1/127): rounding is uniform within
      // it, so off by 2.4/127/sqrt(12) = 0.0055 (0.0048) of the deviation.
      const double error = relative_error(run(*rounded), run(*exact));
      EXPECT_LT(error, 0.0066) << bits << " bits, groups of " << group;
      EXPECT_GT(error, 0.003) << "int8 is not what ran";
    }
}

// Float weights are never met by int8 rows: only the cache differs, f16 instead of f32.
TEST_P(CpuBytes, FloatWeightsKeepFloatActivations) {
  Materials make(13);
  const RawMatrix raw = make.floats(50, 128, DType::kF16);
  const std::vector<float> x = make.normals(7 * 128);
  const auto run = [&](const std::string& activations) {
    const auto engine = engine_of(options(GetParam(), 1, activations));
    const LinearPtr weight = prepared(*engine, raw);
    EXPECT_FALSE(weight->rounds_input) << activations;
    return values(*engine, engine->linear(engine->upload(x, 7, 128), *weight, {}));
  };
  EXPECT_TRUE(same_bytes(run("int8"), run("f32")));
  const RawMatrix quantised = make.quants(50, 128, 4, 64);
  for (const std::string activations : {"int8", "f32"}) {
    const auto engine = engine_of(options(GetParam(), 1, activations));
    EXPECT_EQ(prepared(*engine, quantised)->rounds_input, activations == "int8");
  }
}

// A matrix that a quantised tower left as floats, of a width that is no multiple of a group.
TEST_P(CpuBytes, FloatsAmongQuantisedOnesAreRounded) {
  constexpr std::int64_t kCols = 144, kRows = 20, kOutputs = 50;
  Materials make(19);
  RawMatrix raw = make.floats(kOutputs, kCols, DType::kBF16, true);
  const std::vector<float> x = make.normals(kRows * kCols);
  const auto run = [&](Engine& e, std::int64_t rows) {
    const auto some = std::span(x).first(static_cast<std::size_t>(rows * kCols));
    return values(e, e.linear(e.upload(some, rows, kCols), *prepared(e, raw), {}));
  };
  const auto exact = engine_of(options(GetParam(), 2, "f32"));
  const auto rounded = engine_of(options(GetParam(), 2, "int8"));
  const std::vector<float> want = run(*exact, kRows);
  EXPECT_TRUE(same_bytes(run(*rounded, kRows), want)) << "nobody said that it may be rounded";
  raw.may_round = true;
  EXPECT_TRUE(same_bytes(run(*exact, kRows), want)) << "float32 was asked for";
  EXPECT_FALSE(prepared(*exact, raw)->rounds_input);
  EXPECT_TRUE(prepared(*rounded, raw)->rounds_input);
  const std::vector<float> got = run(*rounded, kRows);
  // Activations as above: 0.0055. Weights: 64 normals lie within 4.7 deviations, a step is 4.7/255,
  // so off by 4.7/255/sqrt(12) = 0.0053. Both, but for the bias: 0.0077.
  EXPECT_LT(relative_error(got, want), 0.0092);
  EXPECT_GT(relative_error(got, want), 0.004) << "int8 is not what ran";
  for (const std::int64_t rows : {1, 2, 5})
    EXPECT_TRUE(same_bytes(run(*rounded, rows),
                           std::span(got).first(static_cast<std::size_t>(rows * kOutputs))));
}

TEST_P(CpuBytes, AWholeLayerWithInt8AndAHalfCache) {
  const auto ref = reference();
  const auto rounded = engine_of(options(GetParam(), 2, "int8"));
  Materials numbers(15);
  const std::vector<float> x = numbers.normals(70 * kWidth);
  const auto run = [&](Engine& engine) {
    Materials make(17);
    const Layer layer(engine, make, true);
    auto kv = sequence(engine);
    return layer.run(engine, x, {{kv.get(), 0, 70}});
  };
  // Four products, each off by half a percent of its own result; the residual is exact.
  EXPECT_LT(relative_error(run(*rounded), run(*ref)), 0.01);
  // An int8 cache puts attention off by another 0.8 percent of its own result: sqrt(1² + 0.8²) if
  // attention were all of the sum.
  const auto q8 = engine_of(options(GetParam(), 2, "int8", "q8"));
  EXPECT_LT(relative_error(run(*q8), run(*ref)), 0.0128);
}

INSTANTIATE_TEST_SUITE_P(Target, CpuBytes, testing::ValuesIn(kernels::available_targets()),
                         isa_name);

}  // namespace
}  // namespace oc
