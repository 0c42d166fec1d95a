#include "api/anthropic/dialect.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>
#include <utility>
#include <vector>

#include "api/anthropic/messages_response.h"

namespace oc {
namespace {

namespace json = boost::json;

std::unique_ptr<AnswerWriter> writer(const ChatRequest& request, std::string_view warning = "") {
  static const ServedModel kModel = [] {
    ServedModel model;
    model.name = "m";
    return model;
  }();
  return anthropic_dialect().writer(
      request, {.model = kModel, .id = "msg_1", .created = 5, .warning = warning});
}

ChatRequest forced() {
  ChatRequest request;
  request.forced_call = ForcedCall{{"get_time", "look"}};
  return request;
}

GenerateResult result(std::string text) {
  GenerateResult out;
  out.text = std::move(text);
  out.prompt_tokens = 100;
  out.cached_tokens = 60;
  out.completion_tokens = 4;
  return out;
}

// The events of a stream: names and data.
std::vector<std::pair<std::string, json::value>> events(const std::string& stream) {
  std::vector<std::pair<std::string, json::value>> out;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t end = stream.find("\n\n", at);
    const std::string one = stream.substr(at, end - at);
    const std::size_t line = one.find('\n');
    EXPECT_TRUE(one.starts_with("event: ") && one.substr(line + 1).starts_with("data: ")) << one;
    out.emplace_back(one.substr(7, line - 7), json::parse(one.substr(line + 7)));
    EXPECT_EQ(out.back().second.at("type"), json::string(out.back().first));
    at = end + 2;
  }
  return out;
}

std::string names(const std::vector<std::pair<std::string, json::value>>& all) {
  std::string out;
  for (const auto& [name, data] : all) out += (out.empty() ? "" : " ") + name;
  return out;
}

TEST(AnthropicDialect, AWholeAnswer) {
  GenerateResult answer = result("A \"dog\".");
  answer.warning = "cut";
  const json::value whole = json::parse(writer({}, "w")->whole(answer));
  EXPECT_EQ(whole.at("id"), "msg_1");
  EXPECT_EQ(whole.at("type"), "message");
  EXPECT_EQ(whole.at("role"), "assistant");
  EXPECT_EQ(whole.at("model"), "m");
  EXPECT_EQ(whole.at("content"), json::parse(R"([{"type":"text","text":"A \"dog\"."}])"));
  EXPECT_EQ(whole.at("stop_reason"), "end_turn");
  EXPECT_TRUE(whole.at("stop_sequence").is_null());
  EXPECT_EQ(whole.at("usage").at("input_tokens"), 40);
  EXPECT_EQ(whole.at("usage").at("cache_read_input_tokens"), 60);
  EXPECT_EQ(whole.at("usage").at("output_tokens"), 4);
  EXPECT_EQ(whole.at("warning"), "w; cut");
}

TEST(AnthropicDialect, WhatEndedIt) {
  for (const auto& [cause, reason] : std::vector<std::pair<StopCause, std::string>>{
           {StopCause::kStopToken, "end_turn"},
           {StopCause::kMaxTokens, "max_tokens"},
           {StopCause::kContextFull, "model_context_window_exceeded"},
           {StopCause::kStopString, "stop_sequence"}}) {
    GenerateResult answer = result("x");
    answer.stop_cause = cause;
    if (cause == StopCause::kStopString) answer.stop_string = "END";
    const json::value whole = json::parse(writer({})->whole(answer));
    EXPECT_EQ(whole.at("stop_reason"), json::string(reason));
    if (cause == StopCause::kStopString) EXPECT_EQ(whole.at("stop_sequence"), "END");
  }
}

TEST(AnthropicDialect, AStream) {
  const auto stream = writer({});
  std::string out;
  stream->head(out);
  for (const char* text : {"A ", "\"dog\"."}) stream->piece(out, {.text = text});
  stream->end(out, result("A \"dog\"."));
  const auto all = events(out);
  EXPECT_EQ(names(all),
            "message_start content_block_start content_block_delta content_block_delta "
            "content_block_stop message_delta message_stop");
  EXPECT_EQ(all[3].second.at("delta").at("text"), "\"dog\".");
  EXPECT_EQ(all[5].second.at("delta").at("stop_reason"), "end_turn");
  EXPECT_EQ(all[5].second.at("usage").at("input_tokens"), 40);
}

TEST(AnthropicDialect, ACall) {
  const std::string text = R"({"name": "look", "arguments": {"at": "sky"}})";
  const json::value whole = json::parse(writer(forced())->whole(result(text)));
  EXPECT_EQ(whole.at("stop_reason"), "tool_use");
  EXPECT_EQ(
      whole.at("content"),
      json::parse(R"([{"type":"tool_use","id":"toolu_1","name":"look","input":{"at":"sky"}}])"));
  const auto stream = writer(forced());
  std::string out, arguments;
  stream->head(out);
  for (const char c : text) stream->piece(out, {.text = std::string_view(&c, 1)});
  stream->end(out, result(text));
  const auto all = events(out);
  EXPECT_EQ(all[1].second.at("content_block").at("name"), "look");
  for (const auto& [name, data] : all)
    if (name == "content_block_delta") {
      EXPECT_EQ(data.at("delta").at("type"), "input_json_delta");
      arguments += data.at("delta").at("partial_json").as_string();
    }
  EXPECT_EQ(arguments, R"({"at": "sky"})");
  EXPECT_EQ(all[all.size() - 2].second.at("delta").at("stop_reason"), "tool_use");
}

// As a stream has them: no number loses digits on its way.
TEST(AnthropicDialect, ACallsArgumentsAreAsTheModelWroteThem) {
  const std::string arguments = R"({"n": 12345678901234567890123456789, "x": 1.50})";
  const std::string whole =
      writer(forced())->whole(result(R"({"name": "look", "arguments": )" + arguments + "}"));
  EXPECT_NE(whole.find(R"("input":)" + arguments + "}]"), std::string::npos) << whole;
  EXPECT_TRUE(json::parse(whole).at("usage").is_object());
}

TEST(AnthropicDialect, ACallThatIsCutOff) {
  const json::value whole =
      json::parse(writer(forced())->whole(result(R"({"name": "look", "arguments": {"at": "s)")));
  EXPECT_EQ(whole.at("content").at(0).at("input"), json::parse(R"({"cut_off": "{\"at\": \"s"})"));
  EXPECT_EQ(json::parse(writer(forced())->whole(result(R"({"nam)"))).at("content"), json::array());
}

TEST(AnthropicDialect, Errors) {
  for (const auto& [status, type] :
       std::vector<std::pair<int, std::string>>{{400, "invalid_request_error"},
                                                {401, "authentication_error"},
                                                {403, "permission_error"},
                                                {404, "not_found_error"},
                                                {413, "request_too_large"},
                                                {415, "invalid_request_error"},
                                                {429, "rate_limit_error"},
                                                {500, "api_error"},
                                                {503, "overloaded_error"},
                                                {504, "timeout_error"}}) {
    const json::value error = json::parse(anthropic_dialect().error_body(
        {.status = status, .type = "t", .code = "c", .message = "m", .param = "p"}));
    EXPECT_EQ(error.at("type"), "error");
    EXPECT_EQ(error.at("error").at("type"), json::string(type));
    EXPECT_EQ(error.at("error").at("message"), "m");
  }
  std::string out;
  writer({})->error(out, {.status = 503, .type = "t", .code = "c", .message = "m"});
  EXPECT_EQ(names(events(out)), "error");
}

TEST(AnthropicDialect, Counts) {
  RequestPlan plan;
  plan.prompt_tokens = 42;
  EXPECT_EQ(token_count_json("m", plan, ""), R"({"input_tokens":42})");
}

}  // namespace
}  // namespace oc
