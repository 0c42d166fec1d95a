#include "io/json_elements.h"

#include <gtest/gtest.h>

#include <vector>

#include "io/json_text.h"

namespace oc {
namespace {

struct Read {
  std::vector<std::string> elements;
  std::string others, error;
};
Read read(std::string_view text) {
  Read out;
  const auto done = for_each_element(text, "set.json", "rows",
                                     [&](const boost::json::value& element) -> Result<void> {
                                       out.elements.push_back(json_text(element));
                                       return {};
                                     });
  if (done.ok())
    out.others = json_text(*done);
  else
    out.error = done.error().message;
  return out;
}

TEST(JsonElements, OneAfterTheOtherAndWhatStandsBesideThem) {
  const Read read_rows = read(
      R"({"year" : 2014, "info": {"a": "]}", "b": [1, "\"]"]}, "rows": [ {"q": "a, \"b\" ]"} , [1,[2]], "x",
      7 ,null] , "part": "val\\"} )");
  EXPECT_EQ(read_rows.error, "");
  EXPECT_EQ(read_rows.elements,
            (std::vector<std::string>{R"({"q":"a, \"b\" ]"})", "[1,[2]]", "\"x\"", "7", "null"}));
  EXPECT_EQ(read_rows.others, R"({"year":2014,"info":{"a":"]}","b":[1,"\"]"]},"part":"val\\"})");
}

TEST(JsonElements, AnEmptyList) {
  const Read none = read(R"({"rows": [ ]})");
  EXPECT_EQ(none.error, "");
  EXPECT_TRUE(none.elements.empty());
}

TEST(JsonElements, ALargeMemberIsPassedOver) {
  const Read one =
      read(R"({"licence": ")" + std::string(100'000, 'x') + R"(", "rows": [1], "a": 2})");
  EXPECT_EQ(one.elements, std::vector<std::string>{"1"});
  EXPECT_EQ(one.others, R"({"a":2})");
}

TEST(JsonElements, WhatIsWrongIsToldWithTheFilesName) {
  for (const std::string_view text :
       {"", "[]", "{", R"({"rows")", R"({"rows":)", R"({"rows": 7})", R"({"rows": [})",
        R"({"rows": [1 2]})", R"({"rows": [1,]})", R"({"rows": [1]], "a": 2})", R"({"rows": [1)",
        R"({"rows": ["a)", R"({7: 1})", R"({"a": 1, "rows": [{"a"}]})"}) {
    const Read wrong = read(text);
    EXPECT_NE(wrong.error.find("set.json"), std::string::npos) << text;
  }
  EXPECT_EQ(read(R"({"other": []})").error, R"(set.json: "rows" is missing)");
}

TEST(JsonElements, AnErrorOfTheCallersEndsIt) {
  int seen = 0;
  const auto done = for_each_element(R"({"rows": [1, 2, 3]})", "set.json", "rows",
                                     [&](const boost::json::value&) -> Result<void> {
                                       ++seen;
                                       return Error{ErrorCode::kInvalidArgument, "enough"};
                                     });
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().message, "enough");
  EXPECT_EQ(seen, 1);
}

TEST(JsonMembers, AsTheyStandInTheText) {
  const auto members =
      json_members(R"( {"a": 12345678901234567890123, "b\u0063": {"d": ["}"]} , "a":2})", "it");
  ASSERT_TRUE(members.ok()) << members.error().describe();
  ASSERT_EQ(members->size(), 3u);
  EXPECT_EQ((*members)[0].key, "a");
  EXPECT_EQ((*members)[0].value, "12345678901234567890123");
  EXPECT_EQ((*members)[1].key, "bc");
  EXPECT_EQ(compact_json((*members)[1].value), R"({"d":["}"]})");
  EXPECT_EQ((*members)[2].value, "2");
  EXPECT_TRUE(json_members("{}", "it")->empty());
  for (const std::string_view wrong : {"", "[]", "{\"a\"}", "{\"a\": 1", "{1: 2}"})
    EXPECT_FALSE(json_members(wrong, "it").ok()) << wrong;
}

}  // namespace
}  // namespace oc
