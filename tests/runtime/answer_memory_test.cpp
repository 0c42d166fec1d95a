// What answers take is counted while they grow, and until they have been sent.
#include "runtime/answer_memory.h"

#include "tests/runtime/service_fixture.h"

namespace oc {
namespace {

constexpr std::size_t kBudget = 4u << 20;

class AnswerMemoryTest : public SchedulerTest {
 protected:
  // 900 tokens with 20 others at each place: at least 900 x 21 x sizeof(ScoredToken).
  GenerateRequest large() const {
    GenerateRequest request = question("x!");
    request.logprobs = true;
    request.top_logprobs = 20;
    request.max_tokens = 900;
    request.memory = budget;
    return request;
  }
  static std::unique_ptr<FakeModel> endless() { return repeating(1u << 20); }

  std::shared_ptr<MemoryBudget> budget = std::make_shared<MemoryBudget>(kBudget);
};

TEST_F(AnswerMemoryTest, IsGivenBackWithTheAnswer) {
  serve(endless(), {});
  Result<GenerateResult> first = submit(large()).get();
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(first->completion_tokens, 900);
  const AnswerMemory answer = memory_of(*first);
  EXPECT_GT(answer.values, 900 * 21 * sizeof(ScoredToken));
  EXPECT_GT(budget->used() + (64u << 10), answer.values + answer.json);
  first = Error{};
  EXPECT_EQ(budget->used(), 0u);
}

TEST_F(AnswerMemoryTest, ALargerOneThanThereIsMemoryForEnds) {
  serve(endless(), {});
  GenerateRequest request = large();
  request.n = 4;
  const Result<GenerateResult> result = submit(std::move(request)).get();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kTooLarge);
  EXPECT_NE(result.error().hint.find("top_logprobs"), std::string::npos);
  EXPECT_EQ(budget->used(), 0u);
  EXPECT_EQ(ask(question("x!")).text.empty(), false) << "the next one is served";
}

TEST_F(AnswerMemoryTest, OthersMayHoldIt) {
  serve(endless(), {});
  ASSERT_TRUE(budget->take(kBudget - (256u << 10)));
  const Result<GenerateResult> result = submit(large()).get();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kMemoryFull);
  GenerateRequest words = question("x!");
  words.max_tokens = 200;
  words.memory = budget;
  EXPECT_TRUE(submit(std::move(words)).get().ok()) << "what a few words take is always there";
}

TEST_F(AnswerMemoryTest, AKnownAnswerIsCountedToo) {
  ServiceOptions options;
  options.response_cache_bytes = 64u << 20;
  serve(endless(), options);
  (void)submit(large()).get();
  EXPECT_EQ(budget->used(), 0u);
  const Result<GenerateResult> known = submit(large()).get();
  ASSERT_TRUE(known.ok()) << known.error().message;
  ASSERT_TRUE(known->cached);
  EXPECT_GT(budget->used() + (64u << 10), memory_of(*known).values + memory_of(*known).json);
  ASSERT_TRUE(budget->take(budget->limit() - budget->used()));
  const auto refused = service_->submit(large(), nullptr, [](auto) { FAIL(); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kMemoryFull);
  EXPECT_NE(refused.error().hint.find("--max-memory-mb"), std::string::npos);
}

TEST_F(AnswerMemoryTest, WhatIsSentAsItComesIsNotCountedAsJson) {
  serve(endless(), {});
  std::size_t streamed = 0;
  const Result<GenerateResult> result =
      submit(large(), [&](const AnswerPiece& piece) { streamed += !piece.whole; }).get();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_GT(streamed, 0u);
  EXPECT_LT(budget->used(), memory_of(*result).values + (64u << 10));
}

}  // namespace
}  // namespace oc
