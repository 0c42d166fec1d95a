#include "api/answer_length.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <limits>
#include <string>
#include <vector>

namespace oc {
namespace {

using Names = std::vector<std::string>;

constexpr RequestField kFirst =
    field_rows::within("first", FieldType::kInteger, -1, 9007199254740991, "");
constexpr RequestField kSecond =
    field_rows::within("second", FieldType::kInteger, 1, 9007199254740991, "");

Result<std::optional<int>> length(std::string_view text, Names& told) {
  const boost::json::value value = boost::json::parse(text);
  FieldNames names;
  return answer_length(JsonFields(value.get_object(), ""), {&kFirst, &kSecond}, NoEffect(told),
                       names);
}

TEST(AnswerLength, WhatIsAskedFor) {
  for (const auto& [text, wanted] :
       {std::pair<const char*, std::optional<int>>{"{}", std::nullopt},
        {R"({"first":null})", std::nullopt},
        {R"({"first":0})", 0},
        {R"({"first":7.0})", 7},
        {R"({"second":7})", 7},
        {R"({"first":7,"second":7})", 7},
        {R"({"first":2147483648})", std::numeric_limits<int>::max()}}) {
    Names told;
    const auto found = length(text, told);
    ASSERT_TRUE(found.ok()) << text;
    EXPECT_EQ(*found, wanted) << text;
    EXPECT_EQ(told, Names{}) << text;
  }
}

TEST(AnswerLength, MinusOneIsNoLimitWhereItsRowHasIt) {
  Names told;
  EXPECT_EQ(*length(R"({"first":-1,"second":3})", told), 3);
  EXPECT_EQ(told, Names{"first"});
  EXPECT_EQ(length(R"({"second":-1})", told).error().param, "second");
}

TEST(AnswerLength, WhatIsWrong) {
  Names told;
  EXPECT_EQ(length(R"({"first":3,"second":4})", told).error().param, "second");
  for (const char* text : {R"({"first":-2})", R"({"first":"5"})", R"({"first":1.5})",
                           R"({"first":9007199254740992})", R"({"first":true})"})
    EXPECT_EQ(length(text, told).error().param, "first") << text;
}

TEST(AnswerLength, IsToldByTheNameThatCounts) {
  for (const auto& [text, name] : {std::pair<const char*, const char*>{"{}", "first"},
                                   {R"({"first":7,"second":7})", "first"},
                                   {R"({"second":7})", "second"},
                                   {R"({"first":-1,"second":7})", "second"},
                                   {R"({"first":-1})", "first"}}) {
    const boost::json::value value = boost::json::parse(text);
    Names told;
    FieldNames names;
    ASSERT_TRUE(answer_length(JsonFields(value.get_object(), ""), {&kFirst, &kSecond},
                              NoEffect(told), names)
                    .ok());
    EXPECT_EQ(names.of("max_tokens"), name) << text;
  }
}

}  // namespace
}  // namespace oc
