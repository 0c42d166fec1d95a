#include "api/openai/chat_response.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <limits>
#include <string>
#include <vector>

#include "api/model_states.h"
#include "api/openai/models_json.h"
#include "api/original_fields.h"
#include "runtime/answer_memory.h"

namespace oc {
namespace {

namespace json = boost::json;

AnswerHead head() { return {"chatcmpl-1", 1700000000, "demo", "fp_abc", {}}; }

GenerateResult result() {
  GenerateResult out;
  out.text = "Two \"cats\"\n\xf0\x9f\x90\x88";
  out.finish_reason = FinishReason::kLength;
  out.stop_cause = StopCause::kMaxTokens;
  out.prompt_tokens = 800;
  out.image_tokens = 757;
  out.cached_tokens = 700;
  out.completion_tokens = 5;
  out.seed = 42;
  out.timings.ttft_ms = 12.5;
  out.timings.decode_tokens_per_second = std::numeric_limits<double>::quiet_NaN();
  ImagePlan plan;
  plan.width = 640;
  plan.height = 480;
  plan.description.answer = {{"num_crops", 4}, {"crops", {2, 2}}, {"effective_size", {672, 504}}};
  plan.tokens = 757;
  out.images.push_back(plan);
  return out;
}

void expect_usage(const json::value& usage) {
  EXPECT_EQ(usage.at("prompt_tokens"), 800);
  EXPECT_EQ(usage.at("completion_tokens"), 5);
  EXPECT_EQ(usage.at("total_tokens"), 805);
  EXPECT_EQ(usage.at("prompt_tokens_details").at("cached_tokens"), 700);
  EXPECT_EQ(usage.at("prompt_tokens_details").at("image_tokens"), 757);
}

void expect_head(const json::value& value, std::string_view object) {
  EXPECT_EQ(value.at("id"), "chatcmpl-1");
  EXPECT_EQ(value.at("object"), json::value(object));
  EXPECT_EQ(value.at("created"), 1700000000);
  EXPECT_EQ(value.at("model"), "demo");
  EXPECT_EQ(value.at("system_fingerprint"), "fp_abc");
}

// Bytes of every kind: text, escapes, halves of code points.
ScoredToken scored(std::size_t seed, std::size_t length) {
  ScoredToken out{.bytes = {}, .control = false, .logprob = -1.0 / 3 - static_cast<double>(seed)};
  for (std::size_t i = 0; i < length; ++i)
    out.bytes += static_cast<char>(seed * 37 + i * (seed % 5 + 1));
  return out;
}

TEST(Completion, TakesNoMoreMemoryThanItIsCountedFor) {
  GenerateResult large = result();
  large.more.resize(3, large);
  for (Answer* const answer :
       {static_cast<Answer*>(&large), &large.more[0], &large.more[1], &large.more[2]})
    for (std::size_t i = 0; i < 200; ++i) {
      TokenLogprobs token{scored(i, i % 40), {}};
      for (std::size_t j = 0; j < 20; ++j) token.top.push_back(scored(i + j, (i + j) % 40));
      for (const char c : token.bytes) answer->text += static_cast<char>(c & 0x7f);
      answer->logprobs.push_back(std::move(token));
    }
  const std::size_t counted = memory_of(large).json;
  const std::string text = completion_json(head(), large, true);
  EXPECT_LE(text.size(), counted + 4096);
  EXPECT_LE(text.capacity(), counted + 4096) << "it has not grown beyond";
  EXPECT_GT(text.size(), counted / 3) << "and nobody is refused for nothing";
  const json::value read = json::parse(text);
  ASSERT_EQ(read.at("choices").as_array().size(), 4u);
  const json::value& last = read.at("choices").at(3);
  EXPECT_EQ(last.at("index"), 3);
  EXPECT_EQ(last.at("logprobs").at("content").as_array().size(), 200u);
  EXPECT_EQ(last.at("logprobs").at("content").at(7).at("top_logprobs").as_array().size(), 20u);
  EXPECT_EQ(last.at("logprobs").at("refusal"), nullptr);
}

TEST(Completion, HasWhatClientsRead) {
  const std::string text = completion_json(head(), result());
  const json::value value = json::parse(text);
  // Numbers in their usual form, times included.
  EXPECT_NE(text.find("\"queue_ms\":0.0,"), std::string::npos) << text;
  EXPECT_NE(text.find("\"ttft_ms\":12.5,"), std::string::npos) << text;
  expect_head(value, "chat.completion");
  const json::value& choice = value.at("choices").at(0);
  EXPECT_EQ(choice.at("index"), 0);
  EXPECT_EQ(choice.at("message").at("role"), "assistant");
  EXPECT_EQ(choice.at("message").at("content"), json::value(result().text));
  EXPECT_TRUE(choice.at("logprobs").is_null());
  EXPECT_EQ(choice.at("finish_reason"), "length");
  expect_usage(value.at("usage"));
  EXPECT_EQ(value.as_object().count("warning"), 0u);
  const json::value& ours = value.at("ocellus");
  EXPECT_EQ(ours.at("seed").to_number<std::uint64_t>(), 42u);
  EXPECT_EQ(ours.at("stop_cause"), json::value(to_string(StopCause::kMaxTokens)));
  EXPECT_EQ(ours.at("images").at(0).at("effective_size"), json::value({672, 504}));
  EXPECT_EQ(ours.at("images").at(0).at("tokens"), 757);
  EXPECT_EQ(ours.at("timings").at("ttft_ms"), 12.5);
  EXPECT_EQ(ours.at("timings").at("decode_tokens_per_second"), 0.0);
}

TEST(Completion, AnEmptyAnswerSaysWhy) {
  GenerateResult empty = result();
  empty.text.clear();
  empty.finish_reason = FinishReason::kStop;
  empty.warning = "the first token ended the answer";
  const json::value value = json::parse(completion_json(head(), empty));
  EXPECT_EQ(value.at("warning"), "the first token ended the answer");
  EXPECT_EQ(value.at("choices").at(0).at("finish_reason"), "stop");
  const ChunkWriter chunks(head(), false);
  EXPECT_EQ(json::parse(chunks.finish(empty)).at("warning"), "the first token ended the answer");
}

TEST(Completion, WhatIsToldOfTheRequestStandsBeforeWhatIsToldOfTheAnswer) {
  AnswerHead told = head();
  told.warning = "without effect here: store";
  GenerateResult answer = result();
  answer.more.resize(1);
  answer.more[0].warning = "the second is empty";
  const ChunkWriter chunks(told, true);
  EXPECT_EQ(json::parse(completion_json(told, answer)).at("warning"),
            "without effect here: store; choices 1: the second is empty");
  EXPECT_EQ(json::parse(chunks.finish(answer)).at("warning"), "without effect here: store");
  answer.warning = "empty";
  EXPECT_EQ(json::parse(completion_json(told, answer)).at("warning"),
            "without effect here: store; empty; choices 1: the second is empty");
  EXPECT_EQ(json::parse(chunks.finish(answer)).at("warning"), "without effect here: store; empty");
  // Once a stream: of several answers in the first one's chunk.
  EXPECT_EQ(json::parse(chunks.finish_more(answer.more[0], 1)).at("warning"),
            "the second is empty");
  for (const std::string& chunk :
       {chunks.role(), chunks.piece({.text = "x"}), chunks.usage(answer)})
    EXPECT_EQ(json::parse(chunk).as_object().count("warning"), 0u) << chunk;
}

TEST(Chunks, InOrder) {
  const ChunkWriter chunks(head(), false);
  const json::value role = json::parse(chunks.role());
  expect_head(role, "chat.completion.chunk");
  EXPECT_EQ(role.at("choices").at(0).at("delta").at("role"), "assistant");
  EXPECT_EQ(role.at("choices").at(0).at("delta").at("content"), "");
  EXPECT_TRUE(role.at("choices").at(0).at("finish_reason").is_null());
  EXPECT_EQ(role.as_object().count("usage"), 0u);

  const json::value text = json::parse(chunks.piece({.text = "a\"\\\n\x01ü"}));
  expect_head(text, "chat.completion.chunk");
  EXPECT_EQ(text.at("choices").at(0).at("delta"), json::value({{"content", "a\"\\\n\x01ü"}}));
  EXPECT_TRUE(text.at("choices").at(0).at("logprobs").is_null());

  const json::value finish = json::parse(chunks.finish(result()));
  expect_head(finish, "chat.completion.chunk");
  EXPECT_EQ(finish.at("choices").at(0).at("delta").as_object().size(), 0u);
  EXPECT_EQ(finish.at("choices").at(0).at("finish_reason"), "length");
  EXPECT_EQ(finish.at("ocellus").at("images").as_array().size(), 1u);
}

TEST(Chunks, UsageIsNullUntilTheLast) {
  const ChunkWriter chunks(head(), true);
  for (const std::string& chunk :
       {chunks.role(), chunks.piece({.text = "x"}), chunks.finish(result())}) {
    const json::value value = json::parse(chunk);
    ASSERT_EQ(value.as_object().count("usage"), 1u) << chunk;
    EXPECT_TRUE(value.at("usage").is_null());
  }
  const json::value usage = json::parse(chunks.usage(result()));
  expect_head(usage, "chat.completion.chunk");
  EXPECT_TRUE(usage.at("choices").as_array().empty());
  expect_usage(usage.at("usage"));
}

TEST(Chunks, AreOneLineEach) {
  const ChunkWriter chunks(head(), true);
  for (const std::string& chunk :
       {chunks.role(), chunks.piece({.text = "a\nb\r\n\xe2\x80\xa8"}), chunks.finish(result())})
    EXPECT_EQ(chunk.find_first_of("\r\n"), std::string::npos) << chunk;
}

TEST(Models, ListAndNames) {
  ServedModel model;
  model.name = "ocellus-demo";
  model.aliases = {"demo"};
  model.fingerprint = "0123456789abcdef";
  model.context_length = 4096;
  EXPECT_TRUE(model.answers_to(""));
  EXPECT_TRUE(model.answers_to("ocellus-demo"));
  EXPECT_TRUE(model.answers_to("demo"));
  EXPECT_FALSE(model.answers_to("gpt-4o"));
  const std::vector<std::string> installed = {"demo", "org/other"};
  const json::value list = json::parse(ModelList({&model, 1}, installed).json());
  EXPECT_EQ(list.at("object"), "list");
  EXPECT_EQ(list.at("data").at(0).at("id"), "ocellus-demo");
  EXPECT_EQ(list.at("data").at(0).at("object"), "model");
  EXPECT_EQ(list.at("data").at(0).at("owned_by"), "ocellus");
  ASSERT_EQ(list.at("data").as_array().size(), 2u);  // "demo" is there already
  EXPECT_EQ(list.at("data").at(1).at("id"), "org/other");
  EXPECT_EQ(list.at("data").at(1).at("state"), "absent");
  EXPECT_EQ(list.at("data").at(1).at("architecture"), list.at("data").at(0).at("architecture"));
  json::object first = list.at("data").at(0).as_object();
  EXPECT_EQ(first.at("aliases"), json::value(json::array{"demo"}));
  first.erase("aliases");  // which the list alone knows
  EXPECT_EQ(first, json::parse(model_json(model)));
  // The length of the context, where the programs made for other servers look for it.
  model.architecture = "phi3_v";
  const json::value told = json::parse(model_json(model));
  for (const char* key : {"context_length", "context_window", "max_model_len", "max_context_length",
                          "loaded_context_length"})
    EXPECT_EQ(told.at(key), 4096) << key;
  EXPECT_EQ(told.at("meta").at("n_ctx"), 4096);
  EXPECT_EQ(told.at("meta").at("n_ctx_train"), 4096);
  EXPECT_EQ(told.at("capabilities").at("context_length"), 4096);
  EXPECT_EQ(told.at("arch"), "phi3_v");
  EXPECT_EQ(told.at("architecture").at("modality"), "text+image->text");
  EXPECT_EQ(told.at("architecture").at("input_modalities"), json::value({"text", "image"}));
  EXPECT_EQ(told.at("architecture").at("output_modalities"), json::value(json::array{"text"}));
  EXPECT_TRUE(told.at("architecture").at("tokenizer").is_string());
  model.state = "failed";
  model.why = "it is short";
  model.idle_s = 1.5;
  const json::array states = model_states({&model, 1});
  EXPECT_EQ(states.at(0).at("state"), "failed");
  EXPECT_EQ(states.at(0).at("why"), "it is short");
  EXPECT_EQ(states.at(0).at("idle_ms"), 1500);
  EXPECT_FALSE(states.at(0).as_object().contains("load_ms"));
  model.loads = 1;
  model.load_ms = 250.4;
  EXPECT_EQ(model_states({&model, 1}).at(0).at("load_ms"), 250);
  EXPECT_EQ(make_answer_head(model, "id", 5).system_fingerprint, "fp_0123456789ab");
}

TEST(OriginalFields, StandBesideTheOthers) {
  const OriginalModel model{"CPU", true};
  GenerateResult answer = result();
  answer.timings.total_ms = 1234;
  const json::value out =
      json::parse(with_original_fields(completion_json(head(), answer), model, answer));
  expect_head(out, "chat.completion");
  EXPECT_EQ(out.at("performance").at("processing_time"), "1.23s");
  EXPECT_EQ(out.at("performance").at("method"), "CPU");
  EXPECT_EQ(out.at("method"), "CPU");
  EXPECT_EQ(out.at("optimized"), true);
}

TEST(OpenaiResponse, LogprobsHaveOpenaisShape) {
  GenerateResult answer = result();
  TokenLogprobs token{{"\xc3", false, -0.5}, {{"a", false, -0.25}, {"<|end|>", true, -1.0 / 0.0}}};
  answer.logprobs = {token};
  answer.more.resize(1);
  answer.more[0].text = "other";
  const json::value whole = json::parse(completion_json(AnswerHead{}, answer, true));
  ASSERT_EQ(whole.at("choices").as_array().size(), 2u);
  EXPECT_EQ(whole.at("choices").at(1).at("index"), 1);
  EXPECT_EQ(whole.at("choices").at(1).at("message").at("content"), "other");
  const json::value expected = json::parse(
      R"({"content":[{"token":"bytes:\\xc3","logprob":-0.5,"bytes":[195],"top_logprobs":[
          {"token":"a","logprob":-0.25,"bytes":[97]},
          {"token":"<|end|>","logprob":-9999.0,"bytes":null}]}],"refusal":null})");
  EXPECT_EQ(whole.at("choices").at(0).at("logprobs"), expected);
  const ChunkWriter chunks({}, false);
  const json::value chunk =
      json::parse(chunks.piece({.text = "x", .choice = 3, .tokens = answer.logprobs}));
  EXPECT_EQ(chunk.at("choices").at(0).at("logprobs"), expected);
  EXPECT_EQ(chunk.at("choices").at(0).at("index"), 3);
}

}  // namespace
}  // namespace oc
