#include "text/bytelevel/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/text/fixtures.h"

namespace oc {
namespace {

using test::ids_of;
using test::text_of;

const std::filesystem::path kFolder = test::kTinyFolder / "bytelevel";

// tests/data/tokenizer/bytelevel/NAME.jsonl holds what the reference library answers.
class ByteLevelKind : public testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<const Tokenizer> tokenizer_ =
      test::load(kFolder / (std::string(GetParam()) + ".json"));
  std::vector<boost::json::object> cases(std::string_view kind) const {
    auto lines = test::read_lines(kFolder / (std::string(GetParam()) + ".jsonl"));
    std::erase_if(lines, [&](const auto& line) { return text_of(line.at("kind")) != kind; });
    return lines;
  }
};
INSTANTIATE_TEST_SUITE_P(Files, ByteLevelKind, testing::Values("digits", "runs"),
                         [](const auto& param) { return std::string(param.param); });

TEST_P(ByteLevelKind, EncodesAsTheReference) {
  const auto lines = cases("encode");
  EXPECT_GT(lines.size(), 250u);
  for (const auto& line : lines) {
    const std::string text = text_of(line.at("text"));
    EXPECT_EQ(tokenizer_->encode(text, true), ids_of(line.at("ids"))) << line;
    if (line.at("plain_ids").is_null()) continue;
    EXPECT_EQ(tokenizer_->encode(text, false), ids_of(line.at("plain_ids"))) << line;
  }
}

TEST_P(ByteLevelKind, DecodesAsTheReference) {
  const auto lines = cases("decode");
  EXPECT_EQ(lines.size(), 105u);
  for (const auto& line : lines) {
    const auto ids = ids_of(line.at("ids"));
    for (const bool skip : {false, true}) {
      const std::string expected = text_of(line.at(skip ? "text_skip_special" : "text"));
      EXPECT_EQ(tokenizer_->decode(ids, skip), expected) << line;
      EXPECT_EQ(test::decode_in_pieces(*tokenizer_, ids, skip), expected) << line;
    }
  }
}

TEST_P(ByteLevelKind, OrdinaryTextNeverBecomesAControlToken) {
  const std::vector<std::string> around = {"", " ", "  ", "\n", "a", "<", ">", "é", "\xFF", "\xC3"};
  for (TokenId special = 0; special < tokenizer_->vocab_size(); ++special) {
    if (!tokenizer_->is_special(special)) continue;
    const std::string content(*tokenizer_->token(special));
    ASSERT_EQ(tokenizer_->encode(content, true), std::vector<TokenId>{special});
    for (const std::string& before : around) {
      for (const std::string& after : around) {
        const std::string text = before + content + after;
        const std::vector<TokenId> ids = tokenizer_->encode(text, false);
        for (const TokenId id : ids) ASSERT_FALSE(tokenizer_->is_special(id)) << text;
        if (!test::is_utf8(text)) continue;
        ASSERT_EQ(tokenizer_->decode(ids, true), text);
      }
    }
  }
}

TEST_P(ByteLevelKind, AnyBytesAreText) {
  std::mt19937 random(11);
  for (int i = 0; i < 2000; ++i) {
    std::string text(random() % 30, '\0');
    for (char& c : text)
      c = static_cast<char>(random() % 3 == 0 ? "<|end>\xC3\xA9 \xE2"[random() % 11] : random());
    for (const bool added : {false, true}) {
      std::string bytes;
      for (const TokenId id : tokenizer_->encode(text, added)) bytes += tokenizer_->bytes_of(id);
      ASSERT_EQ(tokenizer_->normalised_bytes(text), bytes.size());
      std::string kept = text;
      std::erase_if(kept,
                    [&](char c) { return tokenizer_->encode(std::string(1, c), false).empty(); });
      ASSERT_EQ(bytes, kept);
    }
  }
}

// What is told of a text without tokenising it never says more than is so.
TEST_P(ByteLevelKind, NoTextHasFewerTokensThanItsBytesAllow) {
  const std::size_t longest = tokenizer_->longest_token();
  for (TokenId id = 0; id < tokenizer_->vocab_size(); ++id) {
    const std::string text = tokenizer_->bytes_of(id);
    for (const int times : {1, 2, 100}) {
      std::string many;
      for (int i = 0; i < times; ++i) many += text;
      const std::size_t min_tokens = (tokenizer_->normalised_bytes(many) + longest - 1) / longest;
      ASSERT_LE(min_tokens, tokenizer_->encode(many, false).size()) << id << " x " << times;
    }
  }
}

TEST_P(ByteLevelKind, MemoryGrowsWithTheLongestWord) {
  std::string prose;
  for (int i = 0; i < 100'000; ++i) prose += "hello  ";
  EXPECT_LT(tokenizer_->encode_memory(prose), 1000u);
  EXPECT_GT(tokenizer_->encode_memory(std::string(prose.size(), 'a')), 30 * prose.size());
}

TEST_P(ByteLevelKind, LongTexts) {
  constexpr std::size_t kLength = 1'000'000;
  for (const std::string_view unit :
       {"a", " ", "\n", "<", "'s", "\t ", "é", "日", " a", "1", "\x04"}) {
    std::string text;
    while (text.size() < kLength) text += unit;
    const std::vector<TokenId> ids = tokenizer_->encode(text, true);
    const bool vanishes = tokenizer_->normalised_bytes(text) == 0;
    EXPECT_EQ(tokenizer_->decode(ids, true), vanishes ? "" : text) << unit;
  }
}

TEST_P(ByteLevelKind, KnowsItsTokens) {
  EXPECT_EQ(tokenizer_->bos(), std::nullopt);
  EXPECT_EQ(tokenizer_->encode_with_bos("a", false), tokenizer_->encode("a", false));
  const TokenId space = tokenizer_->id_of("Ġ").value();
  EXPECT_EQ(tokenizer_->bytes_of(space), " ");
  EXPECT_EQ(tokenizer_->first_bytes_of(space), " ");
  EXPECT_EQ(tokenizer_->decode(std::vector<TokenId>{space}, true), " ");
  EXPECT_EQ(tokenizer_->bytes_of(tokenizer_->id_of("Ċ").value()), "\n");
  EXPECT_EQ(tokenizer_->bytes_of(tokenizer_->id_of("Ã").value()), "\xC3");
  EXPECT_EQ(tokenizer_->bytes_of(tokenizer_->id_of("Ġthe").value()), " the");
  EXPECT_EQ(tokenizer_->id_of("<|nothing|>"), std::nullopt);
  const TokenId end = tokenizer_->id_of("<|endoftext|>").value();
  EXPECT_TRUE(tokenizer_->is_special(end));
  EXPECT_FALSE(tokenizer_->is_special(space));
  EXPECT_EQ(tokenizer_->bytes_of(end), "<|endoftext|>");
  for (const TokenId id : {-1, tokenizer_->vocab_size(), 1 << 30, -(1 << 30)}) {
    EXPECT_EQ(tokenizer_->token(id), std::nullopt);
    EXPECT_EQ(tokenizer_->bytes_of(id), "");
    EXPECT_FALSE(tokenizer_->is_special(id));
    EXPECT_EQ(tokenizer_->swallowed_behind(id, " a"), 0u);
    EXPECT_EQ(tokenizer_->decode(std::vector<TokenId>{id}, false), "");
  }
}

TEST(ByteLevelTokens, RunsOfWhiteSpaceAreTokensOfUsersTexts) {
  const auto tokenizer = test::load(kFolder / "runs.json");
  const TokenId run = tokenizer->id_of("   ").value();
  EXPECT_FALSE(tokenizer->is_special(run));
  EXPECT_EQ(tokenizer->bytes_of(run), "   ");
  EXPECT_EQ(tokenizer->encode("   ", false), std::vector<TokenId>{run});
  EXPECT_EQ(tokenizer->swallowed_behind(tokenizer->id_of("<right>").value(), "  x"), 2u);
  EXPECT_EQ(tokenizer->swallowed_behind(tokenizer->id_of("<left>").value(), "  x"), 0u);
  // A word that was added would be one of the user's own, were it not for what files hide there.
  EXPECT_EQ(tokenizer->encode("<word>", true).size(), 1u);
  EXPECT_GT(tokenizer->encode("<word>", false).size(), 1u);
}

TEST(ByteLevelTokens, BytesWithoutATokenVanish) {
  const auto tokenizer = test::load(kFolder / "digits.json");
  EXPECT_TRUE(tokenizer->encode("\x04\x1D", false).empty());
  EXPECT_EQ(tokenizer->normalised_bytes("\x04 a\x1D"), 2u);
  EXPECT_EQ(tokenizer->encode("t\x13he", false), tokenizer->encode("the", false));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("\U00040000", false), true), "\uFFFD\uFFFD\uFFFD");
}

}  // namespace
}  // namespace oc
