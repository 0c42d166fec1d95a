#include "api/anthropic/messages_request.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace oc {
namespace {

const std::string kHello = R"("messages":[{"role":"user","content":"Hello"}])";
const std::string kPicture =
    R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":"Zm9v"}})";

Result<ChatRequest> with(const std::string& fields) {
  return parse_messages_request(fmt::format("{{\"max_tokens\":50,{},{}}}", kHello, fields), {});
}
Result<ChatRequest> of(const std::string& messages, const std::string& more = "") {
  return parse_messages_request(R"({"messages":[)" + messages + "]" + more + "}", {});
}

// "user: a | b", a line a turn.
std::string turns(const Result<ChatRequest>& result) {
  if (!result.ok()) return result.error().param + ": " + result.error().describe();
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

TEST(AnthropicRequest, TextPicturesAndSystem) {
  const auto request = of(
      R"({"role":"user","content":[)" + kPicture + R"(,{"type":"text","text":"What?",
            "cache_control":{"type":"ephemeral"}}]},{"role":"assistant","content":"A dog."},
            {"role":"user","content":"Whose?"})",
      R"(,"system":[{"type":"text","text":"Be kind."}],"model":"m","max_tokens":9,"stream":true)");
  EXPECT_EQ(turns(request),
            "system: Be kind.\nuser: PICTURE | What?\nassistant: A dog.\nuser: Whose?\n");
  EXPECT_EQ(request->model, "m");
  EXPECT_EQ(request->generate.max_tokens, 9);
  EXPECT_TRUE(request->stream);
  ASSERT_EQ(request->images.size(), 1u);
  EXPECT_EQ(request->images[0].bytes.size(), 3u);
  EXPECT_EQ(request->images[0].param, "messages[0].content[0].source.data");
  EXPECT_EQ(request->without_effect,
            std::vector<std::string>{"messages[].content[].cache_control"});
  EXPECT_EQ(turns(with(R"("system":"Short.")")), "system: Short.\nuser: Hello\n");
  EXPECT_EQ(turns(with(R"("system":"")")), "user: Hello\n");
  EXPECT_EQ(turns(of(R"({"role":"user","content":"a"},{"role":"system","content":"b"})")),
            "user: a\nsystem: b\n");
}

TEST(AnthropicRequest, PicturesByAddress) {
  const auto image = [](const std::string& url) {
    return of(R"({"role":"user","content":[{"type":"image","source":{"type":"url","url":")" + url +
              R"("}}]})");
  };
  EXPECT_EQ(turns(image("data:image/png;base64,Zm9v")), "user: PICTURE\n");
  EXPECT_EQ(image("https://example.org/a.png").error().param, "messages[0].content[0].source.url");
}

TEST(AnthropicRequest, HowItIsDrawn) {
  const auto request =
      with(R"("temperature":0.5,"top_p":0.25,"top_k":5,"stop_sequences":["a","","b"])");
  ASSERT_TRUE(request.ok()) << request.error().describe();
  EXPECT_EQ(request->sampling.temperature, 0.5);
  EXPECT_EQ(request->sampling.top_p, 0.25);
  EXPECT_EQ(request->sampling.top_k, 5);
  EXPECT_EQ(request->generate.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request->without_effect, std::vector<std::string>{"stop_sequences"});
}

TEST(AnthropicRequest, MoreThanTheContextIsTakenAndMadeLessLater) {
  const ChatLimits limits{.context_length = 100};
  const auto with_length = [&](int tokens) {
    return parse_messages_request(fmt::format("{{{},\"max_tokens\":{}}}", kHello, tokens), limits);
  };
  EXPECT_EQ(with_length(100)->generate.max_tokens, 100);
  EXPECT_TRUE(with_length(100)->without_effect.empty());
  EXPECT_EQ(with_length(64000)->generate.max_tokens, 64000);
}

TEST(AnthropicRequest, CallsAndResultsBecomePlainTurns) {
  EXPECT_EQ(turns(of(R"({"role":"user","content":"Time?"},
          {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"x"},
             {"type":"text","text":"Let me look."},
             {"type":"tool_use","id":"t1","name":"get_time","input":{"zone":"UTC"}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"12:00"},
             {"type":"tool_result","tool_use_id":"t2","content":[{"type":"text","text":"b"},)" +
                     kPicture + R"(]},{"type":"text","text":"So?"}]})")),
            "user: Time?\n"
            "assistant: Let me look. | I call the tool get_time with {\"zone\":\"UTC\"}\n"
            "user: The tool get_time returned: | 12:00 | A tool returned: | b | PICTURE | So?\n");
}

TEST(AnthropicRequest, Tools) {
  const std::string tools =
      R"("tools":[{"name":"get_time","input_schema":{"type":"object","properties":
          {"zone":{"type":"string"}}}},{"name":"look","description":"Looks."}])";
  EXPECT_EQ(with(tools)->unused_tools, "tools");
  EXPECT_EQ(with(tools + R"(,"tool_choice":{"type":"auto"})")->unused_tools, "tools");
  const auto any =
      with(tools + R"(,"tool_choice":{"type":"any","disable_parallel_tool_use":true})");
  ASSERT_TRUE(any.ok()) << any.error().describe();
  EXPECT_EQ(any->forced_call->tools, (std::vector<std::string>{"get_time", "look"}));
  const auto one = with(tools + R"(,"tool_choice":{"type":"tool","name":"look"})");
  ASSERT_TRUE(one.ok()) << one.error().describe();
  EXPECT_EQ(one->forced_call->tools, std::vector<std::string>{"look"});
}

TEST(AnthropicRequest, ASchema) {
  for (const char* where :
       {R"("output_config":{"effort":"low","format":)", R"("output_format":)"}) {
    std::string text = where + std::string(R"({"type":"json_schema","schema":{"enum":[1]}})");
    if (text.starts_with(R"("output_config)")) text += "}";
    const auto request = with(text);
    ASSERT_TRUE(request.ok()) << request.error().describe();
    EXPECT_EQ(*request->generate.json_schema, R"({"enum":[1]})");
  }
}

TEST(AnthropicRequest, LengthsAreThoseOfOtherDialects) {
  const auto length = [](std::string_view tokens) {
    return parse_messages_request(fmt::format("{{{},\"max_tokens\":{}}}", kHello, tokens), {});
  };
  EXPECT_EQ(length("0")->generate.max_tokens, 0);  // theirs fill a cache so
  EXPECT_EQ(length("100.0")->generate.max_tokens, 100);
  EXPECT_EQ(length("null")->generate.max_tokens, std::nullopt);
  EXPECT_EQ(length("-1")->generate.max_tokens, std::nullopt);
  EXPECT_EQ(length("-1")->without_effect, std::vector<std::string>{"max_tokens"});
  EXPECT_EQ(length("1000000000000")->generate.max_tokens, std::numeric_limits<int>::max());
}

TEST(AnthropicRequest, ADataUrlAsTheData) {
  const auto request = parse_messages_request(R"({"messages":[{"role":"user","content":[
      {"type":"image","source":{"type":"base64","data":"data:image/png;base64,AAAA"}}]}]})",
                                              {});
  ASSERT_TRUE(request.ok()) << request.error().describe();
  EXPECT_EQ(request->images.at(0).bytes.size(), 3u);
}

TEST(AnthropicRequest, WithoutEffect) {
  const auto request = with(R"("metadata":{"user_id":"u"},"service_tier":"standard_only",
      "thinking":{"type":"enabled","budget_tokens":1024},"mcp_servers":[])");
  ASSERT_TRUE(request.ok()) << request.error().describe();
  EXPECT_EQ(request->without_effect,
            (std::vector<std::string>{"metadata", "service_tier", "thinking"}));
  EXPECT_TRUE(
      with(R"("service_tier":"auto","thinking":{"type":"disabled"})")->without_effect.empty());
}

TEST(AnthropicRequest, WhatIsWrongIsNamed) {
  for (
      const auto& [body, param] : std::vector<std::pair<std::string, std::string>>{
          {R"({"max_tokens":5})", "messages"},
          {R"({"messages":[]})", "messages"},
          {R"({"messages":5})", "messages"},
          {R"({"messages":[5]})", "messages[0]"},
          {R"({"messages":[{"content":"x"}]})", "messages[0].role"},
          {R"({"messages":[{"role":"tool","content":"x"}]})", "messages[0].role"},
          {R"({"messages":[{"role":"user"}]})", "messages[0].content"},
          {R"({"messages":[{"role":"user","content":[]}]})", "messages[0].content"},
          {R"({"messages":[{"role":"user","content":[5]}]})", "messages[0].content[0]"},
          {R"({"messages":[{"role":"user","content":[{"type":"document"}]}]})",
           "messages[0].content[0].type"},
          {R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})",
           "messages[0].content[0].text"},
          {R"({"messages":[{"role":"user","content":[{"type":"image"}]}]})",
           "messages[0].content[0].source"},
          {R"({"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file"}}]}]})",
           "messages[0].content[0].source.type"},
          {R"({"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64",
               "data":"?"}}]}]})",
           "messages[0].content[0].source.data"},
          {R"({"messages":[{"role":"assistant","content":"x"}]})", "messages[0]"},
          {"{" + kHello + R"(,"max_tokens":-2})", "max_tokens"},
          {"{" + kHello + R"(,"max_token":5})", "max_token"},
          {"{" + kHello + R"(,"container":"c"})", "container"},
          {"{" + kHello + R"(,"mcp_servers":[{}]})", "mcp_servers"},
          {"{" + kHello + R"(,"metadata":5})", "metadata"},
          {"{" + kHello + R"(,"system":5})", "system"},
          {"{" + kHello + R"(,"system":[{"type":"image"}]})", "system[0].type"},
          {"{" + kHello + R"(,"temperature":3})", "temperature"},
          {"{" + kHello + R"(,"stop_sequences":"x"})", "stop_sequences"},
          {"{" + kHello + R"(,"tools":[{}]})", "tools[0].name"},
          {"{" + kHello + R"(,"tool_choice":{"type":"any"}})", "tool_choice"},
          {"{" + kHello + R"(,"tool_choice":{"type":"tool","name":"f"}})", "tool_choice.name"},
          {"{" + kHello + R"(,"tool_choice":{"type":"x"}})", "tool_choice.type"},
          {"{" + kHello + R"(,"output_config":{"format":{"type":"json_schema"}}})",
           "output_config.format.schema"},
      }) {
    const auto refused = parse_messages_request(body, {});
    ASSERT_FALSE(refused.ok()) << body;
    EXPECT_EQ(refused.error().param, param) << body;
  }
}

TEST(AnthropicRequest, PicturesAndBlocksAreCounted) {
  const std::string two = R"({"role":"user","content":[)" + kPicture + "," + kPicture + "]}";
  EXPECT_FALSE(parse_messages_request(R"({"messages":[)" + two + "]}", {.max_images = 1}).ok());
  EXPECT_FALSE(parse_messages_request(R"({"messages":[)" + two + "]}", {.max_parts = 1}).ok());
  EXPECT_TRUE(parse_messages_request(R"({"messages":[)" + two + "]}", {.max_images = 2}).ok());
}

}  // namespace
}  // namespace oc
