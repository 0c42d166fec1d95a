#include "runtime/cache/prefix_cache.h"

#include <gtest/gtest.h>

#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

// A picture's block of 12 positions, BOS in front and behind, then text.
PrefixKey about_image(std::vector<TokenId> text) {
  PrefixKey key;
  key.ids.push_back(1);
  for (TokenId row = 0; row < 10; ++row) key.ids.push_back(-1 - row);
  key.ids.push_back(1);
  key.ids.insert(key.ids.end(), text.begin(), text.end());
  key.pictures = {"picture"};
  key.rows = {10};
  key.blocks = {{0, 12}};
  return key;
}

std::unique_ptr<KvSequence> computed(const PrefixKey& key, std::size_t length) {
  auto sequence = std::make_unique<fake::Sequence>();
  sequence->count = std::make_shared<fake::BlockCount>();
  sequence->ids.assign(key.ids.begin(), key.ids.begin() + static_cast<std::ptrdiff_t>(length));
  sequence->reserve(0, static_cast<std::int64_t>(length));
  sequence->advance(static_cast<std::int64_t>(length));
  return sequence;
}

std::int64_t found(PrefixCache& cache, const PrefixKey& key, std::int64_t limit) {
  const auto kv = cache.find(key, limit);
  return kv == nullptr ? 0 : kv->length();
}

TEST(PrefixCache, GivesTheLongestCommonBeginning) {
  PrefixCache cache(1 << 20);
  PrefixKey key = about_image({5, 6, 7});
  key.blocks = {};
  cache.insert(key, computed(key, 15));
  EXPECT_EQ(found(cache, key, 14), 14);
  EXPECT_EQ(found(cache, key, 7), 7);  // within the picture: nothing says that it is one piece
  PrefixKey other = about_image({5, 9});
  other.blocks = {};
  EXPECT_EQ(found(cache, other, 13), 13);
  other.pictures = {"another"};
  EXPECT_EQ(found(cache, other, 13), 1);
}

TEST(PrefixCache, NeverDividesABlock) {
  PrefixCache cache(1 << 20);
  const PrefixKey key = about_image({5, 6, 7});
  cache.insert(key, computed(key, 15));
  EXPECT_EQ(found(cache, key, 14), 14);
  EXPECT_EQ(found(cache, key, 12), 12);
  EXPECT_EQ(found(cache, key, 11), 0);  // the prompt's last token is computed, and all of its block
  EXPECT_EQ(found(cache, about_image({9}), 12), 12);
  PrefixKey another = about_image({5});
  another.pictures = {"another"};
  EXPECT_EQ(found(cache, another, 12), 0);
  // Positions that saw a block have other keys than those that did not.
  PrefixKey text;
  text.ids = {1, 5, 6};
  EXPECT_EQ(found(cache, text, 2), 0);
  PrefixKey causal = about_image({5, 6});
  causal.blocks = {};
  EXPECT_EQ(found(cache, causal, 13), 0);
}

TEST(PrefixCache, WhatIsKeptForOneKindOfBlocksStandsBesideTheOther) {
  PrefixCache cache(1 << 20);
  PrefixKey causal = about_image({5});
  causal.blocks = {};
  cache.insert(causal, computed(causal, 13));
  const PrefixKey key = about_image({5, 6});
  cache.insert(key, computed(key, 14));
  EXPECT_EQ(cache.entries(), 2u);  // the first is no beginning of the second
  EXPECT_EQ(found(cache, causal, 13), 13);
  cache.insert(about_image({5, 6, 7}), computed(about_image({5, 6, 7}), 15));
  EXPECT_EQ(cache.entries(), 2u);
}

TEST(PrefixCache, KeepsWhatWasComputedBeforeABlock) {
  PrefixCache cache(1 << 20);
  PrefixKey key = about_image({5});
  for (TokenRange& block : key.blocks) block = {3, 12};
  cache.insert(key, computed(key, 3));  // the block itself was given up
  EXPECT_EQ(found(cache, key, 12), 3);
  EXPECT_ANY_THROW(cache.insert(key, computed(key, 5)));
}

}  // namespace
}  // namespace oc
