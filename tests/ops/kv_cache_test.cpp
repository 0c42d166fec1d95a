// The contract of KvSequence, on every engine: a fork or a truncated sequence goes on exactly as a
// fresh one with the same tokens does, and nobody sees what the others write. (mlx promises no
// equal bytes: there it is close.)
#include "ops/kv_cache.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/engines/support.h"

namespace oc {
namespace {

constexpr KvSpec kSpec{.layers = 2, .kv_heads = 2, .head_dim = 8};
constexpr std::int64_t kWidth = 4 * 8 + 2 * 2 * 8;  // H = 4

class KvCache : public testing::TestWithParam<std::string> {
 protected:
  static std::shared_ptr<Engine> make() {
    const std::string& kind = GetParam();
    if (kind == "reference") return reference();
    if (kind == "mlx") return engine_of({.engine = "mlx", .device = "cpu", .activations = "f32"});
    return engine_of({.engine = "cpu",
                      .threads = 2,
                      .activations = kind == "cpu_f16" ? "int8" : "f32",
                      .kv = kind.substr(4)});
  }

  static testing::AssertionResult same(const std::vector<float>& got,
                                       const std::vector<float>& expected) {
    return GetParam() == "mlx" ? close(got, expected, 2e-6) : same_bytes(got, expected);
  }

  std::unique_ptr<KvSequence> fresh() { return engine_->make_sequence(kSpec); }

  // One step: tokens [length, length + count) of story `name` through all layers, and what came
  // out. The rows of a story are a function of its name and the position.
  std::vector<float> write(KvSequence& kv, int story, std::int64_t count) {
    const std::int64_t position = kv.length();
    std::vector<float> out;
    for (int layer = 0; layer < kSpec.layers; ++layer) {
      std::vector<float> rows;
      for (std::int64_t p = position; p < position + count; ++p) {
        const std::vector<float> row =
            Materials(static_cast<unsigned>(story * 100000 + p * 10 + layer)).normals(kWidth);
        rows.insert(rows.end(), row.begin(), row.end());
      }
      const AttendSpec spec{
          .heads = 4, .kv_heads = 2, .head_dim = 8, .scale = 0.35f, .layer = layer};
      const Tensor y = engine_->attend(engine_->upload(rows, count, kWidth), spec,
                                       batch_of({{&kv, position, count}}, 8));
      const std::vector<float> layer_out = values(*engine_, y);
      out.insert(out.end(), layer_out.begin(), layer_out.end());
    }
    return out;
  }
  std::vector<float> step(KvSequence& kv, int story, std::int64_t count) {
    std::vector<float> out = write(kv, story, count);
    kv.advance(count);
    return out;
  }

  std::shared_ptr<Engine> engine_ = make();
};

TEST_P(KvCache, LengthIsWhatWasAdvanced) {
  auto kv = fresh();
  EXPECT_EQ(kv->length(), 0);
  write(*kv, 1, 5);
  EXPECT_EQ(kv->length(), 0) << "not before every layer is written";
  kv->advance(5);
  EXPECT_EQ(kv->length(), 5);
  step(*kv, 1, 70);
  EXPECT_EQ(kv->length(), 75);
}

TEST_P(KvCache, AStepThatFailedHalfwayIsWrittenAgain) {
  auto kv = fresh(), clean = fresh();
  step(*kv, 1, 60);
  step(*clean, 1, 60);
  write(*kv, 2, 10);  // never advanced
  EXPECT_TRUE(same(step(*kv, 3, 4), step(*clean, 3, 4)));
  EXPECT_TRUE(same(step(*kv, 3, 9), step(*clean, 3, 9)));
}

// Around the ends of blocks of 64 tokens.
TEST_P(KvCache, AForkGoesOnLikeAFreshSequence) {
  for (const std::int64_t length : {1, 63, 64, 65, 130})
    for (const std::int64_t shared : {std::int64_t{0}, std::int64_t{1}, std::int64_t{63},
                                      std::int64_t{64}, std::int64_t{65}, length}) {
      if (shared > length) continue;
      for (const bool child_first : {false, true}) {
        auto parent = fresh(), clean_child = fresh(), clean_parent = fresh();
        step(*parent, 1, length);
        step(*clean_parent, 1, length);
        if (shared > 0) step(*clean_child, 1, shared);
        auto child = parent->fork(shared);
        ASSERT_EQ(child->length(), shared);
        ASSERT_EQ(parent->length(), length);
        const std::vector<float> of_child = step(*clean_child, 2, 3);
        const std::vector<float> of_parent = step(*clean_parent, 3, 3);
        const auto check_child = [&] {
          ASSERT_TRUE(same(step(*child, 2, 3), of_child)) << shared << " of " << length;
        };
        if (child_first) check_child();
        ASSERT_TRUE(same(step(*parent, 3, 3), of_parent)) << shared << " of " << length;
        if (!child_first) check_child();
        // And once more, now that both have their own blocks.
        ASSERT_TRUE(same(step(*child, 2, 2), step(*clean_child, 2, 2)));
        ASSERT_TRUE(same(step(*parent, 3, 2), step(*clean_parent, 3, 2)));
      }
    }
}

TEST_P(KvCache, ForksOfForksAndForksThatOutliveTheirParent) {
  auto parent = fresh(), clean = fresh();
  step(*parent, 1, 100);
  step(*clean, 1, 100);
  auto child = parent->fork(100);
  auto grandchild = child->fork(70);
  parent.reset();
  step(*child, 2, 5);
  step(*clean, 2, 5);
  auto clean_grandchild = clean->fork(70);
  EXPECT_TRUE(same(step(*grandchild, 3, 4), step(*clean_grandchild, 3, 4)));
  child.reset();
  EXPECT_TRUE(same(step(*grandchild, 3, 60), step(*clean_grandchild, 3, 60)));
}

TEST_P(KvCache, ATruncatedSequenceGoesOnLikeAFreshOne) {
  for (const std::int64_t length : {64, 65, 130})
    for (const std::int64_t kept : {0, 1, 63, 64}) {
      auto kv = fresh(), clean = fresh();
      step(*kv, 1, length);
      kv->truncate(kept);
      ASSERT_EQ(kv->length(), kept);
      if (kept > 0) step(*clean, 1, kept);
      ASSERT_TRUE(same(step(*kv, 2, 5), step(*clean, 2, 5))) << kept << " of " << length;
    }
}

TEST_P(KvCache, TruncatingAForkLeavesTheOthers) {
  auto parent = fresh(), clean = fresh();
  step(*parent, 1, 130);
  step(*clean, 1, 130);
  auto child = parent->fork(130);
  child->truncate(10);
  step(*child, 2, 130);
  EXPECT_TRUE(same(step(*parent, 3, 1), step(*clean, 3, 1)));
}

TEST_P(KvCache, TokensComeOneByOneOrTogether) {
  auto together = fresh(), single = fresh();
  const std::int64_t count = 70, width = 4 * 8;
  const std::vector<float> all = step(*together, 1, count);
  std::map<int, std::vector<float>> layers;
  for (std::int64_t p = 0; p < count; ++p) {
    const std::vector<float> out = step(*single, 1, 1);
    for (int layer = 0; layer < kSpec.layers; ++layer)
      layers[layer].insert(layers[layer].end(), out.begin() + layer * width,
                           out.begin() + (layer + 1) * width);
  }
  std::vector<float> joined = layers[0];
  joined.insert(joined.end(), layers[1].begin(), layers[1].end());
  EXPECT_TRUE(same(joined, all));
}

TEST_P(KvCache, BytesCoverWhatIsHeld) {
  auto kv = fresh();
  const std::size_t element = GetParam() == "cpu_f16" ? 2 : GetParam() == "cpu_q8" ? 1 : 4;
  const std::size_t scale = GetParam() == "cpu_q8" ? 4 : 0;
  const std::size_t token =
      std::size_t{2} * 2 * 2 * (8 * element + scale);  // k and v, layers, heads
  EXPECT_EQ(kv->bytes(), 0u);
  step(*kv, 1, 100);
  EXPECT_GE(kv->bytes(), 100 * token);
  // Whole blocks, but not much more.
  EXPECT_LE(kv->bytes(), 2 * 128 * token + 8192);
  EXPECT_GE(kv->fork(100)->bytes(), 100 * token) << "shared ones count in full";
}

TEST_P(KvCache, LengthsOutOfRangeAreOurMistake) {
  auto kv = fresh();
  step(*kv, 1, 5);
  EXPECT_THROW(kv->truncate(6), CheckFailure);
  EXPECT_THROW(kv->truncate(-1), CheckFailure);
  EXPECT_THROW((void)kv->fork(6), CheckFailure);
  EXPECT_THROW((void)kv->fork(-1), CheckFailure);
  EXPECT_EQ(kv->length(), 5);
}

INSTANTIATE_TEST_SUITE_P(
    Engine, KvCache, testing::ValuesIn([] {
      std::vector<std::string> all = {"reference", "cpu_f32", "cpu_f16", "cpu_q8"};
      if (has_mlx_engine()) all.emplace_back("mlx");
      return all;
    }()),
    [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace oc
