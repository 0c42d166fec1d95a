// The cpu engine's blocks: shared until written, laid out as the attention kernel reads them.
#include "engines/cpu/kv_cache.h"

#include "tests/engines/support.h"

namespace oc {
namespace {

constexpr KvSpec kSpec{.layers = 2, .kv_heads = 2, .head_dim = 3};
constexpr std::int64_t kRow = 2 * 3;

class CpuKvCache : public testing::Test {
 protected:
  CpuSequence make(kernels::Storage type = kernels::Storage::kF32) {
    return CpuSequence(kSpec, type, pool_);
  }
  // k and v of a position are made of its number.
  void fill(CpuSequence& kv, std::int64_t first, std::int64_t count, float salt = 0) {
    kv.reserve(first, first + count);
    for (std::int64_t p = first; p < first + count; ++p)
      for (int layer = 0; layer < kSpec.layers; ++layer) {
        float k[kRow], v[kRow];
        for (std::int64_t i = 0; i < kRow; ++i) {
          k[i] = static_cast<float>(p) + 0.125f * static_cast<float>(i + 8 * layer) + salt;
          v[i] = -k[i];
        }
        kv.write(layer, p, k, v, table_);
      }
    kv.advance(count);
  }

  std::shared_ptr<BufferPool> pool_ = std::make_shared<BufferPool>(1 << 20);
  const kernels::Table& table_ = *kernels::find_table("auto");
};

TEST_F(CpuKvCache, KeysLieTransposedAndValuesStraight) {
  for (const kernels::Storage type : {kernels::Storage::kF32, kernels::Storage::kF16}) {
    CpuSequence kv = make(type);
    fill(kv, 0, 70);
    const auto at = [&](const void* block, std::int64_t i) {
      return type == kernels::Storage::kF32
                 ? static_cast<const float*>(block)[i]
                 : f16_to_f32(static_cast<const std::uint16_t*>(block)[i]);
    };
    for (int layer = 0; layer < 2; ++layer)
      for (int head = 0; head < 2; ++head) {
        const std::vector<const void*> blocks = kv.head_blocks(layer, head, 70);
        ASSERT_EQ(blocks.size(), 2u);
        for (std::int64_t p = 0; p < 128; ++p)
          for (std::int64_t c = 0; c < 3; ++c) {
            const auto* block = blocks[static_cast<std::size_t>(p / 64)];
            // All of these are exact in f16; what was never written is finite: zero.
            const float want = p >= 70 ? 0.0f
                                       : static_cast<float>(p) +
                                             0.125f * static_cast<float>(head * 3 + c + 8 * layer);
            ASSERT_EQ(at(block, c * 64 + p % 64), want) << "key " << p;
            ASSERT_EQ(at(block, 3 * 64 + p % 64 * 3 + c), -want) << "value " << p;
          }
      }
  }
}

TEST_F(CpuKvCache, HeadsLargerThanAPieceOfHalves) {
  const KvSpec wide{.layers = 1, .kv_heads = 1, .head_dim = 300};
  CpuSequence kv(wide, kernels::Storage::kF16, pool_);
  kv.reserve(0, 1);
  std::vector<float> k(300), v(300);
  for (std::size_t i = 0; i < 300; ++i) k[i] = v[i] = static_cast<float>(i);
  kv.write(0, 0, k.data(), v.data(), table_);
  const auto* block = static_cast<const std::uint16_t*>(kv.head_blocks(0, 0, 1)[0]);
  for (std::size_t i = 0; i < 300; ++i) {
    ASSERT_EQ(f16_to_f32(block[i * 64]), k[i]);
    ASSERT_EQ(f16_to_f32(block[300 * 64 + i]), v[i]);
  }
}

// Keys transposed, values straight, then a scale for each key and for each value.
TEST_F(CpuKvCache, Int8LiesBesideItsScales) {
  const KvSpec wide{.layers = 2, .kv_heads = 2, .head_dim = 300};
  CpuSequence kv(wide, kernels::Storage::kQ8, pool_);
  kv.reserve(0, 66);
  const auto number = [](int layer, std::int64_t p, int head, std::int64_t c) {
    return static_cast<float>((c * 37 + p * 11 + head * 5 + layer * 3) % 200 - 100) *
           static_cast<float>(1 + p);
  };
  std::vector<float> k(600), v(600);
  for (int layer = 0; layer < 2; ++layer)
    for (std::int64_t p = 0; p < 66; ++p) {
      for (int head = 0; head < 2; ++head)
        for (std::int64_t c = 0; c < 300; ++c) {
          const auto at = static_cast<std::size_t>(head * 300 + c);
          k[at] = number(layer, p, head, c);
          v[at] = -2 * k[at];
        }
      kv.write(layer, p, k.data(), v.data(), table_);
    }
  for (int layer = 0; layer < 2; ++layer)
    for (int head = 0; head < 2; ++head) {
      const std::vector<const void*> blocks = kv.head_blocks(layer, head, 66);
      for (std::int64_t p = 0; p < 128; ++p) {
        const auto* q = static_cast<const std::int8_t*>(blocks[static_cast<std::size_t>(p / 64)]);
        const auto* scales = reinterpret_cast<const float*>(q + std::ptrdiff_t{2} * 300 * 64);
        const float key_scale = scales[p % 64], value_scale = scales[64 + p % 64];
        ASSERT_EQ(key_scale, p < 66 ? 100.0f * static_cast<float>(1 + p) / 127 : 0.0f);
        ASSERT_EQ(value_scale, p < 66 ? 200.0f * static_cast<float>(1 + p) / 127 : 0.0f);
        for (std::int64_t c = 0; c < 300; ++c) {
          const float want = p < 66 ? number(layer, p, head, c) : 0.0f;
          // Half a step, and a little for the sum's own rounding.
          const float key = key_scale * q[c * 64 + p % 64];
          ASSERT_NEAR(key, want, 0.5001f * key_scale) << "key " << p;
          const float value = value_scale * q[300 * 64 + p % 64 * 300 + c];
          ASSERT_NEAR(value, -2 * want, 0.5001f * value_scale) << "value " << p;
        }
      }
    }
}

// 64 tokens of a head of 96: f32 48 KB, f16 24 KB, q8 12.5 KB.
TEST_F(CpuKvCache, BytesAreThoseOfTheType) {
  const KvSpec spec{.layers = 8, .kv_heads = 4, .head_dim = 96};
  const auto bytes = [&](kernels::Storage type) {
    CpuSequence kv(spec, type, std::make_shared<BufferPool>(0));
    kv.reserve(0, 640);
    return kv.bytes();
  };
  constexpr std::size_t kHeads = 10 * 8 * 4;  // blocks, layers, heads
  // Up to a sixteenth more: buffers come in steps of 64 KB.
  for (const auto& [type, exact] :
       {std::pair{kernels::Storage::kF32, kHeads * 2 * 96 * 64 * 4},
        std::pair{kernels::Storage::kF16, kHeads * 2 * 96 * 64 * 2},
        std::pair{kernels::Storage::kQ8, kHeads * (2 * 96 * 64 + 2 * 64 * 4)}}) {
    EXPECT_GE(bytes(type), exact);
    EXPECT_LE(bytes(type), exact + exact / 6);
  }
}

TEST_F(CpuKvCache, AWrittenForkOfInt8TakesTheScalesAlong) {
  CpuSequence kv = make(kernels::Storage::kQ8);
  fill(kv, 0, 70);
  auto fork = kv.fork(66);
  auto& child = static_cast<CpuSequence&>(*fork);
  fill(child, 66, 1, 1000);
  for (int layer = 0; layer < 2; ++layer)
    for (int head = 0; head < 2; ++head) {
      const auto mine = kv.head_blocks(layer, head, 70), its = child.head_blocks(layer, head, 67);
      EXPECT_EQ(its[0], mine[0]) << "full blocks stay shared";
      ASSERT_NE(its[1], mine[1]);
      const auto scale = [](const void* block, std::int64_t slot) {
        return reinterpret_cast<const float*>(static_cast<const std::int8_t*>(block) +
                                              2 * 3 * 64)[slot];
      };
      const auto largest = [&](float p) {
        return (p + 0.125f * static_cast<float>(head * 3 + 2 + 8 * layer)) / 127;
      };
      for (const std::int64_t slot : {0, 1, 64, 65})  // keys and values 64 and 65: shared
        EXPECT_EQ(scale(its[1], slot), scale(mine[1], slot));
      for (const std::int64_t slot : {2, 66}) {
        EXPECT_EQ(scale(its[1], slot), largest(1066));
        EXPECT_EQ(scale(mine[1], slot), largest(66));
      }
    }
}

TEST_F(CpuKvCache, BlocksAreSharedUntilOneIsWritten) {
  CpuSequence kv = make();
  fill(kv, 0, 130);
  auto fork = kv.fork(130);
  auto& child = static_cast<CpuSequence&>(*fork);
  const auto before = kv.head_blocks(0, 0, 130);
  EXPECT_EQ(child.head_blocks(0, 0, 130), before) << "nothing is copied";
  EXPECT_EQ(child.bytes(), kv.bytes());

  fill(child, 130, 1, 1000);
  const auto after = child.head_blocks(0, 0, 130);
  EXPECT_EQ(after[0], before[0]) << "full blocks stay shared";
  EXPECT_EQ(after[1], before[1]);
  EXPECT_NE(after[2], before[2]) << "the one that was written is the child's own";
  EXPECT_EQ(kv.head_blocks(0, 0, 130), before) << "and the parent's stayed where it was";
  // The copy holds the shared rows, the parent none of the child's.
  const auto* child_block = static_cast<const float*>(after[2]);
  const auto* parent_block = static_cast<const float*>(before[2]);
  EXPECT_EQ(child_block[1], 129.0f);
  EXPECT_EQ(child_block[2], 1130.0f);
  EXPECT_EQ(parent_block[1], 129.0f);
  EXPECT_EQ(parent_block[2], 0.0f);

  // Alone again, the parent writes in place.
  fill(kv, 130, 1, 2000);
  EXPECT_EQ(kv.head_blocks(0, 0, 130), before);
  EXPECT_EQ(parent_block[2], 2130.0f);
  EXPECT_EQ(child_block[2], 1130.0f);
}

TEST_F(CpuKvCache, AForkAtABlocksEndCopiesNothing) {
  CpuSequence kv = make();
  fill(kv, 0, 128);
  auto fork = kv.fork(128);
  auto& child = static_cast<CpuSequence&>(*fork);
  fill(child, 128, 1);
  const auto mine = kv.head_blocks(1, 1, 128), its = child.head_blocks(1, 1, 129);
  EXPECT_EQ(its[0], mine[0]);
  EXPECT_EQ(its[1], mine[1]);
  EXPECT_EQ(its.size(), 3u);
}

TEST_F(CpuKvCache, TruncationGivesBlocksBack) {
  CpuSequence kv = make();
  fill(kv, 0, 200);
  const std::size_t four = kv.bytes();
  kv.truncate(64);
  EXPECT_LE(kv.bytes() * 4, four);
  kv.truncate(0);
  EXPECT_EQ(kv.bytes(), 0u);
  EXPECT_EQ(kv.length(), 0);
  fill(kv, 0, 1);
  EXPECT_EQ(static_cast<const float*>(kv.head_blocks(0, 0, 1)[0])[1], 0.0f)
      << "a reused block holds nothing of its last life";
}

TEST_F(CpuKvCache, AdvancingPastWhatWasReservedIsOurMistake) {
  CpuSequence kv = make();
  EXPECT_THROW(kv.advance(1), CheckFailure);
  kv.reserve(0, 1);
  EXPECT_THROW(kv.advance(65), CheckFailure);
  kv.advance(1);
  EXPECT_EQ(kv.length(), 1);
}

}  // namespace
}  // namespace oc
