#include "api/openai/call_response.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

namespace oc {
namespace {

namespace json = boost::json;

const ForcedCall kTwo{{"get_time", "look"}};
const std::string kText = R"({"name": "look", "arguments": {"at": "the \"sky\""}})";
const std::string kArguments = R"({"at": "the \"sky\""})";

Answer answered(std::string text, FinishReason reason = FinishReason::kStop) {
  Answer out;
  out.text = std::move(text);
  out.finish_reason = reason;
  if (reason == FinishReason::kLength) out.stop_cause = StopCause::kMaxTokens;
  return out;
}

json::value fields(const ForcedCall& call, const Answer& answer, std::size_t choice = 0) {
  return json::parse("{" + CallWriter(call, "chatcmpl-abc", choice).message_fields(answer) + "}");
}

TEST(CallWriter, AWholeMessage) {
  const json::value message = fields(kTwo, answered(kText));
  EXPECT_TRUE(message.at("content").is_null());
  const json::value& call = message.at("tool_calls").at(0);
  EXPECT_EQ(call.at("id"), "call_abc");
  EXPECT_EQ(call.at("type"), "function");
  EXPECT_EQ(call.at("function").at("name"), "look");
  EXPECT_EQ(call.at("function").at("arguments"), json::string(kArguments));
  EXPECT_EQ(fields(kTwo, answered(kText), 2).at("tool_calls").at(0).at("id"), "call_abc_2");
}

TEST(CallWriter, TheOlderForm) {
  const ForcedCall older{{"look"}, true};
  const json::value message = fields(older, answered(kArguments));
  EXPECT_EQ(message.at("function_call").at("name"), "look");
  EXPECT_EQ(message.at("function_call").at("arguments"), json::string(kArguments));
  EXPECT_FALSE(message.as_object().contains("tool_calls"));
  EXPECT_EQ(call_finish_reason(older, answered(kArguments)), "function_call");
}

TEST(CallWriter, AStreamAddsUpToTheWhole) {
  for (const bool older : {false, true}) {
    ForcedCall call = kTwo;
    call.older = older;
    CallWriter writer(call, "chatcmpl-abc", 0);
    std::string name, id, arguments;
    int deltas = 0;
    for (const char c : kText) {
      const std::string delta = writer.delta(std::string(1, c));
      if (delta.empty()) continue;
      const json::value value = json::parse(delta);
      const json::value& one =
          older ? value.at("function_call") : value.at("tool_calls").at(0).at("function");
      if (++deltas == 1) {
        name = one.at("name").as_string();
        if (!older) id = value.at("tool_calls").at(0).at("id").as_string();
      } else {
        EXPECT_FALSE(one.as_object().contains("name"));
      }
      arguments += one.at("arguments").as_string();
    }
    EXPECT_EQ(name, "look");
    EXPECT_EQ(id, older ? "" : "call_abc");
    EXPECT_EQ(arguments, kArguments);
    EXPECT_GT(deltas, 10) << "bit by bit";
  }
}

TEST(CallWriter, WhatIsCutOff) {
  const Answer in_name = answered(R"({"name": "lo)", FinishReason::kLength);
  EXPECT_TRUE(fields(kTwo, in_name).at("content").is_null());
  EXPECT_FALSE(fields(kTwo, in_name).as_object().contains("tool_calls"));
  EXPECT_EQ(call_finish_reason(kTwo, in_name), "length");
  const Answer in_arguments =
      answered(R"({"name": "look", "arguments": {"a)", FinishReason::kLength);
  EXPECT_EQ(fields(kTwo, in_arguments).at("tool_calls").at(0).at("function").at("arguments"),
            R"({"a)");
  EXPECT_EQ(call_finish_reason(kTwo, in_arguments), "length");
  EXPECT_EQ(call_finish_reason(kTwo, answered(kText)), "tool_calls");
}

}  // namespace
}  // namespace oc
