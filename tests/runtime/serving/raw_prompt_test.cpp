// Prompts without a template: what is computed, what goes on from them, and what is refused.
#include "runtime/serving/raw_prompt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "runtime/cache/response_cache.h"
#include "runtime/serving/generate.h"
#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

using fake::FakeModel;
using fake::kEnd;

constexpr std::int64_t kRoom = std::numeric_limits<std::int64_t>::max();

std::vector<float> always(TokenId id) {
  std::vector<float> logits(static_cast<std::size_t>(fake::kVocab), 0);
  logits[static_cast<std::size_t>(id)] = 9;
  return logits;
}

FakeModel model() {
  return FakeModel([](std::span<const TokenId>) { return always(kEnd); });
}

std::vector<TokenId> ids_of(const RawPrompt& raw) {
  const FakeModel one = model();
  const auto prompt = build_raw_prompt(one, raw, kRoom);
  EXPECT_TRUE(prompt.ok());
  return prompt.ok() ? prompt->ids : std::vector<TokenId>();
}

TEST(RawPrompt, TextStandsBehindItsBeginningAndControlTokensInItAreText) {
  const Tokenizer& tokenizer = *fake::tiny_tokenizer();
  const std::string text = "<|assistant|>hello<|end|>";
  EXPECT_EQ(ids_of({.text = text}), tokenizer.encode_with_bos(text, false));
  EXPECT_EQ(std::ranges::count(ids_of({.text = text}), kEnd), 0);
  const auto live = ids_of({.text = text, .control_tokens = true});
  EXPECT_EQ(live, tokenizer.encode_with_bos(text, true));
  EXPECT_EQ(live.back(), kEnd);
}

TEST(RawPrompt, ATextThatBringsItsBeginningHasItOnce) {
  const Tokenizer& tokenizer = *fake::tiny_tokenizer();
  const std::string bos(tokenizer.token(*tokenizer.bos()).value());
  const auto ids = ids_of({.text = bos + "hello", .control_tokens = true});
  EXPECT_EQ(std::ranges::count(ids, *tokenizer.bos()), 1);
  EXPECT_EQ(ids_of({.text = ""}), std::vector<TokenId>{*tokenizer.bos()});
}

TEST(RawPrompt, IdsAreAllOfItAndMustBeTheModels) {
  EXPECT_EQ(ids_of({.ids = {260, kEnd}}), (std::vector<TokenId>{260, kEnd}));
  const FakeModel one = model();
  for (const TokenId wrong : {-1, 315, 320, 1 << 30}) {
    const auto prompt = build_raw_prompt(one, {.ids = {260, wrong}}, kRoom);
    ASSERT_FALSE(prompt.ok()) << wrong;
    EXPECT_EQ(prompt.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(prompt.error().param, "prompt[1]");
  }
}

TEST(RawPrompt, TextThatIsSureToBeTooLongIsNotTokenised) {
  const FakeModel one = model();
  const auto prompt = build_raw_prompt(one, {.text = std::string(100'000, 'a')}, 10);
  ASSERT_TRUE(prompt.ok());
  EXPECT_TRUE(prompt->ids.empty());
  EXPECT_GT(prompt->too_many, 10);
}

// In a conversation an answer begins without the space in front of its first word.
TEST(RawPrompt, AnAnswerThatGoesOnKeepsTheSpaceInFrontOfIt) {
  const Tokenizer& tokenizer = *fake::tiny_tokenizer();
  const std::vector<TokenId> word = tokenizer.encode("hello", false);
  const std::string bytes = tokenizer.bytes_of(word.front());
  ASSERT_TRUE(bytes.starts_with(' ')) << "a tokenizer that writes spaces in front of words";
  std::size_t prompt_ids = 0;
  const FakeModel one([&](std::span<const TokenId> ids) {
    return always(ids.size() == prompt_ids ? word.front() : kEnd);
  });
  GenerateRequest request;
  request.logprobs = true;
  request.raw_prompt = RawPrompt{.text = "hello"};
  prompt_ids = build_raw_prompt(one, *request.raw_prompt, kRoom)->ids.size();
  const auto answer = generate(one, request, {});
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  EXPECT_EQ(answer->text, bytes);
  ASSERT_EQ(answer->logprobs.size(), 1u);
  EXPECT_EQ(answer->logprobs[0].bytes, bytes);
  EXPECT_EQ(answer->prompt_tokens, static_cast<std::int64_t>(prompt_ids));
}

TEST(RawPrompt, EachIsAnotherRequestToTheResponseCache) {
  std::vector<std::string> keys;
  for (const std::optional<RawPrompt>& raw :
       {std::optional<RawPrompt>(), std::optional(RawPrompt{.text = "a"}),
        std::optional(RawPrompt{.text = "b"}),
        std::optional(RawPrompt{.text = "a", .control_tokens = true}),
        std::optional(RawPrompt{.ids = {5}}), std::optional(RawPrompt{.ids = {6}})}) {
    GenerateRequest request;
    request.raw_prompt = raw;
    keys.push_back(response_key(request, {}, "m").value());
  }
  for (std::size_t i = 0; i < keys.size(); ++i)
    EXPECT_EQ(std::ranges::count(keys, keys[i]), 1) << i;
}

}  // namespace
}  // namespace oc
