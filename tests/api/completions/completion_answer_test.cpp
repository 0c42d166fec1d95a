#include "api/completions/completion_answer.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "api/completions/dialect.h"

namespace oc {
namespace {

namespace json = boost::json;

struct Writing {
  ChatRequest request;
  ServedModel model;
  std::unique_ptr<AnswerWriter> writer;

  explicit Writing(ChatRequest asked) : request(std::move(asked)) {
    model.name = "m";
    writer = completions_dialect().writer(request, {.model = model, .id = "cmpl-1", .created = 5});
  }
};

ChatRequest asked(bool echo = false, bool logprobs = false, int n = 1) {
  ChatRequest out;
  out.generate.raw_prompt = RawPrompt{.text = "Grüße"};
  out.generate.n = n;
  out.generate.logprobs = logprobs;
  out.echo = echo;
  return out;
}

TokenLogprobs token(std::string bytes, double logprob, std::vector<ScoredToken> top = {}) {
  TokenLogprobs out;
  out.bytes = std::move(bytes);
  out.logprob = logprob;
  out.top = std::move(top);
  return out;
}

GenerateResult result() {
  GenerateResult out;
  out.text = " é b";
  out.logprobs = {token(" \xc3", -0.5, {{" \xc3", false, -0.5}, {" e", false, -1}}),
                  token("\xa9", -0.25), token(" b", -2)};
  out.finish_reason = FinishReason::kLength;
  out.stop_cause = StopCause::kMaxTokens;
  out.prompt_tokens = 3;
  out.completion_tokens = 3;
  return out;
}

std::vector<std::string> events(std::string_view stream) {
  std::vector<std::string> out;
  for (std::size_t end; (end = stream.find("\n\n")) != stream.npos; stream.remove_prefix(end + 2))
    out.emplace_back(stream.substr(6, end - 6));
  return out;
}

TEST(CompletionAnswer, IsOpenAisObject) {
  const json::value out = json::parse(Writing(asked()).writer->whole(result()));
  EXPECT_EQ(out.at("object"), "text_completion");
  EXPECT_EQ(out.at("id"), "cmpl-1");
  const json::value& choice = out.at("choices").at(0);
  EXPECT_EQ(choice.at("text"), " é b");
  EXPECT_EQ(choice.at("finish_reason"), "length");
  EXPECT_TRUE(choice.at("logprobs").is_null());
  EXPECT_EQ(out.at("usage").at("total_tokens"), 6);
}

TEST(CompletionAnswer, LogprobsAreListsSideBySide) {
  const json::value out = json::parse(Writing(asked(false, true)).writer->whole(result()));
  const json::value& told = out.at("choices").at(0).at("logprobs");
  EXPECT_EQ(told.at("tokens"), json::parse(R"(["bytes:\\x20\\xc3","bytes:\\xa9"," b"])"));
  EXPECT_EQ(told.at("token_logprobs"), json::parse("[-0.5,-0.25,-2.0]"));
  EXPECT_EQ(told.at("top_logprobs").at(0).as_object().size(), 2u) << "it is among the others";
  EXPECT_EQ(told.at("top_logprobs").at(1).as_object().size(), 1u) << "it is always there";
  EXPECT_EQ(told.at("text_offset"), json::parse("[0,2,2]")) << "characters, not bytes";
}

TEST(CompletionAnswer, AnEchoStandsInFrontOfEachAnswer) {
  GenerateResult two = result();
  two.more.emplace_back().text = " c";
  const json::value out = json::parse(Writing(asked(true, false, 2)).writer->whole(two));
  EXPECT_EQ(out.at("choices").at(0).at("text"), "Grüße é b");
  EXPECT_EQ(out.at("choices").at(1).at("text"), "Grüße c");
  EXPECT_EQ(out.at("choices").at(1).at("index"), 1);
}

TEST(CompletionAnswer, EachPromptHasItsEchoAndItsOffsets) {
  ChatRequest request = asked(true, true, 2);
  request.generate.more_prompts = {{.text = "b"}};
  GenerateResult four = result();
  four.more.assign(3, static_cast<const Answer&>(four));
  four.more[2].warning = "it is odd";
  Writing writing(std::move(request));
  const json::value out = json::parse(writing.writer->whole(four));
  for (const auto& [index, text] : {std::pair{1, "Grüße é b"}, {2, "b é b"}, {3, "b é b"}}) {
    EXPECT_EQ(out.at("choices").at(index).at("index"), index);
    EXPECT_EQ(out.at("choices").at(index).at("text"), text);
  }
  EXPECT_EQ(out.at("warning"), "choices 3: it is odd");
  std::string stream;
  writing.writer->head(stream);
  writing.writer->piece(stream, {.text = " b", .choice = 3, .tokens = four.more[2].logprobs});
  writing.writer->end(stream, four);
  const auto all = events(stream);
  ASSERT_EQ(all.size(), 4 + 1 + 4 + 1u);
  EXPECT_EQ(json::parse(all[2]).at("choices").at(0).at("text"), "b");
  EXPECT_EQ(json::parse(all[4]).at("choices").at(0).at("index"), 3);
}

TEST(CompletionAnswer, AStreamAddsUpToTheAnswer) {
  ChatRequest request = asked(true, true);
  request.include_usage = true;
  Writing writing(std::move(request));
  const GenerateResult whole = result();
  std::string out;
  writing.writer->head(out);
  writing.writer->piece(out, {.text = " é", .tokens = std::span(whole.logprobs).subspan(0, 2)});
  writing.writer->piece(out, {.text = " b", .tokens = std::span(whole.logprobs).subspan(2)});
  writing.writer->piece(out, {.text = ""});
  writing.writer->end(out, whole);
  const auto all = events(out);
  ASSERT_EQ(all.size(), 6u) << out;
  EXPECT_EQ(all.back(), "[DONE]");
  std::string text;
  json::array offsets;
  for (std::size_t i = 0; i < 4; ++i) {
    const json::value chunk = json::parse(all[i]);
    EXPECT_EQ(chunk.at("object"), "text_completion");
    EXPECT_TRUE(chunk.at("usage").is_null());
    const json::value& choice = chunk.at("choices").at(0);
    text += choice.at("text").as_string();
    if (choice.at("logprobs").is_object())
      for (const json::value& one : choice.at("logprobs").at("text_offset").as_array())
        offsets.push_back(one);
    EXPECT_EQ(choice.at("finish_reason"), i == 3 ? json::value("length") : json::value());
  }
  EXPECT_EQ(text, "Grüße é b");
  EXPECT_EQ(offsets, json::parse("[0,2,2]"));
  const json::value last = json::parse(all[4]);
  EXPECT_TRUE(last.at("choices").as_array().empty());
  EXPECT_EQ(last.at("usage").at("completion_tokens"), 3);
}

TEST(CompletionAnswer, AnErrorIsTheLastEventBeforeDone) {
  std::string out;
  Writing(asked()).writer->error(out, refuse(Refusal::kInternal, "sorry"));
  const auto all = events(out);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(json::parse(all[0]).at("error").is_object());
}

}  // namespace
}  // namespace oc
