#include "api/errors.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <set>

namespace oc {
namespace {

TEST(Errors, EveryCodeHasItsStatus) {
  const auto status = [](ErrorCode code, Stage stage) {
    return to_api_error({code, "text"}, stage).status;
  };
  EXPECT_EQ(status(ErrorCode::kInvalidArgument, Stage::kRequest), 400);
  EXPECT_EQ(status(ErrorCode::kUnsupported, Stage::kRequest), 400);
  EXPECT_EQ(status(ErrorCode::kUnsupported, Stage::kImage), 415);
  EXPECT_EQ(status(ErrorCode::kCorrupt, Stage::kImage), 400);
  EXPECT_EQ(status(ErrorCode::kTooLarge, Stage::kRequest), 413);
  EXPECT_EQ(status(ErrorCode::kTooLarge, Stage::kImage), 413);
  EXPECT_EQ(status(ErrorCode::kNotFound, Stage::kRequest), 404);
  EXPECT_EQ(status(ErrorCode::kContextLength, Stage::kAnswer), 400);
  EXPECT_EQ(status(ErrorCode::kUnauthenticated, Stage::kRequest), 401);
  EXPECT_EQ(status(ErrorCode::kQueueFull, Stage::kAnswer), 429);
  EXPECT_EQ(status(ErrorCode::kMemoryFull, Stage::kRequest), 429);
  EXPECT_EQ(status(ErrorCode::kUnavailable, Stage::kAnswer), 503);
  EXPECT_EQ(status(ErrorCode::kDeadline, Stage::kAnswer), 504);
  EXPECT_EQ(status(ErrorCode::kCancelled, Stage::kAnswer), 499);
  EXPECT_EQ(status(ErrorCode::kSuperseded, Stage::kAnswer), 410);
  EXPECT_EQ(status(ErrorCode::kInternal, Stage::kAnswer), 500);
}

TEST(Errors, WhatAHubDoesIsNotTheClientsFault) {
  const auto code = [](ErrorCode error) {
    const ApiError told = to_api_error({error, "text"}, Stage::kPull);
    return std::to_string(told.status) + " " + told.code;
  };
  EXPECT_EQ(code(ErrorCode::kUnauthenticated), "403 hub_refused") << "no wrong API key";
  EXPECT_EQ(code(ErrorCode::kCorrupt), "502 bad_hub");
  EXPECT_EQ(code(ErrorCode::kTooLarge), "502 bad_hub");
  EXPECT_EQ(code(ErrorCode::kNotFound), "404 model_not_found");
  EXPECT_EQ(code(ErrorCode::kInvalidArgument), "400 invalid_value");
  EXPECT_EQ(code(ErrorCode::kUnavailable), "503 unavailable");
  EXPECT_EQ(code(ErrorCode::kCancelled), "499 cancelled");
}

TEST(Errors, APictureThatIsNotToBeHadHasItsOwnCode) {
  const auto code = [](ErrorCode error) {
    const ApiError told = to_api_error({error, "text"}, Stage::kFetch);
    return std::to_string(told.status) + " " + told.code;
  };
  EXPECT_EQ(code(ErrorCode::kInvalidArgument), "400 image_not_fetched");
  EXPECT_EQ(code(ErrorCode::kTooLarge), "413 image_too_large");
  EXPECT_EQ(code(ErrorCode::kMemoryFull), "429 memory_full");
  EXPECT_EQ(code(ErrorCode::kUnavailable), "503 unavailable");
}

TEST(Errors, ASupersededFrameIsNotToComeAgain) {
  EXPECT_TRUE(to_api_error({ErrorCode::kSuperseded, ""}, Stage::kAnswer).final);
  EXPECT_FALSE(to_api_error({ErrorCode::kQueueFull, ""}, Stage::kAnswer).final);
}

TEST(Errors, WhoMayComeBackIsToldWhen) {
  EXPECT_GT(to_api_error({ErrorCode::kQueueFull, ""}, Stage::kAnswer).retry_after_s, 0);
  EXPECT_GT(to_api_error({ErrorCode::kUnavailable, ""}, Stage::kAnswer).retry_after_s, 0);
  EXPECT_GT(refuse(Refusal::kNotReady, "").retry_after_s, 0);
  EXPECT_EQ(to_api_error({ErrorCode::kInvalidArgument, ""}, Stage::kRequest).retry_after_s, 0);
}

TEST(Errors, InternalErrorsKeepTheirTextToThemselves) {
  const ApiError error =
      to_api_error({ErrorCode::kInternal, "/home/user/model: 0x7ffe12345678"}, Stage::kAnswer);
  EXPECT_EQ(error.message.find("0x"), std::string::npos);
  EXPECT_EQ(error.message.find('/'), std::string::npos);
}

TEST(Errors, RefusalsHaveDifferentCodes) {
  std::set<std::string> codes;
  // clang-format off
  for (const Refusal refusal : {
      Refusal::kMalformed, Refusal::kMissingKey, Refusal::kWrongKey, Refusal::kHostNotAllowed,
      Refusal::kOriginNotAllowed, Refusal::kNotAdmin, Refusal::kNotWritten, Refusal::kNoSuchRoute,
      Refusal::kMethodNotAllowed, Refusal::kTimeout, Refusal::kLengthRequired,
      Refusal::kBodyTooLarge, Refusal::kNotJson, Refusal::kExpectationFailed, Refusal::kBusy,
      Refusal::kHeaderTooLarge, Refusal::kInternal, Refusal::kNotReady,
      Refusal::kTooManyConnections, Refusal::kShuttingDown, Refusal::kVersionNotSupported}) {
    // clang-format on
    const ApiError error = refuse(refusal, "text");
    EXPECT_GE(error.status, 400);
    EXPECT_TRUE(codes.insert(error.code).second) << error.code;
  }
}

}  // namespace
}  // namespace oc
