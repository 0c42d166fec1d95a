#include "api/openai/fields.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/openai/chat_request.h"

namespace oc {
namespace {

using Names = std::vector<std::string>;

constexpr std::string_view kHello = R"("messages":[{"role":"user","content":"Hello"}])";

Result<ChatRequest> parse(const std::string& body) { return parse_chat_request(body, {}); }
Result<ChatRequest> with(const std::string& fields) {
  return parse(fmt::format("{{{},{}}}", kHello, fields));
}
Result<ChatRequest> with_message(const std::string& message) {
  return parse(R"({"messages":[)" + message + R"(,{"role":"user","content":"x"}]})");
}
Names names(const Result<ChatRequest>& result) {
  return result.ok() ? result->without_effect : Names{"refused: " + result.error().describe()};
}

TEST(OpenaiFields, WhatCannotChangeTheAnswerIsAcceptedAndListed) {
  for (const auto& [field, value] :
       {std::pair{"store", "true"},
        std::pair{"metadata", R"({"a":"b"})"},
        std::pair{"user", R"("u")"},
        std::pair{"safety_identifier", R"("s")"},
        std::pair{"prompt_cache_key", R"("k")"},
        std::pair{"prompt_cache_retention", R"("24h")"},
        std::pair{"prompt_cache_options", "{}"},
        std::pair{"service_tier", R"("flex")"},
        std::pair{"reasoning_effort", R"("low")"},
        std::pair{"verbosity", R"("low")"},
        std::pair{"prediction", R"({"type":"content","content":"x"})"},
        std::pair{"audio", R"({"voice":"alloy","format":"wav"})"},
        std::pair{"think", "false"},
        std::pair{"think", R"("low")"},
        std::pair{"thinking", R"({"type":"disabled"})"},
        std::pair{"chat_template_kwargs", R"({"enable_thinking":false})"},
        std::pair{"keep_alive", R"("5m")"},
        std::pair{"keep_alive", "-1"},
        std::pair{"cache_prompt", "true"},
        std::pair{"id_slot", "0"},
        std::pair{"ttl", "60"},
        std::pair{"usage", R"({"include":true})"},
        std::pair{"cache_salt", R"("s")"},
        std::pair{"dry_base", "1.75"},
        std::pair{"xtc_threshold", "0.1"},
        std::pair{"mirostat_tau", "5"}}) {
    EXPECT_EQ(names(with(fmt::format("\"{}\":{}", field, value))), Names{field}) << value;
  }
}

TEST(OpenaiFields, ValuesThatAskForNothingAreNotListed) {
  for (const char* fields : {R"("store":false)",
                             R"("service_tier":"auto")",
                             R"("service_tier":"default")",
                             R"("reasoning_effort":"none")",
                             R"("modalities":["text"])",
                             R"("modalities":[])",
                             R"("user":null)",
                             R"("best_of":1)",
                             R"("echo":false)",
                             R"("suffix":"")",
                             R"("options":{})",
                             R"("mirostat":0)",
                             R"("mirostat_mode":0)",
                             R"("typ_p":1)",
                             R"("typical_p":1)",
                             R"("typical_p":1.0)",
                             R"("ignore_eos":false)",
                             R"("skip_special_tokens":true)",
                             R"("tools":[])",
                             R"("parallel_tool_calls":true)",
                             R"("tool_choice":"auto")"})
    EXPECT_EQ(names(with(fields)), Names{}) << fields;
}

TEST(OpenaiFields, WhatWouldChangeTheAnswerIsRefusedByName) {
  for (const auto& [field, value] :
       {std::pair{"modalities", R"(["text","audio"])"}, std::pair{"web_search_options", "{}"},
        std::pair{"moderation", R"({"model":"m"})"}, std::pair{"best_of", "2"},
        std::pair{"echo", "true"}, std::pair{"suffix", R"("x")"}, std::pair{"grammar", R"("x")"},
        std::pair{"guided_regex", R"("a")"}, std::pair{"options", R"({"temperature":1})"},
        std::pair{"mirostat", "2"}, std::pair{"typical_p", "0.9"}, std::pair{"ignore_eos", "true"},
        std::pair{"min_tokens", "5"}, std::pair{"continue_final_message", "true"}}) {
    const auto refused = with(fmt::format("\"{}\":{}", field, value));
    ASSERT_FALSE(refused.ok()) << field;
    EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported) << field;
    EXPECT_EQ(refused.error().param, field);
  }
}

TEST(OpenaiFields, OpenaisTypesAreChecked) {
  for (const auto& [field, value] :
       {std::pair{"store", R"("yes")"}, std::pair{"user", "5"}, std::pair{"metadata", "5"},
        std::pair{"service_tier", "1"}, std::pair{"reasoning_effort", "3"},
        std::pair{"verbosity", "[]"}, std::pair{"prediction", R"("x")"},
        std::pair{"chat_template_kwargs", "[]"}, std::pair{"modalities", R"("text")"}}) {
    const auto refused = with(fmt::format("\"{}\":{}", field, value));
    ASSERT_FALSE(refused.ok()) << field;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument) << field;
    EXPECT_EQ(refused.error().param, field);
  }
}

TEST(OpenaiFields, FieldsOfMessagesAndPartsAreListedOnceWithoutTheirPlace) {
  const std::string part =
      R"({"type":"text","text":"a","cache_control":{"type":"ephemeral"},"id":7})";
  const auto result = parse(fmt::format(
      R"({{"messages":[{{"role":"user","id":"m1","name":"Ann","content":[{0},{0}]}},
          {{"role":"assistant","id":"m2","content":"b","reasoning_content":"","annotations":[]}},
          {{"role":"user","content":[{0},{{"type":"image_url","cache_control":{{}},
            "image_url":{{"url":"data:;base64,Zm9v","detail":"","format":"image/png"}}}}]}}]}})",
      part));
  EXPECT_EQ(
      names(result),
      (Names{"messages[].id", "messages[].name", "messages[].content[].id",
             "messages[].content[].cache_control", "messages[].reasoning_content",
             "messages[].content[].image_url.format", "messages[].content[].image_url.detail"}));
  EXPECT_EQ(result->generate.messages.size(), 3u);
  EXPECT_TRUE(result->images[0].options.knobs.empty());
  EXPECT_EQ(result->images[0].options.detail, ImageDetail::kAuto);
}

TEST(OpenaiFields, FieldsOfMessagesThatWouldChangeTheAnswer) {
  for (const auto& [field, value] :
       {std::pair{"audio", R"({"id":"a"})"}, std::pair{"prefix", "true"}, std::pair{"weight", "0"},
        std::pair{"images", R"(["Zm9v"])"}}) {
    const auto refused =
        with_message(fmt::format(R"({{"role":"assistant","content":"y","{}":{}}})", field, value));
    ASSERT_FALSE(refused.ok()) << field;
    EXPECT_EQ(refused.error().param, std::string("messages[0].") + field);
  }
  EXPECT_EQ(names(with_message(R"({"role":"assistant","content":"y","prefix":false})")), Names{});
}

TEST(OpenaiFields, EmptyAndMinusOneMeanAbsent) {
  auto result = with(R"("max_tokens":-1,"stop":"")");
  EXPECT_EQ(names(result), (Names{"max_tokens", "stop"}));
  EXPECT_FALSE(result->generate.max_tokens.has_value());
  EXPECT_TRUE(result->generate.stop.empty());
  result = with(R"("max_completion_tokens":-1,"max_tokens":5,"stop":["","a"])");
  EXPECT_EQ(names(result), (Names{"max_completion_tokens", "stop"}));
  EXPECT_EQ(result->generate.max_tokens, 5);
  EXPECT_EQ(result->generate.stop, Names{"a"});
}

TEST(OpenaiFields, StreamOptionsWithoutAStream) {
  auto result = with(R"("stream_options":{"include_usage":true})");
  EXPECT_EQ(names(result), Names{"stream_options"});
  EXPECT_FALSE(result->include_usage);
  result = with(R"("stream":true,"stream_options":{"include_usage":true,
                   "include_obfuscation":true,"continuous_usage_stats":true})");
  EXPECT_EQ(names(result),
            (Names{"stream_options.include_obfuscation", "stream_options.continuous_usage_stats"}));
  EXPECT_TRUE(result->include_usage);
}

TEST(OpenaiFields, TheWarning) {
  EXPECT_EQ(warning_of(*with(R"("n":1)")), "");
  EXPECT_EQ(warning_of(*with(R"("store":true,"user":"u")")), "without effect here: store, user");
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}])";
  EXPECT_EQ(warning_of(*with(tools)), "tools are not called: the model answers in text");
  EXPECT_EQ(warning_of(*with(tools + R"(,"think":true)")),
            "tools are not called: the model answers in text; without effect here: think");
}

}  // namespace
}  // namespace oc
