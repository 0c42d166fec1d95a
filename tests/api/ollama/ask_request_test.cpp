#include "api/ollama/ask_request.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace oc {
namespace {

Result<ChatRequest> chat(const std::string& body, const ChatLimits& limits = {}) {
  return parse_ollama_request(OllamaRoute::kChat, body, limits);
}
Result<ChatRequest> generate(const std::string& body, const ChatLimits& limits = {}) {
  return parse_ollama_request(OllamaRoute::kGenerate, body, limits);
}
Result<ChatRequest> of(const std::string& messages) {
  return chat(R"({"messages":[)" + messages + "]}");
}
Result<ChatRequest> with(const std::string& fields, const ChatLimits& limits = {}) {
  return generate(R"({"prompt":"x",)" + fields + "}", limits);
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

TEST(OllamaRequest, AConversation) {
  const auto request = chat(R"({"model":"m","messages":[{"role":"system","content":"Be kind."},
      {"role":"user","content":"What?","images":["Zm9v","data:image/png;base64,Zm9v"]},
      {"role":"assistant","content":"A dog."},{"role":"user","content":"Whose?"}]})");
  EXPECT_EQ(turns(request),
            "system: Be kind.\nuser: PICTURE | PICTURE | What?\nassistant: A dog.\nuser: Whose?\n");
  EXPECT_EQ(request->model, "m");
  EXPECT_TRUE(request->stream) << "unasked";
  ASSERT_EQ(request->images.size(), 2u);
  EXPECT_EQ(request->images[1].param, "messages[1].images[1]");
  EXPECT_FALSE(request->instead);
  EXPECT_FALSE(chat(R"({"messages":[{"role":"user","content":"a"}],"stream":false})")->stream);
}

TEST(OllamaRequest, APrompt) {
  EXPECT_EQ(turns(generate(R"({"prompt":"What?","images":["Zm9v"],"system":"Be kind."})")),
            "system: Be kind.\nuser: PICTURE | What?\n");
  EXPECT_EQ(turns(generate(R"({"prompt":"","images":["Zm9v"],"system":""})")), "user: PICTURE\n");
}

TEST(OllamaRequest, CallsAndResultsBecomePlainTurns) {
  EXPECT_EQ(turns(of(R"({"role":"user","content":"Time?"},
          {"role":"assistant","content":"Let me look.","thinking":"hm","tool_calls":[
             {"function":{"name":"get_time","arguments":{"zone":"UTC"}}},
             {"id":"t2","type":"function","function":{"name":"look","arguments":"{}"}}]},
          {"role":"tool","tool_name":"get_time","content":"12:00"},
          {"role":"tool","tool_call_id":"t2","content":"sky","images":["Zm9v"]},
          {"role":"tool","content":"b"},{"role":"user","content":"So?"})")),
            "user: Time?\n"
            "assistant: Let me look. | I call the tool get_time with {\"zone\":\"UTC\"} | I call "
            "the tool look with {}\n"
            "user: The tool get_time returned: | 12:00 | The tool look returned: | PICTURE | sky | "
            "A tool returned: | b | So?\n");
}

TEST(OllamaRequest, NoQuestionIsAboutTheModel) {
  using Step = std::optional<ModelStep>;
  for (const char* body : {R"({"messages":[]})", "{}", R"({"keep_alive":"5m"})"})
    EXPECT_EQ(chat(body)->instead, Step(ModelStep::kLoad)) << body;
  EXPECT_EQ(generate(R"({"prompt":"","system":"s"})")->instead, Step(ModelStep::kLoad));
  for (const char* zero : {"0", "0.0", "\"0\"", "\"0s\"", "\"-0m\""}) {
    const std::string body = std::string(R"({"keep_alive":)") + zero + "}";
    EXPECT_EQ(chat(body)->instead, Step(ModelStep::kUnload)) << body;
    EXPECT_EQ(generate(body)->instead, Step(ModelStep::kUnload)) << body;
    const auto asked = with(body.substr(1, body.size() - 2));
    EXPECT_EQ(asked->instead, Step()) << "a question is answered";
    EXPECT_EQ(asked->without_effect, std::vector<std::string>{"keep_alive"});
  }
  for (const char* right : {"-1", "300", "\"1h2m3.5s\"", "\"-1s\"", "\"10ms\"", "\"1.5h\""})
    EXPECT_TRUE(with(std::string(R"("keep_alive":)") + right).ok()) << right;
  for (const char* wrong : {"\"\"", "\"-\"", "\"5 m\"", "\"5x\"", "\"m\"", "\"1h2\"", "true"})
    EXPECT_EQ(with(std::string(R"("keep_alive":)") + wrong).error().param, "keep_alive") << wrong;
}

TEST(OllamaRequest, HowItIsDrawn) {
  const auto request = with(R"("options":{"temperature":0.5,"top_p":0.25,"top_k":5,"min_p":0.1,
      "seed":7,"num_predict":9,"stop":["a","","b"],"repeat_penalty":1.25,"presence_penalty":0.5,
      "frequency_penalty":-0.5})");
  ASSERT_TRUE(request.ok()) << request.error().describe();
  EXPECT_EQ(request->sampling.temperature, 0.5);
  EXPECT_EQ(request->sampling.top_p, 0.25);
  EXPECT_EQ(request->sampling.top_k, 5);
  EXPECT_EQ(request->sampling.min_p, 0.1);
  EXPECT_EQ(request->sampling.seed, 7u);
  EXPECT_EQ(request->sampling.repetition_penalty, 1.25);
  EXPECT_EQ(request->sampling.presence_penalty, 0.5);
  EXPECT_EQ(request->sampling.frequency_penalty, -0.5);
  EXPECT_EQ(request->generate.max_tokens, 9);
  EXPECT_EQ(request->generate.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request->without_effect, std::vector<std::string>{"options.stop"});
  EXPECT_EQ(with(R"("options":{"stop":"end"})")->generate.stop, std::vector<std::string>{"end"});
}

TEST(OllamaRequest, NumbersThatMeanNone) {
  for (const char* none : {"0", "-1", "-2"}) {
    const auto request = with(std::string(R"("options":{"seed":-1,"num_predict":)") + none + "}");
    EXPECT_EQ(request->generate.max_tokens, std::nullopt);
    EXPECT_EQ(request->sampling.seed, std::nullopt);
    EXPECT_TRUE(request->without_effect.empty());
  }
  const auto request = with(R"("options":{"repeat_penalty":1.5,"repeat_last_n":0,"top_p":0,
      "min_p":1,"top_k":-1})");
  ASSERT_TRUE(request.ok()) << request.error().describe();
  EXPECT_EQ(request->sampling.repetition_penalty, std::nullopt) << "over none of the last tokens";
  EXPECT_GT(request->sampling.top_p, 0);
  EXPECT_LT(request->sampling.min_p, 1);
  EXPECT_EQ(request->sampling.top_k, 0);
  EXPECT_TRUE(request->without_effect.empty());
}

TEST(OllamaRequest, MoreThanTheContextIsNoLimit) {
  const ChatLimits limits{.context_length = 100};
  const auto inside = with(R"("options":{"num_predict":100,"num_ctx":100})", limits);
  EXPECT_EQ(inside->generate.max_tokens, 100);
  EXPECT_TRUE(inside->without_effect.empty());
  const auto outside = with(R"("options":{"num_predict":101,"num_ctx":101})", limits);
  EXPECT_EQ(outside->generate.max_tokens, std::nullopt);
  EXPECT_EQ(outside->without_effect,
            (std::vector<std::string>{"options.num_predict", "options.num_ctx"}));
}

TEST(OllamaRequest, Formats) {
  EXPECT_EQ(with(R"("format":"")")->generate.json_schema, std::nullopt);
  EXPECT_EQ(with(R"("format":"json")")->generate.json_schema, "");
  EXPECT_EQ(with(R"("format":{"enum":[1]})")->generate.json_schema, R"({"enum":[1]})");
  for (const char* wrong : {"\"yaml\"", "5", R"({"type":"nothing"})"})
    EXPECT_TRUE(with(std::string(R"("format":)") + wrong).error().param.starts_with("format"));
}

TEST(OllamaRequest, ToolsAreNotCalled) {
  const auto request = chat(R"({"messages":[{"role":"user","content":"x"}],"tools":[{}]})");
  EXPECT_EQ(request->unused_tools, "tools");
  EXPECT_FALSE(request->forced_call);
  EXPECT_EQ(chat(R"({"messages":[{"role":"user","content":"x"}],"tools":[5]})").error().param,
            "tools[0]");
  EXPECT_TRUE(
      chat(R"({"messages":[{"role":"user","content":"x"}],"tools":[]})")->unused_tools.empty());
}

TEST(OllamaRequest, WhatIsWrongIsNamed) {
  for (const auto& [body, param] : std::vector<std::pair<std::string, std::string>>{
           {R"({"role":"user"})", "messages[0].content"},
           {R"({"content":"x"})", "messages[0].role"},
           {R"({"role":"developer","content":"x"})", "messages[0].role"},
           {R"({"role":"user","content":[]})", "messages[0].content"},
           {R"({"role":"user","content":"x","tool_calls":[{}]})", "messages[0].tool_calls"},
           {R"({"role":"assistant","tool_calls":[{}]})", "messages[0].tool_calls[0].function"},
           {R"({"role":"assistant","tool_calls":[{"function":{}}]})",
            "messages[0].tool_calls[0].function.name"},
           {R"({"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":5}}]})",
            "messages[0].tool_calls[0].function.arguments"},
           {R"({"role":"system","content":"x","images":["Zm9v"]})", "messages[0].images"},
           {R"({"role":"user","content":"x","images":[5]})", "messages[0].images[0]"},
           {R"({"role":"user","content":"x","imgaes":[]})", "messages[0].imgaes"},
           {R"({"role":"assistant","content":"x"})", "messages[0]"}}) {
    const auto refused = of(body);
    ASSERT_FALSE(refused.ok()) << body;
    EXPECT_EQ(refused.error().param, param) << body;
  }
}

TEST(OllamaRequest, PicturesAndPartsAreCounted) {
  const std::string two =
      R"({"messages":[{"role":"user","content":"x","images":["Zm9v","Zm9v"]}]})";
  EXPECT_EQ(chat(two, {.max_images = 1}).error().param, "messages[0].images[1]");
  EXPECT_TRUE(chat(two, {.max_images = 2}).ok());
  const std::string turns =
      R"({"messages":[{"role":"user","content":"x"},{"role":"user","content":"y"}]})";
  EXPECT_EQ(chat(turns, {.max_parts = 1}).error().param, "messages[1].content");
}

}  // namespace
}  // namespace oc
