// Attention of the cpu engine: against the reference engine, and against itself in other company.
#include "tests/engines/support.h"

namespace oc {
namespace {

// Scores are off by about 1e-6 in float32, and with them the weights of a softmax.
constexpr double kSlack = 2e-5;

class CpuAttend : public testing::TestWithParam<std::string> {
 protected:
  static AttendSpec spec(int heads, int kv_heads, int d, int layer = 0) {
    return {.heads = heads,
            .kv_heads = kv_heads,
            .head_dim = d,
            .scale = 1 / std::sqrt(static_cast<float>(d)),
            .layer = layer};
  }
  static std::int64_t width(const AttendSpec& s) {
    return std::int64_t{s.heads + 2 * s.kv_heads} * s.head_dim;
  }
  // A sequence that steps through `rows` in steps of the given lengths; all outputs.
  static std::vector<float> run(Engine& engine, const AttendSpec& s, const std::vector<float>& rows,
                                const std::vector<std::int64_t>& steps) {
    auto kv = engine.make_sequence({s.layer + 1, s.kv_heads, s.head_dim});
    std::vector<float> out;
    for (const std::int64_t step : steps) {
      const std::int64_t at = kv->length();
      const std::vector<float> part(rows.begin() + at * width(s),
                                    rows.begin() + (at + step) * width(s));
      const std::vector<float> y =
          values(engine, engine.attend(engine.upload(part, step, width(s)), s,
                                       batch_of({{kv.get(), at, step}}, s.turning())));
      out.insert(out.end(), y.begin(), y.end());
      kv->advance(step);
    }
    return out;
  }

  // f16 needs int8 activations; attention alone is the same with both.
  static std::shared_ptr<Engine> with_cache(const std::string& kv) {
    return engine_of({.engine = "cpu",
                      .threads = 2,
                      .activations = kv == "f16" ? "int8" : "f32",
                      .kv = kv,
                      .isa = GetParam()});
  }

  std::shared_ptr<Engine> cpu_ = exact_cpu(GetParam()), ref_ = reference();
  Materials make_;
};

TEST_P(CpuAttend, EqualsTheReference) {
  for (const AttendSpec& s : {spec(2, 2, 32), spec(4, 2, 96), spec(3, 1, 64), spec(2, 1, 6, 1)}) {
    const std::vector<float> rows = make_.normals(140 * width(s));
    for (const std::vector<std::int64_t>& steps :
         {std::vector<std::int64_t>{140}, {1, 1, 1}, {63, 1, 1, 1, 2}, {100, 40}})
      EXPECT_TRUE(close(run(*cpu_, s, rows, steps), run(*ref_, s, rows, steps), kSlack))
          << s.heads << " heads of " << s.head_dim << ", first step " << steps[0];
  }
}

TEST_P(CpuAttend, AChunkedPromptIsTheSameBytes) {
  const AttendSpec s = spec(4, 2, 32);
  const std::vector<float> rows = make_.normals(135 * width(s));
  for (const std::string kv : {"f32", "f16", "q8"}) {
    const auto engine = with_cache(kv);
    const std::vector<float> whole = run(*engine, s, rows, {135});
    for (const std::vector<std::int64_t>& steps :
         {std::vector<std::int64_t>{1, 134}, {64, 71}, {33, 33, 33, 33, 3}, {130, 1, 1, 1, 1, 1}})
      EXPECT_TRUE(same_bytes(run(*engine, s, rows, steps), whole))
          << kv << ", first step " << steps[0];
    const std::vector<std::int64_t> single(135, 1);
    EXPECT_TRUE(same_bytes(run(*engine, s, rows, single), whole)) << kv;
  }
}

// A picture's rows in front see each other both ways; a part of each head does not turn.
TEST_P(CpuAttend, ABlockAndAPartOfAHeadEqualTheReference) {
  AttendSpec s = spec(4, 2, 64);
  s.rotated = 32;
  constexpr std::int64_t kBlock = 70, kRows = 85;
  const std::vector<float> rows = make_.normals(kRows * width(s));
  const auto step = [&](Engine& engine, bool causal) {
    const auto kv = engine.make_sequence({1, s.kv_heads, s.head_dim});
    return values(
        engine,
        engine.attend(engine.upload(rows, kRows, width(s)), s,
                      batch_of({{kv.get(), 0, kBlock, causal}, {kv.get(), kBlock, kRows - kBlock}},
                               s.rotated)));
  };
  const auto engine = with_cache("f32");
  EXPECT_LT(relative_error(step(*engine, false), step(*ref_, false)), 1e-5);
  EXPECT_LT(relative_error(step(*engine, true), run(*engine, s, rows, {kRows})), 1e-9);
  EXPECT_GT(relative_error(step(*engine, true), step(*engine, false)), 0.05);
}

TEST_P(CpuAttend, SequencesInOneStepAreTheSameBytesAsAlone) {
  const AttendSpec s = spec(4, 2, 32);
  // {held before the step, rows in the step}
  const std::vector<std::pair<std::int64_t, std::int64_t>> parts = {
      {0, 5}, {70, 1}, {63, 2}, {0, 40}, {128, 1}};
  for (const std::string kv : {"f32", "f16", "q8"}) {
    const auto engine = with_cache(kv);
    std::vector<std::unique_ptr<KvSequence>> together, alone;
    std::vector<Segment> segments;
    std::vector<float> rows, expected;
    for (const auto& [held, count] : parts) {
      const std::vector<float> before = make_.normals(held * width(s));
      const std::vector<float> now = make_.normals(count * width(s));
      for (auto* side : {&together, &alone}) {
        side->push_back(engine->make_sequence({1, s.kv_heads, s.head_dim}));
        KvSequence& sequence = *side->back();
        if (held == 0) continue;
        engine->attend(engine->upload(before, held, width(s)), s,
                       batch_of({{&sequence, 0, held}}, s.head_dim));
        sequence.advance(held);
      }
      rows.insert(rows.end(), now.begin(), now.end());
      segments.push_back({together.back().get(), held, count});
      const std::vector<float> y = values(
          *engine, engine->attend(engine->upload(now, count, width(s)), s,
                                  batch_of({{alone.back().get(), held, count}}, s.head_dim)));
      expected.insert(expected.end(), y.begin(), y.end());
    }
    const auto total = static_cast<std::int64_t>(rows.size()) / width(s);
    const std::vector<float> got = values(
        *engine,
        engine->attend(engine->upload(rows, total, width(s)), s, batch_of(segments, s.head_dim)));
    EXPECT_TRUE(same_bytes(got, expected)) << kv;
  }
}

// int8 is off by up to half a step of max|x| / 127, evenly: by max|x| / 127 / sqrt(12) rms. The
// largest of 64 normals is about 2.5, so e = 2.5 / 127 / sqrt(12) = 0.0057 (of 96: 0.0060).
// Keys: a score is d products of unit normals over sqrt(d), so it is off by e, its weight p by the
// factor 1 + e · normal, and the output Σ p v by e · sqrt(Σ p²), while it is sqrt(Σ p²) itself.
// Values: Σ p · (e · normal) is e · sqrt(Σ p²) once more. Both: e · sqrt(2) = 0.0081 (0.0085) of
// the output; the first rows, which see few keys, have less of the keys' part.
TEST_P(CpuAttend, AnInt8CacheIsCloseToFullPrecision) {
  const auto rounded = with_cache("q8");
  for (const AttendSpec& s : {spec(4, 2, 64), spec(4, 4, 96)}) {
    const std::vector<float> rows = make_.normals(300 * width(s));
    const double error =
        relative_error(run(*rounded, s, rows, {299, 1}), run(*ref_, s, rows, {299, 1}));
    EXPECT_LT(error, 0.0095) << s.head_dim;
    EXPECT_GT(error, 0.006) << "int8 is not what ran";
  }
}

// A scale belongs to one token and one head: a neighbour a million times as large costs nothing.
TEST_P(CpuAttend, LargeTokensAndHeadsDoNotCoarsenTheOthers) {
  const AttendSpec s = spec(2, 2, 64);
  const auto rounded = with_cache("q8");
  std::vector<float> rows = make_.normals(40 * width(s));
  for (std::int64_t c = 0; c < 64; ++c) {
    for (std::int64_t t = 0; t < 40; ++t)  // values of head 1
      rows[static_cast<std::size_t>(t * width(s) + width(s) - 64 + c)] *= 1e6f;
    rows[static_cast<std::size_t>(39 * width(s) + 4 * 64 + c)] *= 1e6f;  // the last value of head 0
  }
  const std::vector<float> got = run(*rounded, s, rows, {40}), want = run(*ref_, s, rows, {40});
  std::vector<float> got0, want0;  // head 0 of all rows but the last
  for (std::size_t t = 0; t < 39; ++t)
    for (std::size_t c = 0; c < 64; ++c) {
      got0.push_back(got[t * 128 + c]);
      want0.push_back(want[t * 128 + c]);
    }
  EXPECT_LT(relative_error(got0, want0), 0.0095);
  EXPECT_LT(relative_error(got, want), 0.0095);
}

TEST_P(CpuAttend, ForksInOneStepShareTheirPast) {
  const AttendSpec s = spec(2, 1, 32);
  const std::vector<float> past = make_.normals(70 * width(s)), now = make_.normals(3 * width(s));
  const auto step = [&](Engine& engine) {
    auto a = engine.make_sequence({1, 1, 32});
    engine.attend(engine.upload(past, 70, width(s)), s, batch_of({{a.get(), 0, 70}}, 32));
    a->advance(70);
    auto b = a->fork(70), c = a->fork(66);
    return values(
        engine,
        engine.attend(engine.upload(now, 3, width(s)), s,
                      batch_of({{a.get(), 70, 1}, {b.get(), 70, 1}, {c.get(), 66, 1}}, 32)));
  };
  EXPECT_TRUE(close(step(*cpu_), step(*ref_), kSlack));
}

TEST_P(CpuAttend, SharedRowsAreNotTurnedInPlace) {
  const AttendSpec s = spec(2, 2, 32);
  const std::vector<float> rows = make_.normals(5 * width(s));
  const Tensor kept = cpu_->upload(rows, 5, width(s));
  const auto attend = [&](Tensor qkv) {
    auto kv = cpu_->make_sequence({1, 2, 32});
    return values(*cpu_, cpu_->attend(std::move(qkv), s, batch_of({{kv.get(), 0, 5}}, 32)));
  };
  const std::vector<float> first = attend(kept);
  EXPECT_TRUE(same_bytes(values(*cpu_, kept), rows));
  EXPECT_TRUE(same_bytes(attend(cpu_->upload(rows, 5, width(s))), first));
}

TEST_P(CpuAttend, FullAttentionInBlocks) {
  std::vector<AttendSpec> specs = {spec(2, 2, 32), spec(3, 3, 64), spec(1, 1, 7)};
  for (std::size_t i = 0; i < 3; ++i) {
    specs.push_back(specs[i]);
    specs.back().may_round = true;
  }
  for (const AttendSpec& s : specs)
    for (const std::int64_t block : {1, 5, 64, 65, 100}) {
      const std::vector<float> rows = make_.normals(2 * block * width(s));
      const auto run_on = [&](Engine& e, std::int64_t first, std::int64_t count) {
        const std::vector<float> part(rows.begin() + first * width(s),
                                      rows.begin() + (first + count) * width(s));
        return values(e, e.attend_full(e.upload(part, count, width(s)), s, block));
      };
      std::vector<float> both = run_on(*cpu_, 0, 2 * block);
      ASSERT_TRUE(close(both, run_on(*ref_, 0, 2 * block), s.may_round ? 0.01 : kSlack))
          << "head size " << s.head_dim << ", blocks of " << block;
      const std::vector<float> second = run_on(*cpu_, block, block);
      both.erase(both.begin(), both.begin() + static_cast<std::ptrdiff_t>(both.size() / 2));
      ASSERT_TRUE(same_bytes(both, second)) << "a block alone, of " << block;
    }
}

// Memory comes from a pool: what the work before left in it must not show.
TEST_P(CpuAttend, NothingIsSeenOfEarlierWork) {
  const AttendSpec s = spec(2, 2, 32);
  const std::vector<float> rows = make_.normals(70 * width(s));
  const auto rounded = with_cache("q8");
  Engine* engines[] = {cpu_.get(), rounded.get()};
  const auto causal = [&] {
    std::vector<float> out = run(*cpu_, s, rows, {70});
    const std::vector<float> of_rounded = run(*rounded, s, rows, {70});
    out.insert(out.end(), of_rounded.begin(), of_rounded.end());
    return out;
  };
  const auto full = [&] {
    AttendSpec rounding = s;
    rounding.may_round = true;
    std::vector<float> out;
    for (const AttendSpec& either : {s, rounding}) {
      const auto part =
          values(*cpu_, cpu_->attend_full(cpu_->upload(rows, 70, width(s)), either, 35));
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  };
  const std::vector<float> first_causal = causal(), first_full = full();
  const auto leave_rubbish = [&] {
    std::vector<Tensor> held;
    for (std::int64_t count = 500; count < 60000; count += count / 3)
      for (int copies = 0; copies < 2; ++copies)
        for (Engine* engine : engines)
          held.push_back(
              engine->upload(std::vector<float>(static_cast<std::size_t>(count), NAN), 1, count));
  };
  leave_rubbish();
  EXPECT_TRUE(same_bytes(causal(), first_causal));
  leave_rubbish();
  EXPECT_TRUE(same_bytes(full(), first_full));
}

TEST_P(CpuAttend, WrongShapesAreOurMistake) {
  const AttendSpec s = spec(2, 1, 8);
  auto kv = cpu_->make_sequence({1, 1, 8});
  const auto upload = [&](std::int64_t rows, std::int64_t cols) {
    return cpu_->upload(std::vector<float>(static_cast<std::size_t>(rows * cols)), rows, cols);
  };
  EXPECT_THROW(cpu_->attend(upload(2, 31), s, batch_of({{kv.get(), 0, 2}}, 8)), CheckFailure);
  EXPECT_THROW(cpu_->attend(upload(3, 32), s, batch_of({{kv.get(), 0, 2}}, 8)), CheckFailure);
  EXPECT_THROW(cpu_->attend(upload(2, 32), s, batch_of({{kv.get(), 0, 2}}, 6)), CheckFailure);
  const AttendSpec full = spec(2, 2, 8);
  EXPECT_THROW(cpu_->attend_full(upload(4, 47), full, 2), CheckFailure);
  EXPECT_THROW(cpu_->attend_full(upload(4, 48), full, 3), CheckFailure);
  EXPECT_THROW(cpu_->attend_full(upload(4, 48), full, 0), CheckFailure);
}

INSTANTIATE_TEST_SUITE_P(Target, CpuAttend, testing::ValuesIn(kernels::available_targets()),
                         isa_name);

}  // namespace
}  // namespace oc
