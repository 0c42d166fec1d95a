#include "api/openai/tools.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/openai/chat_request.h"

namespace oc {
namespace {

constexpr std::string_view kTools =
    R"("tools":[{"type":"function","function":{"name":"get_time","description":"d","strict":true,
        "parameters":{"type":"object","properties":{"zone":{"type":"string"}}}}},
        {"type":"custom","custom":{"name":"shell"}}])";

Result<ChatRequest> with(const std::string& fields) {
  return parse_chat_request(
      fmt::format(R"({{"messages":[{{"role":"user","content":"Hello"}}],{}}})", fields), {});
}
Result<ChatRequest> history(const std::string& messages) {
  return parse_chat_request(R"({"messages":[)" + messages + "]}", {});
}

// "user: a | b", a line a turn.
std::string turns(const Result<ChatRequest>& result) {
  if (!result.ok()) return "refused: " + result.error().describe();
  std::string out;
  for (const Message& message : result->generate.messages) {
    out += message.role == Role::kUser        ? "user:"
           : message.role == Role::kAssistant ? "assistant:"
                                              : "system:";
    std::string between = " ";
    for (const Part& part : message.parts) {
      const auto* text = std::get_if<TextPart>(&part);
      out += between + (text != nullptr ? text->text : "PICTURE");
      between = " | ";
    }
    out += "\n";
  }
  return out;
}

TEST(OpenaiTools, OfferedToolsAreNotCalled) {
  for (const char* choice :
       {"", R"(,"tool_choice":"auto")", R"(,"tool_choice":"none")", R"(,"tool_choice":null)",
        R"(,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}})",
        R"(,"parallel_tool_calls":false)"}) {
    const auto result = with(std::string(kTools) + choice);
    ASSERT_TRUE(result.ok()) << choice << result.error().describe();
    EXPECT_EQ(result->unused_tools, "tools") << choice;
    EXPECT_EQ(turns(result), "user: Hello\n");
  }
  const std::string functions = R"("functions":[{"name":"f","parameters":{}}])";
  EXPECT_EQ(with(functions)->unused_tools, "functions");
  EXPECT_EQ(with(functions + R"(,"function_call":"auto")")->unused_tools, "functions");
  EXPECT_EQ(with(functions + "," + std::string(kTools))->unused_tools, "tools and functions");
  EXPECT_EQ(with(R"("tools":[],"functions":[])")->unused_tools, "");
}

// "tool tool", whose call the answer has to be.
std::string called(const Result<ChatRequest>& result) {
  if (!result.ok()) return result.error().param + ": " + result.error().describe();
  if (!result->forced_call) return "nothing";
  std::string out;
  for (const std::string& tool : result->forced_call->tools) out += (out.empty() ? "" : " ") + tool;
  return out + (result->forced_call->older ? " (older)" : "");
}

TEST(OpenaiTools, AForcedCallIsMade) {
  const std::string more =
      R"("tools":[{"type":"function","function":{"name":"a"}},{"type":"custom","custom":{"name":"c"}},
          {"type":"function","function":{"name":"b","parameters":{}}}],"functions":[{"name":"f"}])";
  for (const auto& [choice, tools] : std::vector<std::pair<std::string, std::string>>{
           {R"("tool_choice":"required")", "a b"},
           {R"("tool_choice":{"type":"function","function":{"name":"b"}})", "b"},
           {R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required",
               "tools":[{"type":"function","function":{"name":"b"}}]}})",
            "b"},
           {R"("function_call":{"name":"f"})", "f (older)"},
           {R"("tool_choice":"required","function_call":{"name":"f"})", "a b"},
           {R"("tool_choice":"auto")", "nothing"},
       }) {
    const auto request = with(more + "," + choice);
    EXPECT_EQ(called(request), tools) << choice;
    ASSERT_TRUE(request.ok());
    EXPECT_EQ(request->generate.json_schema.has_value(), tools != "nothing");
    EXPECT_EQ(request->unused_tools.empty(), tools != "nothing");
  }
}

TEST(OpenaiTools, ACallInPlaceOfAnotherForm) {
  const auto beside = with(std::string(kTools) +
                           R"(,"tool_choice":"required","response_format":{"type":"json_object"})");
  EXPECT_EQ(called(beside), "get_time");
  EXPECT_EQ(beside->without_effect, std::vector<std::string>{"response_format"});
}

TEST(OpenaiTools, WhatCannotBeForced) {
  for (
      const auto& [fields, param] : std::vector<std::pair<std::string, std::string>>{
          {R"("tool_choice":{"type":"custom","custom":{"name":"shell"}})",
           "tool_choice.custom.name"},
          {R"("tool_choice":{"type":"function","function":{"name":"nope"}})",
           "tool_choice.function.name"},
          {R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required"}})",
           "tool_choice.allowed_tools.tools"},
          {R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[]}})",
           "tool_choice"},
          {R"("function_call":{"name":"get_time"})", "function_call.name"},
          {R"("tool_choice":"required","choices":["a","b"])", "tool_choice"},
      }) {
    const auto refused = with(std::string(kTools) + "," + fields);
    ASSERT_FALSE(refused.ok()) << fields;
    EXPECT_EQ(refused.error().param, param) << fields;
  }
  EXPECT_EQ(with(R"("tool_choice":"required")").error().param, "tool_choice");
}

TEST(OpenaiTools, ShapesAreChecked) {
  const std::string long_name(65, 'x');
  for (const auto& [fields, param] : std::vector<std::pair<std::string, std::string>>{
           {R"("tools":{})", "tools"},
           {R"("tools":[5])", "tools[0]"},
           {R"("tools":[{}])", "tools[0].type"},
           {R"("tools":[{"type":"web"}])", "tools[0].type"},
           {R"("tools":[{"type":"function"}])", "tools[0].function"},
           {R"("tools":[{"type":"function","function":"f"}])", "tools[0].function"},
           {R"("tools":[{"type":"function","function":{}}])", "tools[0].function.name"},
           {R"("tools":[{"type":"function","function":{"name":"a b"}}])", "tools[0].function.name"},
           {R"("tools":[{"type":"function","function":{"name":""}}])", "tools[0].function.name"},
           {R"("tools":[{"type":"function","function":{"name":")" + long_name + R"("}}])",
            "tools[0].function.name"},
           {R"("tools":[{"type":"function","function":{"name":"f","parameters":[]}}])",
            "tools[0].function.parameters"},
           {R"("tools":[{"type":"function","function":{"name":"f","strict":1}}])",
            "tools[0].function.strict"},
           {R"("tools":[{"type":"function","function":{"name":"f","description":1}}])",
            "tools[0].function.description"},
           {R"("tools":[{"type":"custom","custom":{}}])", "tools[0].custom.name"},
           {R"("functions":[{"parameters":{}}])", "functions[0].name"},
           {R"("functions":[{"name":"f","parameters":5}])", "functions[0].parameters"},
           {R"("tool_choice":"any")", "tool_choice"},
           {R"("tool_choice":5)", "tool_choice"},
           {R"("tool_choice":{})", "tool_choice.type"},
           {R"("tool_choice":{"type":"x"})", "tool_choice.type"},
           {R"("tool_choice":{"type":"function"})", "tool_choice.function"},
           {R"("tool_choice":{"type":"function","function":{}})", "tool_choice.function.name"},
           {R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"x"}})",
            "tool_choice.allowed_tools.mode"},
           {R"("function_call":"required")", "function_call"},
           {R"("function_call":{})", "function_call.name"},
           {R"("function_call":5)", "function_call"},
           {R"("parallel_tool_calls":"yes")", "parallel_tool_calls"},
       }) {
    const auto refused = with(fields);
    ASSERT_FALSE(refused.ok()) << fields;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument) << fields;
    EXPECT_EQ(refused.error().param, param) << fields;
  }
}

const std::string kCall = R"({"role":"assistant","content":null,"tool_calls":[{"id":"call_1",
    "type":"function","function":{"name":"get_time","arguments":"{\"zone\":\"UTC\"}"}}]})";

TEST(OpenaiTools, CallsAndResultsBecomePlainTurns) {
  EXPECT_EQ(turns(history(R"({"role":"user","content":"What time is it?"},)" + kCall +
                          R"(,{"role":"tool","tool_call_id":"call_1","content":"12:00"},
                             {"role":"assistant","content":"It is noon."},
                             {"role":"user","content":"Thanks."})")),
            "user: What time is it?\n"
            "assistant: I call the tool get_time with {\"zone\":\"UTC\"}\n"
            "user: The tool get_time returned: | 12:00\n"
            "assistant: It is noon.\n"
            "user: Thanks.\n");
}

TEST(OpenaiTools, ResultsAndTheQuestionBehindThemAreOneTurn) {
  EXPECT_EQ(
      turns(history(R"({"role":"user","content":"a"},{"role":"assistant","content":"Let me look.",
          "tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":""}},
                        {"id":"2","type":"custom","custom":{"name":"g","input":"ls"}}]},
          {"role":"tool","tool_call_id":"2","content":[{"type":"text","text":"two"}]},
          {"role":"tool","tool_call_id":"1","content":"one"},
          {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:;base64,Zm9v"}},
                                    {"type":"text","text":"b"}]},
          {"role":"user","content":"c"})")),
      "user: a\n"
      "assistant: Let me look. | I call the tool f | I call the tool g with ls\n"
      "user: The tool g returned: | two | The tool f returned: | one | PICTURE | b\n"
      "user: c\n");
  // A call whose result was lost, and the answer behind it.
  EXPECT_EQ(turns(history(kCall + R"(,{"role":"assistant","content":"Noon."},
                                     {"role":"user","content":"x"})")),
            "assistant: I call the tool get_time with {\"zone\":\"UTC\"} | Noon.\nuser: x\n");
}

TEST(OpenaiTools, ALongNameIsNotWrittenOutForEachResult) {
  const std::string call = R"({"role":"user","content":"?"},{"role":"assistant","tool_calls":[
      {"id":"a","type":"function","function":{"name":")" +
                           std::string(63, 'x') + "\u00e9" + std::string(100'000, 'y') + R"("}}]})";
  std::string results;
  for (int i = 0; i < 100; ++i) results += R"(,{"role":"tool","tool_call_id":"a","content":"1"})";
  const auto result = history(call + results);
  ASSERT_TRUE(result.ok()) << result.error().describe();
  EXPECT_LT(held_bytes(*result), 150'000u);
  const auto& heading = std::get<TextPart>(result->generate.messages[2].parts[0]);
  EXPECT_EQ(heading.text, "The tool " + std::string(63, 'x') + " returned:") << "in whole letters";
}

TEST(OpenaiTools, ResultsOfUnknownCallsAndOfFunctions) {
  EXPECT_EQ(turns(history(R"({"role":"tool","tool_call_id":"?","content":"x"})")),
            "user: A tool returned: | x\n");
  EXPECT_EQ(turns(history(R"({"role":"tool","content":"","name":"f"})")),
            "user: The tool f returned: | \n");
  EXPECT_EQ(turns(history(R"({"role":"assistant","content":"","function_call":
                              {"name":"f","arguments":"{}"}},
                             {"role":"function","name":"f","content":"x"})")),
            "assistant: I call the tool f with {}\nuser: The tool f returned: | x\n");
}

TEST(OpenaiTools, WhatTheAssistantRefusedIsItsTurn) {
  EXPECT_EQ(turns(history(R"({"role":"assistant","content":null,"refusal":"No."},
      {"role":"user","content":"x"},
      {"role":"assistant","content":[{"type":"refusal","refusal":"Never."}]},
      {"role":"user","content":"y"})")),
            "assistant: No.\nuser: x\nassistant: Never.\nuser: y\n");
}

TEST(OpenaiTools, HistoriesThatAreNot) {
  const std::string end = R"(,{"role":"user","content":"x"})";
  for (const auto& [message, param] : std::vector<std::pair<std::string, std::string>>{
           {R"({"role":"tool","tool_call_id":"1"})", "messages[0].content"},
           {R"({"role":"tool","tool_call_id":1,"content":"x"})", "messages[0].tool_call_id"},
           {R"({"role":"tool","name":1,"content":"x"})", "messages[0].name"},
           {R"({"role":"assistant","tool_calls":5})", "messages[0].tool_calls"},
           {R"({"role":"assistant","tool_calls":[5]})", "messages[0].tool_calls[0]"},
           {R"({"role":"assistant","tool_calls":[{}]})", "messages[0].tool_calls[0].function"},
           {R"({"role":"assistant","tool_calls":[{"type":"x"}]})",
            "messages[0].tool_calls[0].type"},
           {R"({"role":"assistant","tool_calls":[{"function":{}}]})",
            "messages[0].tool_calls[0].function.name"},
           {R"({"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{}}}]})",
            "messages[0].tool_calls[0].function.arguments"},
           {R"({"role":"assistant","function_call":"f"})", "messages[0].function_call"},
           {R"({"role":"user","content":"x","tool_calls":[{"function":{"name":"f"}}]})",
            "messages[0].role"}}) {
    const auto refused = history(message + end);
    ASSERT_FALSE(refused.ok()) << message;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument) << message;
    EXPECT_EQ(refused.error().param, param) << message;
  }
  EXPECT_EQ(history(kCall).error().param, "messages[0]");  // nobody is asked to answer
}

TEST(OpenaiTools, CallsCountAsParts) {
  ChatLimits limits;
  limits.max_parts = 3;
  std::string calls = R"({"role":"assistant","tool_calls":[)";
  for (int i = 0; i < 4; ++i)
    calls += std::string(i == 0 ? "" : ",") + R"({"function":{"name":"f","arguments":""}})";
  const auto refused = parse_chat_request(
      R"({"messages":[)" + calls + R"(]},{"role":"user","content":"x"}]})", limits);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("more than 3 content parts"), std::string::npos);
}

}  // namespace
}  // namespace oc
