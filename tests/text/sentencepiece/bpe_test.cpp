#include "text/sentencepiece/bpe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

namespace oc {
namespace {

// A vocabulary of the 256 bytes (ids 0 to 255), the given characters, and what the merges make.
struct Small {
  Vocabulary vocabulary{4096, 4096};
  std::vector<Merge> merges;
  std::array<TokenId, 256> bytes{};
  TokenId next = 256;

  explicit Small(std::initializer_list<const char*> characters) {
    for (TokenId byte = 0; byte < 256; ++byte) {
      constexpr char kHex[] = "0123456789ABCDEF";
      vocabulary.add(byte, std::string("<0x") + kHex[byte / 16] + kHex[byte % 16] + ">");
      bytes[static_cast<std::size_t>(byte)] = byte;
    }
    for (const char* c : characters) vocabulary.add(next++, c);
  }
  TokenId id(std::string_view content) const { return vocabulary.find(content).value(); }
  void merge(std::string_view left, std::string_view right) {
    const std::string joined = std::string(left) + std::string(right);
    if (!vocabulary.find(joined)) vocabulary.add(next++, joined);
    merges.push_back({id(left), id(right), id(joined)});
  }
  std::vector<TokenId> encode(std::string_view text) const {
    std::vector<TokenId> ids;
    Bpe(vocabulary, merges, bytes).encode(text, ids);
    return ids;
  }
  std::vector<TokenId> ids(std::initializer_list<const char*> contents) const {
    std::vector<TokenId> found;
    for (const char* content : contents) found.push_back(id(content));
    return found;
  }
};

TEST(Bpe, RankBeforePositionThenLeftmost) {
  Small s({"▁", "a", "b", "c"});
  s.merge("b", "c");
  s.merge("a", "b");
  s.merge("a", "a");
  EXPECT_EQ(s.encode("abc"), s.ids({"▁", "a", "bc"}));
  EXPECT_EQ(s.encode("abb"), s.ids({"▁", "ab", "b"}));
  EXPECT_EQ(s.encode("aaaaa"), s.ids({"▁", "aa", "aa", "a"}));
  EXPECT_EQ(s.encode("aab"), s.ids({"▁", "a", "ab"}));
}

TEST(Bpe, SpacesBecomeMarksAndOneGoesInFront) {
  Small s({"▁", "a"});
  s.merge("▁", "a");
  EXPECT_EQ(s.encode("a a"), s.ids({"▁a", "▁a"}));
  EXPECT_EQ(s.encode(" a"), s.ids({"▁", "▁a"}));
  EXPECT_EQ(s.encode("▁"), s.ids({"▁", "▁"}));  // a mark that is typed stays one
  EXPECT_EQ(s.encode(""), std::vector<TokenId>{});
}

TEST(Bpe, CharactersWithoutATokenBecomeTheirBytes) {
  Small s({"a", "é"});
  s.merge("<0xE4>", "<0xBD>");
  const TokenId pair = s.id("<0xE4><0xBD>");
  EXPECT_EQ(s.encode("é"), (std::vector<TokenId>{0xE2, 0x96, 0x81, s.id("é")}));
  EXPECT_EQ(s.encode("你"), (std::vector<TokenId>{0xE2, 0x96, 0x81, pair, 0xA0}));
  EXPECT_EQ(s.encode(std::string_view("\0", 1)), (std::vector<TokenId>{0xE2, 0x96, 0x81, 0}));
}

TEST(Bpe, BrokenUtf8GoesByteByByte) {
  const Small s({"▁", "a", "é"});
  const TokenId mark = s.id("▁");
  EXPECT_EQ(s.encode("\xFF"), (std::vector<TokenId>{mark, 0xFF}));
  EXPECT_EQ(s.encode("\xC3"), (std::vector<TokenId>{mark, 0xC3}));
  EXPECT_EQ(s.encode("\xC3\xC3\xA9"), (std::vector<TokenId>{mark, 0xC3, s.id("é")}));
  EXPECT_EQ(s.encode("\xF0\x9F\xA6 a"),
            (std::vector<TokenId>{mark, 0xF0, 0x9F, 0xA6, mark, s.id("a")}));
}

TEST(Bpe, TheLaterOfTwoMergesOfOnePairCounts) {
  Small s({"▁", "a", "b", "c"});
  s.merge("a", "b");
  s.merge("b", "c");
  s.merge("a", "b");
  EXPECT_EQ(s.encode("abc"), s.ids({"▁", "a", "bc"}));
}

// Rescans the whole text for the best pair after every merge: slow, and right by definition.
std::vector<TokenId> encode_slowly(const Small& s, std::string_view text) {
  std::map<std::pair<TokenId, TokenId>, std::size_t> ranks;
  for (std::size_t i = 0; i < s.merges.size(); ++i) {
    ranks[{s.merges[i].left, s.merges[i].right}] = i;
  }
  std::vector<TokenId> ids = {s.id("▁")};
  for (const char c : text) ids.push_back(s.id(c == ' ' ? "▁" : std::string(1, c)));
  while (true) {
    std::size_t best = s.merges.size();
    std::size_t place = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = ranks.find({ids[i], ids[i + 1]});
      if (found != ranks.end() && found->second < best) {
        best = found->second;
        place = i;
      }
    }
    if (best == s.merges.size()) return ids;
    ids[place] = s.merges[best].result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

TEST(Bpe, AgreesWithTheDefinitionOnRandomMerges) {
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    Small s({"▁", "a", "b", "c"});
    std::vector<std::string> pieces = {"▁", "a", "b", "c"};
    for (int i = 0; i < 25; ++i) {
      const std::string left = pieces[random() % pieces.size()];
      const std::string right = pieces[random() % pieces.size()];
      // Every other round no merge reaches across the mark in front of a word, as is usual.
      const bool across = right.starts_with("▁") && !left.ends_with("▁");
      if (across && round % 2 == 1) continue;
      s.merge(left, right);
      pieces.push_back(left + right);
    }
    std::shuffle(s.merges.begin(), s.merges.end(), random);
    for (int i = 0; i < 20; ++i) {
      std::string text;
      for (std::size_t n = random() % 40 + 1; n > 0; --n) text += "abc "[random() % 4];
      ASSERT_EQ(s.encode(text), encode_slowly(s, text)) << "round " << round << ": " << text;
    }
  }
}

// Counted, not timed: texts at which merging would take n² steps if stale candidates were many.
TEST(Bpe, LooksAtLessThanThreeMergesForEachByte) {
  Small s({"▁", "a", "b"});
  std::string run = "a";
  for (int i = 0; i < 10; ++i, run += run) s.merge(run, run);
  s.merge("a", "b");
  s.merge("b", "a");
  const Bpe bpe(s.vocabulary, s.merges, s.bytes);
  for (const std::size_t size : {1000, 16'000, 256'000}) {
    std::string mixed;
    std::mt19937 random(1);
    while (mixed.size() < size) mixed += "ab"[random() % 8 == 0];
    std::string turns;
    while (turns.size() < size) turns += "ab";
    for (const std::string& text : {std::string(size, 'a'), mixed, turns, std::string(size, ' ')}) {
      std::vector<TokenId> ids;
      EXPECT_LE(bpe.encode(text, ids), 3 * size) << text.substr(0, 8);
      EXPECT_FALSE(ids.empty());
    }
  }
}

TEST(Bpe, WordsAreMergedByThemselves) {
  Small s({"▁", "a", "b"});
  s.merge("▁", "a");
  s.merge("▁", "▁");
  const Bpe bpe(s.vocabulary, s.merges, s.bytes);
  EXPECT_EQ(bpe.longest_piece("aaa bb a"), 3u);
  EXPECT_EQ(bpe.longest_piece("a   bb"), 5u) << "marks behind each other stay together";
  EXPECT_EQ(bpe.longest_piece("a▁bb"), 5u);
  EXPECT_EQ(bpe.longest_piece(std::string(100, 'a')), 100u);
  s.merge("a", "▁");
  EXPECT_EQ(Bpe(s.vocabulary, s.merges, s.bytes).longest_piece("aaa bb a"), 8u);
  Small without({"a"});
  EXPECT_EQ(Bpe(without.vocabulary, without.merges, without.bytes).longest_piece("a a"), 3u);
}

}  // namespace
}  // namespace oc
