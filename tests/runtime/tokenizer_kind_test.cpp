// Nothing between a model's tokens and the answer knows Llama's rules: all of it works with a
// tokenizer that has none of them.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <cmath>
#include <random>

#include "base/check.h"
#include "base/log.h"
#include "runtime/decode/answer_text.h"
#include "runtime/decode/softmax.h"
#include "runtime/grammar/grammar.h"
#include "runtime/serving/generate.h"
#include "tests/runtime/byte_level_tokenizer.h"

namespace oc {
namespace {

using fake::FakeModel;
using fake::kEnd;
using fake::kVocab;

class TokenizerKind : public testing::Test {
 protected:
  void SetUp() override { log::configure(log::Level::kOff, log::Format::kText); }
  void TearDown() override { log::configure_from_environment(); }

  // The token of just these bytes.
  TokenId id(std::string_view bytes) const {
    for (TokenId id = 0; id < tokenizer_->vocab_size(); ++id)
      if (tokenizer_->bytes_of(id) == bytes) return id;
    OC_CHECK(false, "no token is \"{}\"", bytes);
  }
  std::vector<TokenId> ids(std::initializer_list<const char*> tokens) const {
    std::vector<TokenId> out;
    for (const char* token : tokens) out.push_back(id(token));
    return out;
  }
  std::vector<TokenId> answer(std::initializer_list<const char*> tokens) const {
    std::vector<TokenId> out = ids(tokens);
    out.push_back(kEnd);
    return out;
  }
  static GenerateRequest question() {
    GenerateRequest request;
    request.messages = {{Role::kUser, {TextPart{"hello"}}}};
    request.max_tokens = 60;
    return request;
  }

  std::shared_ptr<const Tokenizer> tokenizer_ = fake::byte_level_tokenizer();
};

TEST_F(TokenizerKind, DecodesAtOnceAndInPieces) {
  for (const std::string text : {" yes", "yes no", "\n\nhello", "€ é", "a\n"}) {
    const std::vector<TokenId> all = tokenizer_->encode(text, false);
    EXPECT_EQ(tokenizer_->encode_with_bos(text, false), all);
    EXPECT_EQ(tokenizer_->decode(all, true), text);
    const auto detokenizer = tokenizer_->detokenizer(true);
    std::string decoded;
    for (const TokenId one : all) decoded += detokenizer->push(one);
    EXPECT_EQ(decoded + detokenizer->flush(), text);
  }
  EXPECT_EQ(tokenizer_->decode(ids({" yes", "\xE2\x82", "\xE2\x82", "no"}), true),
            " yes\uFFFD\uFFFDno");
}

TEST_F(TokenizerKind, AnswersKeepTheirFirstSpaceAndStopInTheToken) {
  std::string shown;
  const std::function<void(std::string_view)> show = [&](std::string_view text) { shown += text; };
  AnswerStream plain(tokenizer_, {}, show);
  for (const TokenId one : ids({" yes", "\xE2\x82"})) plain.push(one);
  EXPECT_EQ(shown, " yes") << "a code point that is not whole waits";
  plain.push(id("\xAC"));
  EXPECT_EQ(shown, " yes€");

  // The stop string's last token ends the answer: no other has to come behind a newline.
  AnswerStream stops(tokenizer_, {"\n\n", "s€"}, show);
  for (const TokenId one : ids({" hello", "\n", "\n"})) stops.push(one);
  EXPECT_TRUE(stops.stopped());
  EXPECT_EQ(stops.text(), " hello");
  AnswerStream within(tokenizer_, {"s€"}, show);
  for (const TokenId one : ids({" yes", "\xE2\x82"})) within.push(one);
  EXPECT_FALSE(within.stopped());
  within.push(id("\xAC"));
  EXPECT_TRUE(within.stopped());
  EXPECT_EQ(within.text(), " ye");
}

TEST_F(TokenizerKind, TheGrammarKnowsNoSpaceThatIsDropped) {
  if (!has_grammar_library()) GTEST_SKIP() << "built without the grammar library";
  GrammarCache cache({tokenizer_, kVocab, {kEnd}});
  const auto matcher = cache.get("", R"({"enum":["yes","€"]})").value()->start();
  const auto may = [&](TokenId one) {
    return (matcher->allowed()[static_cast<std::size_t>(one) / 32] >> (one % 32) & 1) != 0;
  };
  EXPECT_FALSE(may(id(" "))) << "it would be a part of the text";
  EXPECT_FALSE(may(id(" \"")));
  ASSERT_TRUE(may(id("\"")));
  EXPECT_FALSE(may(kEnd));
  for (const char* token : {"\"", "\xE2\x82", "\xAC", "\""}) {
    ASSERT_TRUE(may(id(token))) << token;
    matcher->accept(id(token));
  }
  EXPECT_TRUE(matcher->complete());
  EXPECT_TRUE(may(kEnd));
}

TEST_F(TokenizerKind, AnswersKeepToTheSchema) {
  if (!has_grammar_library()) GTEST_SKIP() << "built without the grammar library";
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const FakeModel model(
        [seed](std::span<const TokenId> so_far) {
          std::mt19937_64 random(so_far.size() * 100 + seed);
          std::vector<float> logits(kVocab);
          for (float& logit : logits) logit = static_cast<float>(random() >> 54) / 64;
          return logits;
        },
        tokenizer_);
    GenerateRequest request = question();
    request.json_schema = R"({"type":"array","items":{"enum":["yes","no €"]},"minItems":1,)"
                          R"("maxItems":2})";
    const auto result = generate(model, request, {});
    ASSERT_TRUE(result.ok()) << result.error().describe();
    EXPECT_EQ(tokenizer_->decode(result->ids, true), result->text);
    if (result->finish_reason == FinishReason::kLength) continue;  // white space until the end
    EXPECT_TRUE(result->text.starts_with('[')) << result->text;
    EXPECT_TRUE(boost::json::parse(result->text).is_array()) << result->text;
  }
}

TEST_F(TokenizerKind, BytesOfLogprobsAddUpToTheText) {
  const auto model = FakeModel::answering(answer({" yes", "\xE2\x82", "\xAC"}), tokenizer_);
  GenerateRequest request = question();
  request.logprobs = true;
  request.top_logprobs = 2;
  const auto result = generate(*model, request, {});
  ASSERT_TRUE(result.ok()) << result.error().describe();
  EXPECT_EQ(result->text, " yes€");
  ASSERT_EQ(result->logprobs.size(), 3u);
  std::string bytes;
  for (const TokenLogprobs& token : result->logprobs) bytes += token.bytes;
  EXPECT_EQ(bytes, result->text);
  EXPECT_EQ(result->logprobs[0].bytes, " yes") << "its space is a part of the text";
  EXPECT_EQ(result->logprobs[0].top[0].bytes, " yes");
  EXPECT_EQ(result->logprobs[1].bytes, "\xE2\x82");
}

TEST_F(TokenizerKind, StopStringsEndAnswers) {
  const auto model = FakeModel::answering(answer({" yes", "\n", "\n", "no"}), tokenizer_);
  GenerateRequest request = question();
  request.stop = {"\n\n"};
  const auto result = generate(*model, request, {});
  ASSERT_TRUE(result.ok()) << result.error().describe();
  EXPECT_EQ(result->text, " yes");
  EXPECT_EQ(result->completion_tokens, 3) << "no token was computed beyond the stop string";
}

// A choice goes on from the prompt as it is written: no space comes before it.
TEST_F(TokenizerKind, ChoicesAreScoredAsTheyAreWritten) {
  const auto logits = [this](std::span<const TokenId> so_far) {
    std::vector<float> out(kVocab, 0.0f);
    out[static_cast<std::size_t>(id("yes"))] = 3;
    out[static_cast<std::size_t>(id(" yes"))] = 2;
    if (so_far.back() == id("yes") || so_far.back() == id(" yes"))
      out[static_cast<std::size_t>(kEnd)] = 5;
    return out;
  };
  const FakeModel model(logits, tokenizer_);
  GenerateRequest request = question();
  request.choices = {" yes", "yes", "no"};
  const auto result = generate(model, request, {});
  ASSERT_TRUE(result.ok()) << result.error().describe();
  ASSERT_EQ(result->scores.size(), 3u);
  const std::vector<TokenId> prompt = tokenizer_->encode("hello", false);
  for (const ChoiceScore& score : result->scores) {
    const TokenId choice = id(score.text);
    const std::vector<TokenId> with_choice = {prompt.back(), choice};
    const std::vector<float> first = logits(prompt), last = logits(with_choice);
    EXPECT_EQ(score.tokens, 2) << score.text;
    const std::vector<float> ends = {last[2], last[static_cast<std::size_t>(kEnd)]};
    EXPECT_NEAR(score.logprob,
                first[static_cast<std::size_t>(choice)] - log_sum_exp(first) + log_sum_exp(ends) -
                    log_sum_exp(last),
                1e-6)
        << score.text;
  }
  EXPECT_EQ(result->text, "yes");
  EXPECT_EQ(result->ids, std::vector<TokenId>{id("yes")});
}

}  // namespace
}  // namespace oc
