#include "api/ollama/dialect.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>
#include <utility>
#include <vector>

namespace oc {
namespace {

namespace json = boost::json;
using enum OllamaRoute;

std::unique_ptr<AnswerWriter> writer(OllamaRoute route, const ChatRequest& request = {},
                                     std::string_view warning = "") {
  static const ServedModel kModel = [] {
    ServedModel model;
    model.name = "m";
    return model;
  }();
  return ollama_dialect(route).writer(
      request, {.model = kModel, .id = "1", .created = 5, .warning = warning});
}

GenerateResult result(std::string text) {
  GenerateResult out;
  out.text = std::move(text);
  out.prompt_tokens = 100;
  out.completion_tokens = 4;
  out.timings.total_ms = 12.5;
  out.timings.encode_ms = 2;
  out.timings.prefill_ms = 3;
  return out;
}

std::vector<json::value> lines(const std::string& stream) {
  std::vector<json::value> out;
  EXPECT_TRUE(stream.ends_with('\n'));
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t end = stream.find('\n', at);
    out.push_back(json::parse(stream.substr(at, end - at)));
    at = end + 1;
  }
  return out;
}

TEST(OllamaDialect, AWholeAnswer) {
  GenerateResult answer = result("A \"dog\".");
  answer.warning = "cut";
  const json::value whole = json::parse(writer(kChat, {}, "w")->whole(answer));
  EXPECT_EQ(whole.at("model"), "m");
  EXPECT_EQ(whole.at("message"), json::parse(R"({"role":"assistant","content":"A \"dog\"."})"));
  EXPECT_EQ(whole.at("done"), true);
  EXPECT_EQ(whole.at("done_reason"), "stop");
  EXPECT_EQ(whole.at("prompt_eval_count"), 100);
  EXPECT_EQ(whole.at("eval_count"), 4);
  EXPECT_EQ(whole.at("total_duration"), 12'500'000);
  EXPECT_EQ(whole.at("prompt_eval_duration"), 5'000'000);
  EXPECT_EQ(whole.at("eval_duration"), 1) << "clients divide by it";
  EXPECT_EQ(whole.at("warning"), "w; cut");
  EXPECT_EQ(json::parse(writer(kGenerate)->whole(answer)).at("response"), "A \"dog\".");
}

TEST(OllamaDialect, TheClientsOwnNameForTheModel) {
  ChatRequest request;
  request.asked_model = "M:latest";
  request.model = "m";
  EXPECT_EQ(json::parse(writer(kChat, request)->whole(result("x"))).at("model"), "M:latest");
  std::string out;
  writer(kChat, request)->piece(out, {.text = "x"});
  EXPECT_EQ(lines(out)[0].at("model"), "M:latest");
}

TEST(OllamaDialect, WhatEndedIt) {
  GenerateResult answer = result("x");
  answer.finish_reason = FinishReason::kLength;
  EXPECT_EQ(json::parse(writer(kChat)->whole(answer)).at("done_reason"), "length");
  for (const auto& [step, reason] :
       {std::pair(ModelStep::kLoad, "load"), std::pair(ModelStep::kUnload, "unload")}) {
    ChatRequest request;
    request.instead = step;
    const json::value told = json::parse(writer(kGenerate, request)->whole({}));
    EXPECT_EQ(told.at("done_reason"), reason);
    EXPECT_EQ(told.at("response"), "");
    EXPECT_FALSE(told.as_object().contains("eval_count"));
  }
}

TEST(OllamaDialect, AStream) {
  for (const OllamaRoute route : {kChat, kGenerate}) {
    const auto stream = writer(route);
    std::string out;
    stream->head(out);
    EXPECT_EQ(out, "");
    for (const char* text : {"A ", "", "\"dog\"."}) stream->piece(out, {.text = text});
    out += stream->keep_alive();
    stream->end(out, result("A \"dog\"."));
    const auto all = lines(out);
    ASSERT_EQ(all.size(), 4u) << "nothing comes in no line";
    std::string text;
    for (const json::value& line : all) {
      text += (route == kChat ? line.at("message").at("content") : line.at("response")).as_string();
      EXPECT_EQ(line.at("done"), &line == &all.back());
    }
    EXPECT_EQ(text, "A \"dog\".");
    EXPECT_EQ(all.back().at("eval_count"), 4);
  }
}

TEST(OllamaDialect, HowLikelyTokensWere) {
  ChatRequest request;
  request.generate.logprobs = true;
  GenerateResult answer = result("ab");
  TokenLogprobs token;
  token.bytes = "ab";
  token.logprob = -0.5;
  answer.logprobs = {token};
  const json::value one = json::parse(writer(kChat, request)->whole(answer)).at("logprobs").at(0);
  EXPECT_EQ(one.at("token"), "ab");
  EXPECT_EQ(one.at("logprob"), -0.5);
  std::string out;
  writer(kChat, request)->piece(out, {.text = "", .tokens = answer.logprobs});
  EXPECT_EQ(lines(out)[0].at("logprobs").at(0), one) << "also where its text is held back";
}

TEST(OllamaDialect, Errors) {
  const ApiError error{.status = 400, .type = "t", .code = "c", .message = "m", .param = "p"};
  const json::value told = json::parse(ollama_dialect(kChat).error_body(error));
  EXPECT_EQ(told, json::parse(R"({"error":"m","code":"c","param":"p"})"));
  std::string out;
  writer(kChat)->error(out, error);
  EXPECT_EQ(lines(out)[0], told);
}

}  // namespace
}  // namespace oc
