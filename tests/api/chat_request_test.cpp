#include "api/chat_request.h"

#include <gtest/gtest.h>

#include "api/served_model.h"

namespace oc {
namespace {

TEST(CompleteRequest, TheLongestAnswerIsTheModels) {
  ServedModel model;
  model.context_length = 100;
  ChatRequest request;
  EXPECT_TRUE(complete_request(request, model).ok());
  request.generate.max_tokens = 100;
  EXPECT_TRUE(complete_request(request, model).ok());
  EXPECT_EQ(warning_of(request), "");
  request.generate.max_tokens = 101;
  EXPECT_TRUE(complete_request(request, model).ok());
  EXPECT_EQ(request.generate.max_tokens, 100);
  EXPECT_EQ(warning_of(request), "max_tokens is 100 and not 101: an answer may have no more here");
  request = {};
  request.model_note = "a note";
  request.generate.max_tokens = 100;
  model.defaults.max_tokens_cap = 50;
  EXPECT_TRUE(complete_request(request, model).ok());
  EXPECT_EQ(request.generate.max_tokens, 50);
  EXPECT_EQ(warning_of(request),
            "a note; max_tokens is 50 and not 100: an answer may have no more here");
  model.context_length = 0;  // not known
  model.defaults.max_tokens_cap.reset();
  request.generate.max_tokens = 1 << 30;
  EXPECT_TRUE(complete_request(request, model).ok());
  EXPECT_EQ(request.generate.max_tokens, 1 << 30);
}

TEST(WarningOfAll, SaysWhichAnswersItIsAbout) {
  GenerateResult four;
  four.more.resize(3);
  EXPECT_EQ(warning_with_all("", four), "");
  EXPECT_EQ(warning_with_all("a note", four), "a note");
  four.more[0].warning = four.more[2].warning = "empty";
  EXPECT_EQ(warning_with_all("a note", four), "a note; choices 1, 3: empty");
  four.warning = "odd";
  EXPECT_EQ(warning_with_all("", four), "odd; choices 1, 3: empty");
  four.warning = four.more[1].warning = "empty";
  EXPECT_EQ(warning_with_all("a note", four), "a note; empty") << "all of them say it";
  four.more.clear();
  EXPECT_EQ(warning_with_all("", four), "empty");
}

TEST(CompleteRequest, NothingThatIsSaidOfTextsHoldsForChoices) {
  ServedModel model;
  model.defaults.sampling.temperature = 0.5;
  model.defaults.sampling.repetition_penalty = 1.1;
  model.defaults.stop = {"<|end|>"};
  ChatRequest request;
  request.generate.messages = {{Role::kUser, {TextPart{"Yes?"}}}};
  request.generate.choices = {"yes", "no"};
  ASSERT_TRUE(complete_request(request, model).ok());
  EXPECT_EQ(request.generate.sampling.temperature, 0);
  EXPECT_TRUE(request.generate.stop.empty());
  EXPECT_TRUE(check_request(request.generate).ok());
}

TEST(CompleteRequest, WhatTheRequestLeavesOutIsTheModels) {
  ServedModel model;
  model.defaults.sampling.temperature = 0.5;
  model.defaults.sampling.seed = 3;
  ChatRequest request;
  request.sampling.top_k = 7;
  request.sampling.logit_bias = {{5, 1.0f}};
  ASSERT_TRUE(complete_request(request, model).ok());
  EXPECT_EQ(request.generate.sampling.temperature, 0.5);
  EXPECT_EQ(request.generate.sampling.seed, 3u);
  EXPECT_EQ(request.generate.sampling.top_k, 7);
  EXPECT_EQ(request.generate.sampling.logit_bias.size(), 1u);
  request.sampling.temperature = 0;
  ASSERT_TRUE(complete_request(request, model).ok());
  EXPECT_EQ(request.generate.sampling.temperature, 0);
}

TEST(CompleteRequest, ATaskIsOneThatTheModelHas) {
  ServedModel model;
  ChatRequest request;
  request.generate.task = DetectTask{"cat"};
  const auto refused = complete_request(request, model);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message.find("detect"), std::string::npos);
  model.tasks.point = true;
  EXPECT_FALSE(complete_request(request, model).ok());
  model.tasks.detect = true;
  EXPECT_TRUE(complete_request(request, model).ok());
}

TEST(CompleteRequest, ObjectsAreFoundWithoutSamplingAndStops) {
  ServedModel model;
  model.tasks = {.query = true, .detect = true};
  model.defaults.sampling.temperature = 0.7;
  model.defaults.stop = {"x"};
  model.defaults.max_sequence = 64;
  ChatRequest objects, text;
  objects.generate.task = DetectTask{"cat"};
  text.generate.task = QueryTask{"What?"};
  ASSERT_TRUE(complete_request(objects, model).ok());
  EXPECT_EQ(objects.generate.sampling.temperature, 0);
  EXPECT_TRUE(objects.generate.stop.empty());
  EXPECT_EQ(objects.generate.max_sequence, 64);
  ASSERT_TRUE(complete_request(text, model).ok());
  EXPECT_EQ(text.generate.sampling.temperature, 0.7);
  EXPECT_EQ(text.generate.stop, std::vector<std::string>{"x"});
}

}  // namespace
}  // namespace oc
