#include "api/openai/guidance.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/openai/chat_request.h"

namespace oc {
namespace {

using Names = std::vector<std::string>;

Result<ChatRequest> with(std::string_view fields) {
  return parse_chat_request(
      fmt::format(R"({{"messages":[{{"role":"user","content":"Hello"}}],{}}})", fields), {});
}

constexpr std::string_view kSchema =
    R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false})";

std::string usual_schema() {
  return *with(fmt::format(R"("response_format":{{"type":"json_schema","json_schema":
                                {{"name":"x","schema":{}}}}})",
                           kSchema))
              ->generate.json_schema;
}

TEST(Guidance, ASchemaIsTheSameByEveryName) {
  const std::string usual = usual_schema();
  for (const std::string& fields :
       {fmt::format(R"("guided_json":{})", kSchema),
        fmt::format(R"("structured_outputs":{{"json":{},"regex":null}})", kSchema),
        fmt::format(R"("response_format":{{"type":"json_object","schema":{}}})", kSchema),
        std::string(
            R"("guided_json":"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},)"
            R"(\"required\":[\"a\"],\"additionalProperties\":false}")")}) {
    const auto result = with(fields);
    ASSERT_TRUE(result.ok()) << fields << result.error().describe();
    EXPECT_EQ(result->generate.json_schema, usual) << fields;
    EXPECT_EQ(result->without_effect, Names{}) << fields;
  }
  EXPECT_EQ(with(R"("structured_outputs":{"json_object":true})")->generate.json_schema, "");
  EXPECT_EQ(with(R"("structured_outputs":{})")->generate.json_schema, std::nullopt);
}

TEST(Guidance, TheLikeliestChoice) {
  for (const char* fields :
       {R"("guided_choice":["yes","no"])", R"("structured_outputs":{"choice":["yes","no"]})"}) {
    const auto result = with(fields);
    ASSERT_TRUE(result.ok()) << fields << result.error().describe();
    EXPECT_EQ(result->generate.choices, (Names{"yes", "no"})) << fields;
    EXPECT_EQ(result->without_effect, Names{}) << fields;
  }
  const auto drawn = with(
      R"("guided_choice":["yes"],"temperature":0.7,"stop":["."],"max_tokens":5,"repeat_penalty":1.1)");
  ASSERT_TRUE(drawn.ok());
  EXPECT_EQ(drawn->without_effect, (Names{"temperature", "repeat_penalty", "stop", "max_tokens"}));
  EXPECT_EQ(drawn->sampling.temperature, std::nullopt);
  EXPECT_TRUE(drawn->generate.stop.empty());
  EXPECT_EQ(drawn->generate.max_tokens, std::nullopt);
}

TEST(Guidance, WhatIsWrongIsNamed) {
  for (const auto& [fields, param] :
       {std::pair{R"("guided_json":"{")", "guided_json"},
        std::pair{R"("guided_json":5)", "guided_json"},
        std::pair{R"("guided_json":{"type":"object","not":{}})", "guided_json.not"},
        std::pair{R"("guided_choice":[])", "guided_choice"},
        std::pair{R"("guided_choice":["a",5])", "guided_choice[1]"},
        std::pair{R"("guided_choice":["a",""])", "guided_choice[1]"},
        std::pair{R"("structured_outputs":{"choice":["a",5]})", "structured_outputs.choice[1]"},
        std::pair{R"("structured_outputs":{"regex":"a+"})", "structured_outputs.regex"},
        std::pair{R"("structured_outputs":{"odd":1})", "structured_outputs.odd"},
        std::pair{R"("structured_outputs":{"json":{},"choice":["a"]})",
                  "structured_outputs.choice"},
        std::pair{R"("guided_choice":["a"],"choices":["a"])", "choices"},
        std::pair{R"("guided_json":{},"response_format":{"type":"json_object"})", "guided_json"},
        std::pair{R"("response_format":{"type":"text","schema":{}})", "response_format.schema"}}) {
    const auto result = with(fields);
    ASSERT_FALSE(result.ok()) << fields;
    EXPECT_EQ(result.error().param, param) << fields << result.error().describe();
  }
}

}  // namespace
}  // namespace oc
