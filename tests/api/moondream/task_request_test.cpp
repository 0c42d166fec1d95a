#include "api/moondream/task_request.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/memory_budget.h"

namespace oc {
namespace {

constexpr std::string_view kPicture = R"("image_url":"data:image/png;base64,iVBORw0KGgo=")";

Result<ChatRequest> parse(MoondreamRoute route, std::string_view more) {
  return parse_task_request(route,
                            fmt::format("{{{}{}{}}}", kPicture, more.empty() ? "" : ",", more), {});
}

template <class Kind>
Kind task_of(const Result<ChatRequest>& request) {
  EXPECT_TRUE(request.ok()) << request.error().describe();
  return std::get<Kind>(request->generate.task.value());
}

TEST(TaskRequest, AQuestion) {
  const auto request = parse(MoondreamRoute::kQuery,
                             R"("question":"What?","stream":true,"model":"m","reasoning":false)");
  EXPECT_EQ(task_of<QueryTask>(request).question, "What?");
  EXPECT_TRUE(request->stream);
  EXPECT_EQ(request->model, "m");
  ASSERT_EQ(request->images.size(), 1u);
  EXPECT_EQ(request->images[0].bytes.size(), 8u);
  EXPECT_EQ(request->images[0].param, "image_url");
  EXPECT_TRUE(request->generate.messages.empty());
  EXPECT_TRUE(request->without_effect.empty());
}

TEST(TaskRequest, ACaption) {
  const auto length = [](std::string_view more) {
    return task_of<CaptionTask>(parse(MoondreamRoute::kCaption, more)).length;
  };
  EXPECT_EQ(length(""), CaptionLength::kNormal);
  EXPECT_EQ(length(R"("length":"short")"), CaptionLength::kShort);
  EXPECT_EQ(length(R"("length":"long","stream":null)"), CaptionLength::kLong);
}

TEST(TaskRequest, Objects) {
  const auto boxes = task_of<DetectTask>(parse(MoondreamRoute::kDetect, R"("object":"cat")"));
  EXPECT_EQ(boxes.object, "cat");
  EXPECT_EQ(boxes.max_objects, kMaxObjects);
  const auto points = task_of<PointTask>(
      parse(MoondreamRoute::kPoint, R"("object":"a dog","settings":{"max_objects":3})"));
  EXPECT_EQ(points.object, "a dog");
  EXPECT_EQ(points.max_objects, 3);
}

TEST(TaskRequest, Settings) {
  const auto request =
      parse(MoondreamRoute::kCaption,
            R"("settings":{"temperature":0.5,"top_p":0,"max_tokens":7,"max_objects":9})");
  ASSERT_TRUE(request.ok()) << request.error().describe();
  EXPECT_EQ(request->sampling.temperature, 0.5);
  EXPECT_GT(request->sampling.top_p, 0) << "the likeliest token alone";
  EXPECT_EQ(request->generate.max_tokens, 7);
  EXPECT_EQ(warning_of(*request), "without effect here: settings.max_objects");
}

TEST(TaskRequest, WhatIsMissingIsNamed) {
  const auto error = [](MoondreamRoute route, std::string_view body) {
    const auto request = parse_task_request(route, body, {});
    EXPECT_FALSE(request.ok()) << body;
    return request.ok() ? Error{} : request.error();
  };
  EXPECT_EQ(error(MoondreamRoute::kQuery, R"({"question":"What?"})").param, "image_url");
  EXPECT_EQ(error(MoondreamRoute::kCaption, "{}").message, "\"image_url\" is missing");
  EXPECT_EQ(error(MoondreamRoute::kQuery, fmt::format("{{{}}}", kPicture)).param, "question");
  EXPECT_EQ(error(MoondreamRoute::kPoint, fmt::format("{{{}}}", kPicture)).param, "object");
  EXPECT_EQ(error(MoondreamRoute::kQuery, "[]").message,
            "\"body\" must be a JSON object, found an array");
}

TEST(TaskRequest, UnknownFieldsAreRefusedWithTheNearestName) {
  const auto request = parse(MoondreamRoute::kDetect, R"("object":"x","objct":"y")");
  ASSERT_FALSE(request.ok());
  EXPECT_EQ(request.error().param, "objct");
  EXPECT_EQ(request.error().hint, "did you mean \"object\"?");
  const auto setting = parse(MoondreamRoute::kCaption, R"("settings":{"maxTokens":7})");
  ASSERT_FALSE(setting.ok());
  EXPECT_EQ(setting.error().param, "settings.maxTokens");
  EXPECT_FALSE(parse(MoondreamRoute::kDetect, R"("object":"x","question":"y")").ok());
}

TEST(TaskRequest, PicturesAreDataUris) {
  for (const char* uri : {"https://example.com/a.png", "a.png", "", "data:image/png;base64,!"}) {
    const auto request = parse_task_request(MoondreamRoute::kCaption,
                                            fmt::format(R"({{"image_url":"{}"}})", uri), {});
    ASSERT_FALSE(request.ok()) << uri;
    EXPECT_EQ(request.error().param, "image_url") << uri;
  }
  ChatLimits limits;
  limits.max_image_bytes = 7;
  const auto large =
      parse_task_request(MoondreamRoute::kCaption, fmt::format("{{{}}}", kPicture), limits);
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().code, ErrorCode::kTooLarge);
}

TEST(TaskRequest, TheMemoryIsThatOfTheTextAndThePicture) {
  Reservation memory(std::make_shared<MemoryBudget>(1u << 20), "id");
  std::string body = fmt::format(R"({{{},"question":"What?"}})", kPicture);
  ASSERT_TRUE(memory.grow_to(body.size()));
  const auto request = parse_task_request(MoondreamRoute::kQuery, std::move(body), {}, memory);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(memory.bytes(), held_bytes(*request));
  EXPECT_EQ(memory.bytes(), 5 + request->images[0].bytes.capacity());
}

}  // namespace
}  // namespace oc
