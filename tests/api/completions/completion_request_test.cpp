#include "api/completions/completion_request.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "api/completions/fields.h"
#include "api/openai/chat_fields.h"

namespace oc {
namespace {

Result<ChatRequest> parse(const std::string& body) { return parse_completion_request(body, {}); }
Result<ChatRequest> with(const std::string& fields) {
  return parse(fmt::format(R"({{"prompt":"Once",{}}})", fields));
}
std::string param_of(const Result<ChatRequest>& result) {
  return result.ok() ? "no error" : result.error().param;
}

TEST(CompletionRequest, TheLeastThatIsARequest) {
  const auto result = parse(R"({"prompt":"Once"})");
  ASSERT_TRUE(result.ok()) << result.error().describe();
  ASSERT_TRUE(result->generate.raw_prompt);
  EXPECT_EQ(result->generate.raw_prompt->text, "Once");
  EXPECT_FALSE(result->generate.raw_prompt->control_tokens);
  EXPECT_TRUE(result->generate.messages.empty());
  EXPECT_EQ(result->generate.max_tokens, 16) << "OpenAI's default";
  EXPECT_EQ(result->generate.n, 1);
  EXPECT_FALSE(result->generate.logprobs);
  EXPECT_FALSE(result->echo);
  EXPECT_EQ(warning_of(*result), "");
}

TEST(CompletionRequest, EveryField) {
  const auto result = with(R"("model":"m","parse_special":true,"n_predict":7,"echo":true,"n":2,
      "best_of":2,"temperature":0.5,"top_p":0.9,"top_k":40,"min_p":0.05,"repeat_penalty":1.1,
      "seed":5,"stop":["a"],"stream":true,"stream_options":{"include_usage":true},
      "draft_tokens":3,"user":"u","suffix":"","response_format":{"type":"json_object"})");
  ASSERT_TRUE(result.ok()) << result.error().describe();
  EXPECT_EQ(result->model, "m");
  EXPECT_TRUE(result->generate.raw_prompt->control_tokens);
  EXPECT_EQ(result->generate.max_tokens, 7);
  EXPECT_TRUE(result->echo);
  EXPECT_EQ(result->generate.n, 2);
  EXPECT_EQ(result->sampling.repetition_penalty, 1.1);
  EXPECT_EQ(result->generate.stop, std::vector<std::string>{"a"});
  EXPECT_TRUE(result->stream && result->include_usage);
  EXPECT_EQ(result->generate.draft_tokens, 3);
  EXPECT_EQ(result->generate.json_schema, "");
  EXPECT_EQ(result->without_effect, std::vector<std::string>{"user"});
  EXPECT_EQ(result->names.of("max_tokens"), "n_predict");
  EXPECT_EQ(result->names.of("repetition_penalty"), "repeat_penalty");
}

TEST(CompletionRequest, PromptsAreStringsOrIds) {
  const auto prompt = [](const std::string& value) {
    return *parse(R"({"prompt":)" + value + "}").value().generate.raw_prompt;
  };
  EXPECT_EQ(prompt(R"("")").text, "");
  EXPECT_EQ(prompt(R"(["Once"])").text, "Once");
  EXPECT_EQ(prompt("[1,2,3]").ids, (std::vector<TokenId>{1, 2, 3}));
  EXPECT_EQ(prompt("[[1,2]]").ids, (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(prompt("[1.0,2e0]").ids, (std::vector<TokenId>{1, 2}));
  for (const auto& [value, param] : {std::pair<const char*, const char*>{"null", "prompt"},
                                     {"7", "prompt"},
                                     {"{}", "prompt"},
                                     {"[]", "prompt"},
                                     {R"(["a",7])", "prompt[1]"},
                                     {R"(["a",null])", "prompt[1]"},
                                     {R"(["a",[1,-2]])", "prompt[1][1]"},
                                     {"[[1],[]]", "prompt[1]"},
                                     {"[[1],2]", "prompt[1]"},
                                     {"[[]]", "prompt[0]"},
                                     {"[{}]", "prompt[0]"},
                                     {R"([["a"]])", "prompt[0]"},
                                     {"[[[1]]]", "prompt[0]"},
                                     {"[1,-2]", "prompt[1]"},
                                     {"[1,2.5]", "prompt[1]"},
                                     {R"([1,"a"])", "prompt[1]"},
                                     {"[99999999999]", "prompt[0]"}})
    EXPECT_EQ(param_of(parse(fmt::format(R"({{"prompt":{}}})", value))), param) << value;
  EXPECT_EQ(param_of(parse("{}")), "prompt");
  const auto chat = parse(R"({"messages":[]})");
  EXPECT_NE(chat.error().hint.find("/v1/chat/completions"), std::string::npos);
}

TEST(CompletionRequest, AnArrayThatIsTooLongIsToldItsLength) {
  const auto many = parse(R"({"prompt":"a","choices":["b")" + [] {
    std::string more;
    for (int i = 0; i < 64; ++i) more += R"(,"b")";
    return more;
  }() + "]}");
  ASSERT_FALSE(many.ok());
  EXPECT_EQ(many.error().message,
            "\"choices\" must be an array of 1 to 64 strings, found an array of 65");
}

TEST(CompletionRequest, SeveralPromptsAreBounded) {
  const auto result = parse(R"({"prompt":["a",[1,2],"c"],"parse_special":true,"stream":true,
      "stream_options":{"include_progress":true}})");
  ASSERT_TRUE(result.ok()) << result.error().describe();
  EXPECT_EQ(result->generate.raw_prompt->text, "a");
  ASSERT_EQ(result->generate.more_prompts.size(), 2u);
  EXPECT_EQ(result->generate.more_prompts[0].ids, (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(result->generate.more_prompts[1].text, "c");
  EXPECT_TRUE(result->generate.more_prompts[1].control_tokens);
  EXPECT_FALSE(result->include_progress);
  EXPECT_EQ(warning_of(*result), "without effect here: stream_options.include_progress");
  const auto many = [](std::size_t count) {
    std::string all = R"("a")";
    for (std::size_t i = 1; i < count; ++i) all += R"(,"a")";
    return parse(R"({"prompt":[)" + all + "]}");
  };
  EXPECT_EQ(many(kMaxPrompts)->generate.more_prompts.size(), kMaxPrompts - 1);
  EXPECT_EQ(param_of(many(kMaxPrompts + 1)), "prompt");
  EXPECT_EQ(param_of(parse(R"({"prompt":["a",[1]],"echo":true})")), "echo");
  const std::string told(completion_field("prompt").meaning);
  EXPECT_NE(told.find(fmt::format("1 to {} of these", kMaxPrompts)), std::string::npos);
}

TEST(CompletionRequest, EachPromptIsCounted) {
  const std::string text(100'000, 'a');
  const auto held = [&](int prompts) {
    std::string all = '"' + text + '"';
    for (int i = 1; i < prompts; ++i) all += ",\"" + text + '"';
    return held_bytes(*parse(R"({"stop":["end"],"prompt":[)" + all + "]}"));
  };
  EXPECT_GE(held(3), held(1) + 2 * text.size());
}

TEST(CompletionRequest, LengthsHaveChatsHabits) {
  for (const auto& [fields, length] :
       {std::pair<const char*, std::optional<int>>{R"("max_tokens":null)", 16},
        {R"("max_tokens":-1)", std::nullopt},
        {R"("n_predict":-1)", std::nullopt},
        {R"("max_tokens":100.0)", 100},
        {R"("max_tokens":0)", 0},
        {R"("max_new_tokens":5)", 5}}) {
    const auto result = with(fields);
    ASSERT_TRUE(result.ok()) << fields;
    EXPECT_EQ(result->generate.max_tokens, length) << fields;
  }
  EXPECT_EQ(param_of(with(R"("max_tokens":1,"n_predict":2)")), "n_predict");
}

TEST(CompletionRequest, LogprobsAreACount) {
  const auto none = with(R"("logprobs":0)");
  EXPECT_TRUE(none->generate.logprobs);
  EXPECT_EQ(none->generate.top_logprobs, 0);
  EXPECT_EQ(with(R"("logprobs":5)")->generate.top_logprobs, 5);
  EXPECT_FALSE(with(R"("logprobs":null)")->generate.logprobs);
  for (const char* wrong : {"6", "-1", "true", "1.5"})
    EXPECT_EQ(param_of(with(fmt::format(R"("logprobs":{})", wrong))), "logprobs") << wrong;
}

TEST(CompletionRequest, WhatIsNotDoneIsRefusedByName) {
  for (const auto& [fields, param] :
       {std::pair<const char*, const char*>{R"("suffix":"end")", "suffix"},
        {R"("best_of":3)", "best_of"},
        {R"("n":2,"best_of":3)", "best_of"},
        {R"("echo":true,"logprobs":1)", "logprobs"},
        {R"("grammar":"x")", "grammar"},
        {R"("nonsense":1)", "nonsense"},
        {R"("tools":[])", "tools"}}) {
    const auto result = with(fields);
    EXPECT_EQ(param_of(result), param) << fields;
  }
  EXPECT_EQ(param_of(parse(R"({"prompt":[1],"echo":true})")), "echo");
  for (const char* fields : {R"("best_of":1)", R"("n":2,"best_of":1)", R"("n":2,"best_of":2)",
                             R"("best_of":null)", R"("suffix":null)", R"("suffix":"")"}) {
    const auto result = with(fields);
    ASSERT_TRUE(result.ok()) << fields;
    EXPECT_EQ(warning_of(*result), "") << fields;
  }
}

TEST(CompletionRequest, EveryRowIsThereOnce) {
  std::vector<std::string_view> seen;
  for (const RequestField& field : completion_fields()) {
    EXPECT_EQ(std::ranges::count(seen, field.name), 0) << field.name;
    seen.push_back(field.name);
  }
  EXPECT_EQ(std::ranges::count(seen, chat_field("dry_multiplier").name), 1);
}

}  // namespace
}  // namespace oc
