// What a request would take, told without running it: as the answer then says.
#include <gtest/gtest.h>

#include "tests/runtime/service_fixture.h"

namespace oc {
namespace {

class ServicePlan : public SchedulerTest {
 protected:
  RequestPlan plan(GenerateRequest request) {
    auto planned = service_->plan(std::move(request));
    EXPECT_TRUE(planned.ok()) << planned.error().message;
    return planned.ok() ? *std::move(planned) : RequestPlan();
  }
};

TEST_F(ServicePlan, CountsWhatTheAnswerCounts) {
  serve(repeating(3), {});
  GenerateRequest request = about(7, "hello world", 3);
  request.images.push_back({picture(9), fake::crops(2)});
  request.messages[0].parts.emplace_back(ImagePart{1});
  request.max_tokens = 9;
  const RequestPlan planned = plan(request);
  EXPECT_EQ(model_->tiles, 0);
  EXPECT_TRUE(model_->steps.empty()) << "nothing was run";
  EXPECT_EQ(service_->stats().accepted, 0u);
  const GenerateResult result = ask(request);
  EXPECT_EQ(planned.prompt_tokens, result.prompt_tokens);
  EXPECT_EQ(planned.image_tokens, result.image_tokens);
  EXPECT_EQ(planned.max_tokens, 9);
  EXPECT_EQ(planned.views_left, 5);
  ASSERT_EQ(planned.images.size(), 2u);
  EXPECT_EQ(planned.images[0].plan.views, 3);
  EXPECT_EQ(planned.images[1].plan.tokens, 10);
  EXPECT_FALSE(planned.images[0].encoded);
}

TEST_F(ServicePlan, NothingIsExpectedBeforeItWasMeasured) {
  serve(repeating(3), {});
  const GenerateRequest request = about(7, "hello", 2);
  const RequestPlan before = plan(request);
  EXPECT_FALSE(before.speed.seconds_per_view);
  EXPECT_FALSE(before.speed.prefill_tokens_per_second);
  EXPECT_FALSE(before.speed.decode_tokens_per_second);
  EXPECT_FALSE(seconds_to_first_token(before));
  GenerateRequest rehearsal = request;
  rehearsal.compute_anew = true;
  ask(rehearsal);
  EXPECT_FALSE(plan(request).speed.seconds_per_view) << "a rehearsal says nothing";
  ask(request);
  service_->drain();
  // Drained: nothing is planned any more, as nothing is answered.
  const auto late = service_->plan(request);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ErrorCode::kUnavailable);
}

TEST_F(ServicePlan, WhatIsKeptIsNotComputedAgain) {
  serve(repeating(3), {.image_cache_bytes = 1 << 20,
                       .prefix_cache_bytes = 1 << 20,
                       .response_cache_bytes = 1 << 20});
  const GenerateRequest request = about(7, "hello", 2);
  const GenerateResult first = ask(request);
  // The same picture, another question: what stands before it is kept.
  const GenerateRequest other = about(7, "world", 2);
  RequestPlan planned = plan(other);
  EXPECT_TRUE(planned.images[0].encoded);
  EXPECT_EQ(planned.views_left, 0);
  EXPECT_FALSE(planned.answered);
  const GenerateResult second = ask(other);
  EXPECT_EQ(planned.cached_tokens, second.cached_tokens);
  EXPECT_GT(planned.cached_tokens, 0);
  planned = plan(request);
  EXPECT_TRUE(planned.answered);
  EXPECT_EQ(seconds_to_first_token(planned), 0);
  // Others are not told of it.
  GenerateRequest stranger = request;
  stranger.cache_scope = "somebody else";
  planned = plan(stranger);
  EXPECT_FALSE(planned.images[0].encoded);
  EXPECT_EQ(planned.cached_tokens, 0);
  EXPECT_FALSE(planned.answered);
  EXPECT_EQ(planned.views_left, 2);
}

TEST_F(ServicePlan, RefusesWhatWouldBeRefused) {
  serve(repeating(3), {.max_n = 2});
  GenerateRequest request = about(7, "hello", 300);
  request.images[0].options = fake::crops(64);
  request.max_tokens = 5;
  std::vector<GenerateRequest> wrong(3, request);
  wrong[0].n = 3;
  wrong[1].images[0].options = fake::crops(65);
  wrong[2].max_sequence = 100;
  for (const GenerateRequest& one : wrong) {
    const auto planned = service_->plan(one);
    const auto asked = service_->submit(one, nullptr, [](auto) { FAIL(); });
    ASSERT_FALSE(planned.ok());
    ASSERT_FALSE(asked.ok());
    EXPECT_EQ(planned.error().code, asked.error().code);
    EXPECT_EQ(planned.error().message, asked.error().message);
  }
}

TEST(FirstToken, IsViewsAndTokensAtTheirSpeeds) {
  RequestPlan plan;
  plan.prompt_tokens = 600;
  plan.cached_tokens = 100;
  plan.views_left = 4;
  EXPECT_FALSE(seconds_to_first_token(plan));
  plan.speed.prefill_tokens_per_second = 1000;
  EXPECT_FALSE(seconds_to_first_token(plan));
  plan.speed.seconds_per_view = 0.25;
  EXPECT_DOUBLE_EQ(*seconds_to_first_token(plan), 1.5);
  plan.views_left = 0;
  plan.speed.seconds_per_view = {};
  EXPECT_DOUBLE_EQ(*seconds_to_first_token(plan), 0.5);
  plan.answered = true;
  EXPECT_EQ(*seconds_to_first_token(plan), 0);
}

GenerateResult measured(std::int64_t prompt, std::int64_t completion) {
  GenerateResult result;
  result.prompt_tokens = prompt;
  result.completion_tokens = completion;
  result.timings.preprocess_ms = 100;
  result.timings.encode_ms = 900;
  result.timings.prefill_ms = 500;
  result.timings.decode_ms = 100;
  return result;
}

TEST(SpeedMeter, CountsTheLatestMost) {
  SpeedMeter meter;
  meter.count(measured(1000, 11), 4);
  EXPECT_DOUBLE_EQ(*meter.speed().seconds_per_view, 0.25);
  EXPECT_DOUBLE_EQ(*meter.speed().prefill_tokens_per_second, 2000);
  EXPECT_DOUBLE_EQ(*meter.speed().decode_tokens_per_second, 100);
  for (int i = 0; i < 100; ++i) meter.count(measured(500, 6), 2);
  EXPECT_NEAR(*meter.speed().seconds_per_view, 0.5, 0.01);
  EXPECT_NEAR(*meter.speed().prefill_tokens_per_second, 1000, 20);
  EXPECT_NEAR(*meter.speed().decode_tokens_per_second, 50, 5);
}

TEST(SpeedMeter, LearnsNothingFromNothing) {
  SpeedMeter meter;
  GenerateResult result = measured(10, 1);
  result.cached_tokens = 10;
  meter.count(result, 0);
  EXPECT_FALSE(meter.speed().seconds_per_view);
  EXPECT_FALSE(meter.speed().prefill_tokens_per_second);
  EXPECT_FALSE(meter.speed().decode_tokens_per_second) << "one token took no time of its own";
  // Positions of objects are no tokens of a text.
  result = measured(10, 9);
  result.objects.push_back({});
  meter.count(result, 1);
  EXPECT_FALSE(meter.speed().decode_tokens_per_second);
  EXPECT_TRUE(meter.speed().seconds_per_view);
}

}  // namespace
}  // namespace oc
