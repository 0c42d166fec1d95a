#include "text/bytelevel/bpe.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace oc {
namespace {

// The printable ASCII bytes and the space ("Ġ"), and what the merges make.
struct Small {
  Vocabulary vocabulary{4096, 4096};
  std::vector<Merge> merges;
  std::array<TokenId, 256> bytes{};
  TokenId next = 0;

  Small() {
    bytes.fill(-1);
    for (int c = 0x21; c < 0x7F; ++c) add(std::string(1, static_cast<char>(c)), c);
    add("Ġ", ' ');
  }
  void add(const std::string& letter, int byte) {
    bytes[static_cast<std::size_t>(byte)] = next;
    vocabulary.add(next++, letter);
  }
  TokenId id(std::string_view content) const { return vocabulary.find(content).value(); }
  void merge(std::string_view left, std::string_view right) {
    const std::string joined = std::string(left) + std::string(right);
    if (!vocabulary.find(joined)) vocabulary.add(next++, joined);
    merges.push_back({id(left), id(right), id(joined)});
  }
  ByteLevelBpe bpe(bool digits_apart = false) const {
    return {vocabulary, merges, bytes, PreTokenizer(digits_apart)};
  }
  std::vector<TokenId> encode(std::string_view text) const {
    std::vector<TokenId> ids;
    bpe().encode(text, ids);
    return ids;
  }
  std::vector<TokenId> ids(std::initializer_list<const char*> contents) const {
    std::vector<TokenId> found;
    for (const char* content : contents) found.push_back(id(content));
    return found;
  }
};

TEST(ByteLevelBpe, MergesWithinPieces) {
  Small s;
  s.merge("a", "b");
  s.merge("Ġ", "a");
  s.merge("b", "Ġ");
  s.merge("ab", "1");
  EXPECT_EQ(s.encode("ab ab"), s.ids({"ab", "Ġ", "ab"}));
  EXPECT_EQ(s.encode(" ax"), s.ids({"Ġa", "x"}));
  EXPECT_EQ(s.encode("ab1"), s.ids({"ab", "1"})) << "no token reaches across a cut";
}

TEST(ByteLevelBpe, WhatStandsAroundAByteWithoutATokenMeets) {
  Small s;
  s.merge("!", "?");
  EXPECT_EQ(s.encode("!\x04?"), s.ids({"!?"}));
  EXPECT_EQ(s.encode("!\x04\xFF\xC3?"), s.ids({"!?"}));
  EXPECT_EQ(s.encode("\x04\x05"), std::vector<TokenId>{});
  EXPECT_EQ(s.encode("é"), std::vector<TokenId>{});
  EXPECT_EQ(s.bpe().normalised_bytes("!\x04 é"), 2u);
}

TEST(ByteLevelBpe, TheLongestTokenIsCountedInBytes) {
  Small s;
  EXPECT_EQ(s.bpe().longest_token(), 1u);
  s.merge("Ġ", "Ġ");
  s.merge("ĠĠ", "a");
  EXPECT_EQ(s.bpe().longest_token(), 3u);
}

TEST(ByteLevelBpe, TheLongestPieceIsWhatIsMerged) {
  const Small s;
  EXPECT_EQ(s.bpe().longest_piece(""), 0u);
  EXPECT_EQ(s.bpe().longest_piece("ab abc 12"), 4u);
  EXPECT_EQ(s.bpe(true).longest_piece("123456 a"), 2u);
}

TEST(ByteLevelBpe, LooksAtFewMergesWhateverTheText) {
  Small s;
  s.merge("a", "a");
  s.merge("aa", "aa");
  s.merge("a", "b");
  s.merge("b", "a");
  s.merge("aaaa", "aaaa");
  std::mt19937 random(3);
  for (const int letters : {1, 2, 3}) {
    std::string text(100'000, 'a');
    for (char& c : text) c = static_cast<char>('a' + random() % static_cast<unsigned>(letters));
    std::vector<TokenId> ids;
    EXPECT_LT(s.bpe().encode(text, ids), 3 * text.size());
  }
}

}  // namespace
}  // namespace oc
