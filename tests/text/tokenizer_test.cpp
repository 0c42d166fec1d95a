#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "tests/text/fixtures.h"

namespace oc {
namespace {

using test::ids_of;
using test::text_of;

// tests/data/tokenizer/cases.jsonl holds what the reference library answers.
TEST(Tokenizer, EncodesAsTheReference) {
  const auto tokenizer = test::tiny();
  int cases = 0;
  int plain_cases = 0;
  for (const auto& line : test::read_lines(test::kTinyFolder / "cases.jsonl")) {
    if (text_of(line.at("kind")) != "encode") continue;
    const std::string text = text_of(line.at("text"));
    EXPECT_EQ(tokenizer->encode(text, true), ids_of(line.at("ids"))) << text;
    ++cases;
    if (line.at("plain_ids").is_null()) continue;
    EXPECT_EQ(tokenizer->encode(text, false), ids_of(line.at("plain_ids"))) << text;
    ++plain_cases;
  }
  EXPECT_EQ(cases, 125);
  EXPECT_GT(plain_cases, 80);
}

TEST(Tokenizer, DecodesAsTheReference) {
  const auto tokenizer = test::tiny();
  int cases = 0;
  for (const auto& line : test::read_lines(test::kTinyFolder / "cases.jsonl")) {
    if (text_of(line.at("kind")) != "decode") continue;
    const auto ids = ids_of(line.at("ids"));
    EXPECT_EQ(tokenizer->decode(ids, false), text_of(line.at("text"))) << line;
    EXPECT_EQ(tokenizer->decode(ids, true), text_of(line.at("text_skip_special"))) << line;
    ++cases;
  }
  EXPECT_EQ(cases, 109);
}

// What stands before a token decides what it adds to the text.
TEST(Tokenizer, TokensAsPartsOfTheText) {
  const auto tokenizer = test::tiny();
  const TokenId word = *tokenizer->id_of("▁hello"), newline = *tokenizer->id_of("<0x0A>");
  EXPECT_EQ(tokenizer->dropped_at_start(), " ");
  EXPECT_EQ(tokenizer->bytes_of(word), " hello");
  EXPECT_EQ(tokenizer->first_bytes_of(word), "hello");
  EXPECT_EQ(tokenizer->bytes_of(newline), "\n");
  EXPECT_EQ(tokenizer->first_bytes_of(newline), "\n");
  EXPECT_EQ(tokenizer->first_bytes_of(*tokenizer->id_of("<0x20>")), "");
  for (const TokenId id : {-1, 313, 1 << 30}) {
    EXPECT_EQ(tokenizer->bytes_of(id), "");
    EXPECT_EQ(tokenizer->first_bytes_of(id), "");
  }
  EXPECT_EQ(tokenizer->encode_with_bos("hello", false), (std::vector<TokenId>{1, word}));
}

TEST(Tokenizer, KnowsItsTokens) {
  const auto tokenizer = test::tiny();
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->vocab_size(), 313);
  EXPECT_EQ(tokenizer->id_of("<|end|>"), 306);
  EXPECT_EQ(tokenizer->id_of("▁"), 259);
  EXPECT_EQ(tokenizer->id_of("<|nothing|>"), std::nullopt);
  EXPECT_EQ(tokenizer->id_of(""), std::nullopt);
  EXPECT_EQ(tokenizer->token(306), "<|end|>");
  EXPECT_EQ(tokenizer->token(13), "<0x0A>");
  for (const TokenId id : {-1, 313, 1 << 30, -(1 << 30)}) {
    EXPECT_EQ(tokenizer->token(id), std::nullopt);
    EXPECT_FALSE(tokenizer->is_special(id));
    EXPECT_EQ(tokenizer->swallowed_behind(id, " a"), 0u);
    EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{id}, false), "");
  }
  EXPECT_TRUE(tokenizer->is_special(306));
  EXPECT_EQ(tokenizer->swallowed_behind(306, " a"), 0u);
  EXPECT_FALSE(tokenizer->is_special(2));  // "</s>" is an added token, but not marked special
  EXPECT_EQ(tokenizer->swallowed_behind(2, ""), 0u);
  EXPECT_EQ(tokenizer->swallowed_behind(2, "a "), 0u);
  EXPECT_EQ(tokenizer->swallowed_behind(2, " \n\u3000a "), 5u);
  EXPECT_FALSE(tokenizer->is_special(259));
}

// Text that users type, in every context: no id of an added token, and nothing is lost.
TEST(Tokenizer, OrdinaryTextNeverBecomesAnAddedToken) {
  const auto tokenizer = test::tiny();
  std::set<TokenId> added = {0, 1, 2};
  for (TokenId id = 306; id < 313; ++id) added.insert(id);
  const std::vector<std::string> around = {"",     " ",   "\n",   "a",       "<", ">",
                                           "<|",   "|>",  "<s",   "▁▁",      "é", "\xFF",
                                           "\xC3", "<0x", "</s>", "x<|end|>"};
  for (const TokenId id : added) {
    const std::string content(*tokenizer->token(id));
    for (const std::string& before : around) {
      for (const std::string& after : around) {
        const std::string text = before + content + after;
        const std::vector<TokenId> ids = tokenizer->encode(text, false);
        for (const TokenId found : ids) ASSERT_FALSE(added.contains(found)) << text;
        if (test::is_utf8(text) && text.find("▁") == text.npos) {
          ASSERT_EQ(tokenizer->decode(ids, true), text);
        }
      }
    }
  }
}

TEST(Tokenizer, AnyBytesAreText) {
  const auto tokenizer = test::tiny();
  std::mt19937 random(11);
  for (int i = 0; i < 2000; ++i) {
    std::string text(random() % 30, '\0');
    for (char& c : text) {
      c = static_cast<char>(random() % 3 == 0 ? "<|end>\xC3\xA9 \xE2"[random() % 11] : random());
    }
    for (const bool added : {false, true}) {
      const std::vector<TokenId> ids = tokenizer->encode(text, added);
      EXPECT_EQ(ids.empty(), text.empty());
      for (const TokenId id : ids) ASSERT_TRUE(tokenizer->token(id).has_value());
    }
  }
}

TEST(Tokenizer, LongTexts) {
  const auto tokenizer = test::tiny();
  constexpr std::size_t kLength = 1'000'000;
  // 4 "a" merge into one token, "▁▁▁▁" likewise, a newline is a byte.
  EXPECT_EQ(tokenizer->encode(std::string(kLength, 'a'), true).size(), kLength / 4 + 1);
  EXPECT_EQ(tokenizer->encode(std::string(kLength - 1, ' '), true).size(), kLength / 4);
  EXPECT_EQ(tokenizer->encode(std::string(kLength, '\n'), true).size(), kLength + 1);
  EXPECT_EQ(tokenizer->encode(std::string(kLength, '<'), true).size(), kLength + 1);
  std::string turns;
  while (turns.size() < kLength) turns += "<|assistant|>\n<|end|>";
  const std::vector<TokenId> ids = tokenizer->encode(turns, true);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 306), std::count(ids.begin(), ids.end(), 308));
  EXPECT_EQ(ids.size(), 2 * static_cast<std::size_t>(std::count(ids.begin(), ids.end(), 306)));
}

// What is told of a text without tokenising it never says more than is so.
TEST(Tokenizer, NoTextHasFewerTokensThanItsBytesAllow) {
  for (const auto& tokenizer :
       {test::tiny(), test::load(OC_SOURCE_DIR "/models/demo/tokenizer.json")}) {
    const std::size_t longest = tokenizer->longest_token();
    for (TokenId id = 0; id < tokenizer->vocab_size(); ++id) {
      const std::string text = tokenizer->bytes_of(id);
      for (const int times : {1, 2, 100}) {
        std::string many;
        for (int i = 0; i < times; ++i) many += text;
        const std::size_t min_tokens = (tokenizer->normalised_bytes(many) + longest - 1) / longest;
        ASSERT_LE(min_tokens, tokenizer->encode(many, false).size()) << id << " x " << times;
      }
    }
  }
}

TEST(Tokenizer, MemoryGrowsWithTheLongestWord) {
  const auto tokenizer = test::tiny();
  std::string prose;
  for (int i = 0; i < 100'000; ++i) prose += "hello ";
  EXPECT_LT(tokenizer->encode_memory(prose), 1000u);
  EXPECT_GT(tokenizer->encode_memory(std::string(prose.size(), 'a')), 30 * prose.size());
}

}  // namespace
}  // namespace oc
