#include "api/openai/error_body.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace oc {
namespace {

TEST(OpenAiErrors, BodyIsOpenAisObject) {
  const ApiError error = to_api_error(
      {ErrorCode::kInvalidArgument, "no \"x\"\n", "do y", "messages[0]"}, Stage::kRequest);
  const auto body = boost::json::parse(openai_error_body(error)).as_object();
  ASSERT_EQ(body.size(), 1u);
  const auto& inner = body.at("error").as_object();
  ASSERT_EQ(inner.size(), 4u);
  EXPECT_EQ(inner.at("message").as_string(), "no \"x\"\n (do y)");
  EXPECT_EQ(inner.at("type").as_string(), "invalid_request_error");
  EXPECT_EQ(inner.at("param").as_string(), "messages[0]");
  EXPECT_EQ(inner.at("code").as_string(), "invalid_value");
  const auto plain = boost::json::parse(openai_error_body(refuse(Refusal::kWrongKey, "no")));
  EXPECT_TRUE(plain.at("error").at("param").is_null());
}

}  // namespace
}  // namespace oc
