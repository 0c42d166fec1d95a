// The tokenizer of Phi-3.5-vision against the golden data of ../shared, where that folder exists.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/text/fixtures.h"
#include "text/tokenizer.h"

namespace oc {
namespace {

using test::ids_of;
using test::text_of;

class TokenizerGolden : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(test::kGolden / "tokenizer" / "tokenizer.json")) {
      GTEST_SKIP() << "no golden data at " << test::kGolden;
    }
    tokenizer_ = test::load(test::kGolden / "tokenizer" / "tokenizer.json");
  }
  std::shared_ptr<const Tokenizer> tokenizer_;
};

TEST_F(TokenizerGolden, PlainCases) {
  int cases = 0;
  for (const auto& line : test::read_lines(test::kGolden / "text" / "cases.jsonl")) {
    if (text_of(line.at("kind")) != "plain") continue;
    EXPECT_EQ(tokenizer_->encode_with_bos(text_of(line.at("text")), true), ids_of(line.at("ids")))
        << line.at("text");
    ++cases;
  }
  EXPECT_EQ(cases, 325);
}

TEST_F(TokenizerGolden, DecodeCases) {
  int cases = 0;
  for (const auto& line : test::read_lines(test::kGolden / "text" / "cases.jsonl")) {
    if (text_of(line.at("kind")) != "decode") continue;
    const auto ids = ids_of(line.at("ids"));
    EXPECT_EQ(tokenizer_->decode(ids, false), text_of(line.at("text"))) << line;
    EXPECT_EQ(tokenizer_->decode(ids, true), text_of(line.at("text_skip_special"))) << line;
    EXPECT_EQ(test::decode_in_pieces(*tokenizer_, ids, false), text_of(line.at("text"))) << line;
    EXPECT_EQ(test::decode_in_pieces(*tokenizer_, ids, true), text_of(line.at("text_skip_special")))
        << line;
    ++cases;
  }
  EXPECT_EQ(cases, 131);
}

// ../shared/reference/phi-3.5-vision.md §7, column A.
TEST_F(TokenizerGolden, KnownStrings) {
  const std::vector<std::pair<std::string, std::vector<TokenId>>> known = {
      {"Hello world", {15043, 3186}},
      {" Hello", {29871, 15043}},
      {"\n", {29871, 13}},
      {"Describe this image.", {20355, 915, 445, 1967, 29889}},
      {"What is shown in this image?", {1724, 338, 4318, 297, 445, 1967, 29973}},
      {"你好", {29871, 30919, 31076}},
      {"🦙", {29871, 243, 162, 169, 156}},
      {"3.14 12345", {29871, 29941, 29889, 29896, 29946, 29871, 29896, 29906, 29941, 29946, 29945}},
      {"a\tb", {263, 12, 29890}},
      {"<|user|>\nHi<|end|>\n<|assistant|>\n", {32010, 29871, 13, 18567, 32007, 29871, 13, 32001}},
      {"<|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\n",
       {32006, 29871, 13, 3629, 11473, 29889, 32007, 29871, 13, 32010, 29871, 13, 18567, 32007,
        29871, 13, 32001}},
      {"<|image_1|>", {529, 29989, 3027, 29918, 29896, 29989, 29958}},
      {"\nUser: hi\nAssistant:", {29871, 13, 2659, 29901, 7251, 13, 7900, 22137, 29901}},
      {" <|end|> ", {259, 32007, 259}},
      {"</s>\n a", {2, 263}},
      {"<|assistant|>\n\n  x", {32001, 921}},
      {"foo<|end|>bar", {7953, 32007, 2594}},
      {"  Hello", {259, 15043}},
      {"é", {904}},
      {"", {}}};
  for (const auto& [text, ids] : known) EXPECT_EQ(tokenizer_->encode(text, true), ids) << text;
}

TEST_F(TokenizerGolden, KnowsItsTokens) {
  EXPECT_EQ(tokenizer_->bos(), 1);
  EXPECT_EQ(tokenizer_->vocab_size(), 32045);
  EXPECT_EQ(tokenizer_->id_of("<|end|>"), 32007);
  EXPECT_EQ(tokenizer_->id_of("<|image|>"), 32044);
  EXPECT_EQ(tokenizer_->token(32050), std::nullopt);
  EXPECT_TRUE(tokenizer_->is_special(32000));
  EXPECT_FALSE(tokenizer_->is_special(2));
  EXPECT_EQ(tokenizer_->swallowed_behind(32001, " "), 1u);
  EXPECT_EQ(tokenizer_->swallowed_behind(32007, " "), 0u);
}

TEST_F(TokenizerGolden, OrdinaryTextNeverBecomesAnAddedToken) {
  std::set<TokenId> added = {0, 1, 2};
  for (TokenId id = 32000; id < 32045; ++id) added.insert(id);
  const std::vector<std::string> around = {"",  " ", "\n", "a",        "<",
                                           ">", "|", "</", "\xE2\x96", "▁"};
  for (const TokenId id : added) {
    const std::string content(*tokenizer_->token(id));
    ASSERT_EQ(tokenizer_->encode(content, true), std::vector<TokenId>{id});
    for (const std::string& before : around) {
      for (const std::string& after : around) {
        const std::string text = before + content + after;
        for (const TokenId found : tokenizer_->encode(text, false)) {
          ASSERT_FALSE(added.contains(found)) << text;
        }
      }
    }
    EXPECT_EQ(tokenizer_->decode(tokenizer_->encode(content, false), true), content);
  }
  for (const auto& line : test::read_lines(test::kGolden / "text" / "cases.jsonl")) {
    if (text_of(line.at("kind")) != "plain") continue;
    const std::string text = text_of(line.at("text"));
    const std::vector<TokenId> ids = tokenizer_->encode(text, false);
    for (const TokenId id : ids) ASSERT_FALSE(added.contains(id)) << text;
    if (text.find("▁") == text.npos) {
      EXPECT_EQ(tokenizer_->decode(ids, true), text);
    }
  }
}

TEST_F(TokenizerGolden, PiecesAddUpToTheWhole) {
  std::mt19937 random(9);
  for (int i = 0; i < 2000; ++i) {
    std::vector<TokenId> ids;
    for (std::size_t n = random() % 20; n > 0; --n) {
      ids.push_back(
          static_cast<TokenId>(random() % 2 == 0 ? 3 + random() % 256 : random() % 32070));
    }
    for (const bool skip : {false, true}) {
      const std::string expected = test::decode_plainly(*tokenizer_, ids, skip);
      ASSERT_EQ(tokenizer_->decode(ids, skip), expected);
      ASSERT_EQ(test::decode_in_pieces(*tokenizer_, ids, skip), expected);
    }
  }
}

TEST_F(TokenizerGolden, LongTexts) {
  constexpr std::size_t kLength = 1'000'000;
  const std::vector<TokenId> ids = tokenizer_->encode(std::string(kLength, 'a'), true);
  EXPECT_EQ(tokenizer_->decode(ids, true), std::string(kLength, 'a'));
  const std::vector<TokenId> spaces = tokenizer_->encode(std::string(kLength, ' '), false);
  EXPECT_EQ(tokenizer_->decode(spaces, true), std::string(kLength, ' '));
}

}  // namespace
}  // namespace oc
