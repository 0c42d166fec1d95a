// The tokenizers of SmolVLM2 and Moondream2, whole and cut short, against the golden data of
// ../shared, where that folder exists.
#include <gtest/gtest.h>

#include "tests/text/fixtures.h"
#include "text/tokenizer.h"

namespace oc {
namespace {

using test::ids_of;
using test::text_of;

struct GoldenSet {
  const char* name;
  const char* tokenizer;  // folders of ../shared/families
  const char* cases;
  int plain, decode;
  TokenId vocab_size;
};

class ByteLevelGolden : public testing::TestWithParam<GoldenSet> {
 protected:
  void SetUp() override {
    const auto families = test::kGolden / ".." / "families";
    const auto file = families / GetParam().tokenizer / "tokenizer.json";
    if (!std::filesystem::exists(file)) GTEST_SKIP() << "no golden data at " << file;
    tokenizer_ = test::load(file);
    lines_ = test::read_lines(families / GetParam().cases / "cases.jsonl");
  }
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<boost::json::object> lines_;
};
INSTANTIATE_TEST_SUITE_P(
    Families, ByteLevelGolden,
    testing::Values(GoldenSet{"smolvlm2", "smolvlm2/golden/tokenizer",
                              "smolvlm2/golden/tokenizer/text", 373, 112, 49280},
                    GoldenSet{"smolvlm2_tiny", "smolvlm2/golden/model/tiny-bf16",
                              "smolvlm2/golden/text", 233, 82, 2176},
                    GoldenSet{"moondream2", "moondream2/golden/tokenizer",
                              "moondream2/golden/tokenizer/text", 224, 90, 50295},
                    GoldenSet{"moondream2_tiny", "moondream2/golden/model/tiny-f16",
                              "moondream2/golden/text", 124, 60, 1895}),
    [](const auto& param) { return std::string(param.param.name); });

TEST_P(ByteLevelGolden, PlainCases) {
  int cases = 0;
  for (const auto& line : lines_) {
    if (text_of(line.at("kind")) != "plain") continue;
    EXPECT_EQ(tokenizer_->encode_with_bos(text_of(line.at("text")), true), ids_of(line.at("ids")))
        << line.at("text");
    ++cases;
  }
  EXPECT_EQ(cases, GetParam().plain);
}

TEST_P(ByteLevelGolden, DecodeCases) {
  int cases = 0;
  for (const auto& line : lines_) {
    if (text_of(line.at("kind")) != "decode") continue;
    const auto ids = ids_of(line.at("ids"));
    for (const bool skip : {false, true}) {
      const std::string expected = text_of(line.at(skip ? "text_skip_special" : "text"));
      EXPECT_EQ(tokenizer_->decode(ids, skip), expected) << line;
      EXPECT_EQ(test::decode_in_pieces(*tokenizer_, ids, skip), expected) << line;
    }
    ++cases;
  }
  EXPECT_EQ(cases, GetParam().decode);
}

// What users type has the ids of the plain cases, unless there is a control token in it.
TEST_P(ByteLevelGolden, OrdinaryTextNeverBecomesAControlToken) {
  EXPECT_EQ(tokenizer_->vocab_size(), GetParam().vocab_size);
  int same = 0;
  for (const auto& line : lines_) {
    if (text_of(line.at("kind")) != "plain") continue;
    const std::string text = text_of(line.at("text"));
    const auto expected = ids_of(line.at("ids"));
    const auto ids = tokenizer_->encode(text, false);
    for (const TokenId id : ids) ASSERT_FALSE(tokenizer_->is_special(id)) << text;
    if (std::ranges::any_of(expected, [&](TokenId id) { return tokenizer_->is_special(id); }))
      continue;
    EXPECT_EQ(ids, expected) << text;
    ++same;
  }
  EXPECT_GT(same, GetParam().plain / 2);
}

}  // namespace
}  // namespace oc
