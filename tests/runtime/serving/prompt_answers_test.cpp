// Several prompts of one request: how their answers become one, and how they run in a service.
#include "runtime/serving/prompt_answers.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/runtime/service_fixture.h"

namespace oc {
namespace {

GenerateResult said(std::string text, std::int64_t tokens) {
  GenerateResult out;
  out.text = std::move(text);
  out.prompt_tokens = 10 * tokens;
  out.cached_tokens = tokens - 1;
  out.completion_tokens = tokens;
  out.timings.ttft_ms = static_cast<double>(10 * tokens);
  out.timings.total_ms = static_cast<double>(100 * tokens);
  return out;
}

TEST(JoinedAnswers, StandInTheOrderOfThePrompts) {
  const auto budget = std::make_shared<MemoryBudget>(1000);
  std::vector<GenerateResult> answers = {said("a", 2), said("b", 3)};
  for (GenerateResult& one : answers) {
    one.more.emplace_back().text = one.text + "2";
    one.cached = one.text == "a";
    one.memory = std::make_shared<Reservation>(budget);
    ASSERT_TRUE(one.memory->grow_to(100));
  }
  answers[1].warning = "of b";
  {
    const GenerateResult all = joined(std::move(answers));
    std::string texts = all.text;
    for (const Answer& one : all.more) texts += ' ' + one.text;
    EXPECT_EQ(texts, "a a2 b b2");
    EXPECT_EQ(all.more[1].warning, "of b");
    EXPECT_EQ(all.prompt_tokens, 50);
    EXPECT_EQ(all.cached_tokens, 3);
    EXPECT_EQ(all.completion_tokens, 5);
    EXPECT_FALSE(all.cached) << "one of them was computed";
    EXPECT_EQ(all.timings.ttft_ms, 20);
    EXPECT_EQ(all.timings.total_ms, 300);
    EXPECT_EQ(all.timings.decode_ms, 280);
    EXPECT_EQ(all.memory->bytes(), 200u);
    EXPECT_EQ(budget->used(), 200u);
  }
  EXPECT_EQ(budget->used(), 0u);
}

TEST(JoinedAnswers, AnErrorNamesItsPrompt) {
  const Error ids = of_prompt(
      {ErrorCode::kInvalidArgument, "\"prompt[2]\" is 7, which is no token", "ask", "prompt[2]"},
      5);
  EXPECT_EQ(ids.param, "prompt[5][2]");
  EXPECT_EQ(ids.message, "\"prompt[5][2]\" is 7, which is no token");
  const Error length =
      of_prompt({ErrorCode::kContextLength, "the prompt is long", "", "prompt"}, 0);
  EXPECT_EQ(length.param, "prompt[0]");
  EXPECT_EQ(length.message, "\"prompt[0]\": the prompt is long");
  const Error other = of_prompt({ErrorCode::kInvalidArgument, "\"prompts\"", "", "prompts"}, 1);
  EXPECT_EQ(other.param + other.message, "prompts\"prompts\"");
}

TEST(PromptAnswers, TheFirstErrorEndsTheOthersAndIsToldLast) {
  const auto job = std::make_shared<Job>();
  std::vector<std::string> heard;
  PromptAnswers answers(
      3, 2, job,
      [&](const AnswerPiece& piece) { heard.push_back(fmt::format("{}", piece.choice)); },
      [&](const Result<GenerateResult>& result) { heard.push_back(result.error().message); });
  answers.piece(2, {.text = "x", .choice = 1});
  answers.done(0, said("a", 1));
  EXPECT_FALSE(job->cancelled());
  answers.done(1, Error{ErrorCode::kInternal, "broken"});
  EXPECT_TRUE(job->cancelled());
  answers.piece(2, {.text = "y"});
  EXPECT_EQ(heard, (std::vector<std::string>{"5"})) << "one of them has not ended";
  answers.done(2, Error{ErrorCode::kCancelled, "cancelled"});
  EXPECT_EQ(heard, (std::vector<std::string>{"5", "broken"}));
}

// The prompts' texts are single words of the tokenizer, so that their answers differ.
GenerateRequest of_words(std::vector<std::string> words) {
  GenerateRequest request;
  request.id = "several";
  request.raw_prompt = RawPrompt{.text = words.front()};
  for (std::size_t i = 1; i < words.size(); ++i) request.more_prompts.push_back({.text = words[i]});
  return request;
}

class SeveralPrompts : public SchedulerTest {
 protected:
  std::string text_of(const std::string& word, std::uint64_t seed = 0) {
    GenerateRequest request = of_words({word});
    request.sampling.seed = seed;
    return ask(std::move(request)).text;
  }
};

TEST_F(SeveralPrompts, AreAnsweredTogetherAsEachAlone) {
  auto owned = repeating(4);
  hold(*owned);
  FakeModel& model = *owned;
  serve(std::move(owned), {.max_running = 8});
  std::map<std::size_t, std::string> streamed;
  auto all = submit(of_words({"hello", "world", "hello"}),
                    [&](const AnswerPiece& piece) { streamed[piece.choice] += piece.text; });
  open_.set_value();
  const GenerateResult result = all.get().value();
  service_->drain();
  EXPECT_EQ(std::ranges::max(model.batches), 3u) << "they ran beside each other";
  EXPECT_EQ(service_->stats().accepted, 3u);
  EXPECT_EQ(service_->stats().completed, 3u);
  ASSERT_EQ(result.more.size(), 2u);
  EXPECT_EQ(streamed, (std::map<std::size_t, std::string>{
                          {0, result.text}, {1, result.more[0].text}, {2, result.more[1].text}}));
  serve(repeating(4), {});
  EXPECT_EQ(result.text, text_of("hello"));
  EXPECT_EQ(result.more[0].text, text_of("world"));
  EXPECT_EQ(result.more[1].text, result.text);
  EXPECT_NE(result.more[0].text, result.text);
}

// Each counts as one of its asker's.
TEST_F(SeveralPrompts, TakeTurnsWithOtherAskers) {
  auto owned = repeating(5);
  hold(*owned);
  serve(std::move(owned), {.max_running = 2, .response_cache_bytes = 0});
  std::vector<std::string> order;
  std::set<std::string> begun;
  std::vector<std::future<Result<GenerateResult>>> all;
  const auto ask_as = [&](const std::string& asker, const std::string& name,
                          std::vector<std::string> words) {
    GenerateRequest request = of_words(std::move(words));
    request.client = name;
    request.asker = asker;
    all.push_back(submit(std::move(request), [&order, &begun, name](const AnswerPiece& piece) {
      const std::string one = fmt::format("{}/{}", name, piece.choice);
      if (begun.insert(one).second) order.push_back(one);
    }));
  };
  ask_as("a", "first", {"hello"});
  entered_.get_future().wait();
  ask_as("a", "several", {"hello", "world", "hello"});
  for (const char* name : {"b1", "b2"}) ask_as("b", name, {"world"});
  open_.set_value();
  for (auto& one : all) EXPECT_TRUE(one.get().ok());
  service_->drain();
  EXPECT_EQ(order, (std::vector<std::string>{"first/0", "b1/0", "several/0", "b2/0", "several/1",
                                             "several/2"}));
}

TEST_F(SeveralPrompts, AllAreAcceptedOrNone) {
  auto owned = repeating(2);
  hold(*owned);
  serve(std::move(owned), {.max_queue = 2, .max_running = 1, .response_cache_bytes = 0});
  auto running = submit(of_words({"hello"}));
  entered_.get_future().wait();
  const auto refused = [&](GenerateRequest request) {
    const auto job = service_->submit(std::move(request), nullptr,
                                      [](const Result<GenerateResult>&) { FAIL(); });
    return job.ok() ? Error{ErrorCode::kInternal, "it was accepted"} : job.error();
  };
  const Error full = refused(of_words({"hello", "hello", "world"}));
  EXPECT_EQ(full.code, ErrorCode::kQueueFull);
  EXPECT_NE(full.message.find("3 prompts"), std::string::npos) << full.message;
  EXPECT_EQ(refused(of_words({"a", "b", "c", "d"})).code, ErrorCode::kInvalidArgument)
      << "there never is room for them";
  GenerateRequest wrong = of_words({"hello", "hello"});
  wrong.more_prompts[0] = {.ids = {260, 1'000'000}};
  EXPECT_EQ(refused(std::move(wrong)).param, "prompt[1][1]");
  EXPECT_EQ(service_->stats().queued, 0u);
  auto two = submit(of_words({"hello", "world"}));
  EXPECT_EQ(service_->stats().queued, 2u);
  open_.set_value();
  EXPECT_TRUE(running.get().ok());
  EXPECT_EQ(two.get()->more.size(), 1u);
}

TEST_F(SeveralPrompts, OneThatBreaksEndsThem) {
  auto owned = repeating(100'000);
  owned->mutable_info().context_length = 100'000;
  owned->on_step = [](std::size_t step) { OC_CHECK(step != 1, "broken on purpose"); };
  serve(std::move(owned), {.max_running = 1});
  const auto result = submit(of_words({"hello", "world", "hello"})).get();
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("broken on purpose"), std::string::npos);
  service_->drain();
  EXPECT_EQ(service_->stats().failed, 1u);
  EXPECT_EQ(service_->stats().cancelled, 2u);
}

TEST_F(SeveralPrompts, WhoLeavesEndsThemAll) {
  auto owned = repeating(100'000);
  owned->mutable_info().context_length = 100'000;
  hold(*owned);
  serve(std::move(owned), {.max_running = 2});
  auto all = submit(of_words({"hello", "world", "hello"}));
  entered_.get_future().wait();
  last_job_->cancel();
  open_.set_value();
  EXPECT_EQ(all.get().error().code, ErrorCode::kCancelled);
  service_->drain();
  EXPECT_EQ(service_->stats().cancelled, 3u);
}

TEST_F(SeveralPrompts, WhatIsKnownIsNotComputedAgain) {
  serve(repeating(3), {.max_queue = 8, .response_cache_bytes = 1u << 20});
  const std::string hello = text_of("hello"), world = ask(of_words({"world"})).text;
  std::map<std::size_t, std::string> pieces, known;
  const auto hear = [&](const AnswerPiece& piece) {
    (piece.whole ? known : pieces)[piece.choice] += piece.text;
  };
  GenerateRequest request = of_words({"hello", "world"});
  request.sampling.seed = 0;  // "world" has been asked without one
  request.sampling.temperature = 0;
  const auto mixed = submit(request, hear).get();
  ASSERT_TRUE(mixed.ok());
  EXPECT_EQ(mixed->text, hello);
  EXPECT_EQ(mixed->more[0].text, world);
  const auto again = submit(request, hear).get();
  EXPECT_TRUE(again->cached);
  EXPECT_EQ(again->more[0].text, world);
  EXPECT_EQ(known[0], hello + hello) << "it was known both times";
  EXPECT_EQ(service_->stats().responses.hits, 3u);
}

}  // namespace
}  // namespace oc
