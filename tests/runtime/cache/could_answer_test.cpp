// Answers that a shared cache holds under the right key, but that are none to the request.
#include "runtime/cache/could_answer.h"

#include <gtest/gtest.h>

#include <functional>

namespace oc {
namespace {

GenerateRequest asking(int n) {
  GenerateRequest request;
  request.n = n;
  request.max_tokens = 4;
  request.stop = {"\n"};
  request.sampling.seed = 7;
  return request;
}

Answer answer(std::uint64_t seed) {
  Answer out;
  out.text = "ab";
  out.ids = {1, 2};
  out.seed = seed;
  return out;
}

GenerateResult answering(int n) {
  GenerateResult result;
  static_cast<Answer&>(result) = answer(7);
  for (int i = 1; i < n; ++i) result.more.push_back(answer(7 + static_cast<std::uint64_t>(i)));
  result.prompt_tokens = 5;
  result.completion_tokens = 3 * n;
  return result;
}

TEST(CouldAnswer, AsManyAsWereAskedFor) {
  for (int asked = 1; asked <= 4; ++asked)
    for (int given = 1; given <= 4; ++given)
      EXPECT_EQ(could_answer(asking(asked), 0, answering(given)), asked == given);
}

TEST(CouldAnswer, EachOfItsParts) {
  const GenerateRequest request = asking(2);
  ASSERT_TRUE(could_answer(request, 0, answering(2)));
  const std::function<void(GenerateResult&)> lies[] = {
      [](GenerateResult& r) {
        r.ids = {1, 2, 3, 4, 5};
      },
      [](GenerateResult& r) {
        r.more[0].ids = {1, 2, 3, 4, 5};
      },
      [](GenerateResult& r) { r.logprobs.resize(2); },
      [](GenerateResult& r) { r.scores.resize(1); },
      [](GenerateResult& r) { r.image_tokens = 1; },
      [](GenerateResult& r) { r.prompt_tokens = 0; },
      [](GenerateResult& r) { r.completion_tokens = 3; },
      [](GenerateResult& r) { r.accepted_tokens = 1; },
      [](GenerateResult& r) { r.seed = 8; },
      [](GenerateResult& r) { r.more[0].seed = 7; },
      [](GenerateResult& r) { r.finish_reason = FinishReason::kLength; },
      [](GenerateResult& r) { r.stop_cause = StopCause::kMaxTokens; },
      [](GenerateResult& r) { r.stop_cause = StopCause::kStopString; },
      [](GenerateResult& r) { r.stop_string = "\n"; },
      [](GenerateResult& r) {
        r.stop_cause = StopCause::kStopString;
        r.stop_string = "never asked for";
      },
  };
  for (std::size_t i = 0; i < std::size(lies); ++i) {
    GenerateResult result = answering(2);
    lies[i](result);
    EXPECT_FALSE(could_answer(request, 0, result)) << "lie " << i;
  }
}

TEST(CouldAnswer, LogprobsJustWhereTheyWereAskedFor) {
  GenerateRequest request = asking(1);
  request.logprobs = true;
  request.top_logprobs = 1;
  EXPECT_FALSE(could_answer(request, 0, answering(1)));
  GenerateResult result = answering(1);
  result.logprobs.resize(2);
  EXPECT_TRUE(could_answer(request, 0, result));
  result.logprobs[1].top.resize(2);
  EXPECT_FALSE(could_answer(request, 0, result)) << "one was asked for";
  result.logprobs[1].top.resize(1);
  EXPECT_TRUE(could_answer(request, 0, result));
  result.logprobs.resize(3);
  EXPECT_FALSE(could_answer(request, 0, result));
  // Behind a stop string tokens are not shown.
  result = answering(1);
  result.stop_cause = StopCause::kStopString;
  result.stop_string = "\n";
  result.logprobs.resize(1);
  EXPECT_TRUE(could_answer(request, 0, result));
}

TEST(CouldAnswer, TheChoicesThatWereToBeScored) {
  GenerateRequest request = asking(1);
  request.choices = {"yes", "no"};
  GenerateResult result = answering(1);
  EXPECT_FALSE(could_answer(request, 0, result));
  result.scores = {{"yes", -1, -1, 0.5, 2}, {"no", -1, -1, 0.5, 2}};
  EXPECT_FALSE(could_answer(request, 0, result)) << "its text is none of them";
  result.text = "no";
  EXPECT_TRUE(could_answer(request, 0, result));
  result.scores.pop_back();
  EXPECT_FALSE(could_answer(request, 0, result));
  result.scores.push_back({"No", -1, -1, 0.5, 2});
  EXPECT_FALSE(could_answer(request, 0, result));
}

TEST(CouldAnswer, ObjectsAsManyAsWereAskedFor) {
  GenerateRequest request;
  request.task = DetectTask{"dog", 2};
  GenerateResult result;
  result.prompt_tokens = 5;
  result.completion_tokens = 7;
  result.objects = {{.x = 0.5, .y = 0.5}, {.x = 0.1, .y = 0.1}};
  EXPECT_TRUE(could_answer(request, 0, result)) << "the model has ended by itself";
  result.stop_cause = StopCause::kMaxObjects;
  EXPECT_FALSE(could_answer(request, 0, result)) << "cut, and said to be all";
  result.finish_reason = FinishReason::kLength;
  EXPECT_TRUE(could_answer(request, 0, result));
  result.objects.pop_back();
  EXPECT_FALSE(could_answer(request, 0, result)) << "fewer than where it is cut";
  result.objects.resize(3);
  EXPECT_FALSE(could_answer(request, 0, result)) << "more";
  GenerateResult text = answering(1);
  text.stop_cause = StopCause::kMaxObjects;
  text.finish_reason = FinishReason::kLength;
  EXPECT_FALSE(could_answer(asking(1), 0, text)) << "a text has no objects";
}

TEST(CouldAnswer, JsonWhereItWasWanted) {
  GenerateRequest request = asking(1);
  request.json_schema = "";
  GenerateResult result = answering(1);
  EXPECT_FALSE(could_answer(request, 0, result));
  result.text = R"({"a": [1, 2]})";
  EXPECT_TRUE(could_answer(request, 0, result));
  result.text = R"({"a": [1)";
  EXPECT_FALSE(could_answer(request, 0, result));
  result.stop_cause = StopCause::kMaxTokens;
  result.finish_reason = FinishReason::kLength;
  EXPECT_TRUE(could_answer(request, 0, result)) << "it was cut";
}

}  // namespace
}  // namespace oc
