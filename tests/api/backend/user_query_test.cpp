#include "api/backend/user_query.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(UserQuery, ItsWordsAreNotKept) {
  const auto query = parse_user_query(R"({"query_id":"a","query":"what?"})");
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->id, "a");
  EXPECT_EQ(query->bytes, 5u);
  EXPECT_EQ(query_logged_json(*query), R"({"status":"logged","query_id":"a"})");
}

TEST(UserQuery, WhatIsWrongIsSaid) {
  const std::string id(129, 'x');
  for (const std::string& body :
       {std::string("{"), std::string("[]"), std::string(R"({"query_id":1,"query":"b"})"),
        R"({"query_id":")" + id + R"(","query":"b"})"}) {
    const auto query = parse_user_query(body);
    ASSERT_FALSE(query.ok()) << body;
    EXPECT_EQ(
        query_refused_json(query.error()),
        R"({"status":"error","message":"\"query_id\", of at most 128 bytes, and \"query\" must be strings"})");
  }
  const auto long_one = parse_user_query(std::string(65537, ' '));
  ASSERT_FALSE(long_one.ok());
  EXPECT_EQ(long_one.error().message, "the body is longer than 65536 bytes");
}

}  // namespace
}  // namespace oc
