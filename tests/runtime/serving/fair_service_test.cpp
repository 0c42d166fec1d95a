// Fair shares in the running service: places, memory and turns are counted in steps and blocks.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "runtime/serving/generate.h"
#include "tests/runtime/service_fixture.h"

namespace oc {
namespace {

// Logits that depend on every token so far; no end before `min_tokens` tokens stand there.
FakeModel::Logits mixed(std::size_t min_tokens = 0) {
  return [min_tokens](std::span<const TokenId> ids) {
    std::uint32_t state = 1;
    for (const TokenId id : ids) state = state * 31 + static_cast<std::uint32_t>(id);
    std::vector<float> logits;
    for (std::int64_t i = 0; i < fake::kVocab; ++i) {
      state = state * 1664525 + 1013904223;
      logits.push_back(static_cast<float>(state >> 20) / 1024.0f + (i >= 259 && i < 306 ? 3 : 0));
    }
    if (ids.size() < min_tokens) logits[2] = logits[kEnd] = -100;
    return logits;
  };
}

GenerateRequest drawn(std::string text, int n, int max_tokens, std::uint64_t seed = 7) {
  GenerateRequest request = question(std::move(text));
  request.n = n;
  request.max_tokens = max_tokens;
  request.sampling.temperature = 1;
  request.sampling.seed = seed;
  return request;
}

// The ids of all answers, and the numbers of all choices.
std::string bytes_of(const GenerateResult& result) {
  std::string out;
  const auto add = [&](const Answer& answer) {
    for (const TokenId id : answer.ids) out += std::to_string(id) + ' ';
    out += to_string(answer.stop_cause);
    out += '\n' + answer.text + '\n';
  };
  add(result);
  for (const Answer& answer : result.more) add(answer);
  for (const ChoiceScore& score : result.scores) out += fmt::format("{} ", score.logprob);
  return out;
}

class FairService : public SchedulerTest {};

// As it was: eight answers without an end held every place, and a question of two tokens waited for
// a thousand steps.
TEST_F(FairService, ARequestForManyAnswersLeavesAPlace) {
  auto owned = std::make_unique<FakeModel>(mixed(100'000));
  owned->mutable_info().context_length = 100'000;  // they go on until they are cancelled
  hold(*owned);
  FakeModel& model = *owned;
  serve(std::move(owned), {.max_running = 8});
  auto many = submit(drawn("hello", 8, 90'000));
  const std::shared_ptr<Job> job = last_job_;
  entered_.get_future().wait();
  open_.set_value();
  for (int i = 0; i < 20; ++i) {
    std::size_t first = 0, end = 0;
    GenerateRequest small = question("world");
    small.max_tokens = 2;
    const auto text = [&](const AnswerPiece&) {
      if (first == 0) first = model.batches.size();
    };
    EXPECT_TRUE(submit(std::move(small), text, [&](const auto&) { end = model.batches.size(); })
                    .get()
                    .ok());
    EXPECT_LE(end - first, 3u);
  }
  EXPECT_EQ(many.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  job->cancel();
  EXPECT_FALSE(many.get().ok());
  service_->drain();
  EXPECT_EQ(*std::ranges::max_element(model.batches), 8u) << "alone it had all places";
}

// Of a request that waited in the queue while many answers ran, nothing but its own steps.
TEST_F(FairService, AQuestionIsAnsweredInItsOwnSteps) {
  auto owned = std::make_unique<FakeModel>(mixed(100'000));
  hold(*owned);
  FakeModel& model = *owned;
  serve(std::move(owned), {.max_running = 4});
  auto many = submit(drawn("hello", 4, 300));
  entered_.get_future().wait();  // in the first step; what follows waits
  std::vector<std::size_t> ends;
  std::vector<std::future<Result<GenerateResult>>> small;
  for (int i = 0; i < 6; ++i) {
    GenerateRequest request = question("world");
    request.max_tokens = 2;
    small.push_back(submit(std::move(request), nullptr,
                           [&](const auto&) { ends.push_back(model.batches.size()); }));
  }
  open_.set_value();
  for (auto& one : small) EXPECT_TRUE(one.get().ok());
  EXPECT_TRUE(many.get().ok());
  service_->drain();
  ASSERT_EQ(ends.size(), 6u);
  // A prompt and two tokens each, one prompt a step: three beside the many answers at any time.
  EXPECT_LE(ends.back(), 1 + 6 + 3u);
  EXPECT_GT(model.batches.size(), 290u);
  EXPECT_LE(*std::ranges::max_element(model.batches), 4u);
}

// Every second piece of a prompt, and every second view, is the shortest one's.
TEST_F(FairService, AShortPromptIsComputedBesideALongOne) {
  auto owned = std::make_unique<FakeModel>(mixed(100'000));
  owned->mutable_info().context_length = 100'000;
  hold(*owned);
  FakeModel& model = *owned;
  serve(std::move(owned), {.preprocess_bytes = 0});
  std::string text;
  for (int i = 0; i < 8'000; ++i) text += "ab st ";  // some 60 pieces
  GenerateRequest prompt = question(text);
  prompt.max_tokens = 2;
  std::size_t prompt_ended = 0, views_before = 0;
  auto first =
      submit(std::move(prompt), nullptr, [&](const auto&) { prompt_ended = model.batches.size(); });
  entered_.get_future().wait();
  GenerateRequest pictures = about(1, "hello", 60);
  pictures.max_tokens = 2;
  auto second = submit(std::move(pictures), nullptr, nullptr);
  std::vector<std::size_t> ends;
  std::vector<std::future<Result<GenerateResult>>> small;
  for (int i = 0; i < 2; ++i) {
    GenerateRequest request = i == 0 ? question("world") : about(2, "world", 1);
    request.max_tokens = 2;
    small.push_back(submit(std::move(request), nullptr, [&](const auto&) {
      ends.push_back(model.batches.size());
      views_before = static_cast<std::size_t>(model.tiles);
    }));
  }
  open_.set_value();
  for (auto& one : small) EXPECT_TRUE(one.get().ok());
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
  service_->drain();
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_LE(ends.front(), 8u);
  EXPECT_LE(ends.back(), 20u);
  EXPECT_LE(views_before, 12u);
  EXPECT_GT(prompt_ended, 55u);
}

TEST_F(FairService, AnswersInWavesAreTheSameAnswers) {
  const FakeModel alone(mixed(60));
  const GenerateRequest many = drawn("hello", 6, 80);
  const auto expected = generate(alone, many, {});
  ASSERT_TRUE(expected.ok());
  auto owned = std::make_unique<FakeModel>(mixed(60));
  hold(*owned);
  FakeModel& model = *owned;
  serve(std::move(owned), {.max_running = 6, .shared_chunk = 16});
  std::map<std::size_t, std::string> streamed;
  auto first = submit(question("world"));  // of 60 tokens or more, held in its first step
  entered_.get_future().wait();
  auto waves =
      submit(many, [&](const AnswerPiece& piece) { streamed[piece.choice] += piece.text; });
  std::vector<std::future<Result<GenerateResult>>> others;
  for (int i = 0; i < 30; ++i)
    others.push_back(submit(drawn("ab st " + std::to_string(i), 1 + i % 2, 40 + i, 100)));
  open_.set_value();
  const auto result = waves.get();
  ASSERT_TRUE(result.ok());
  for (auto& one : others) EXPECT_TRUE(one.get().ok());
  EXPECT_TRUE(first.get().ok());
  service_->drain();
  EXPECT_EQ(bytes_of(*result), bytes_of(*expected));
  EXPECT_EQ(streamed[0], expected->text);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(streamed[i + 1], expected->more[i].text);
  EXPECT_LE(*std::ranges::max_element(model.batches), 6u);
}

// An answer that may want all memory has what it holds; what it does not hold yet is lent.
TEST_F(FairService, ALongAnswerLendsTheMemoryThatItDoesNotHoldYet) {
  for (const int n : {1, 3}) {
    auto owned = std::make_unique<FakeModel>(mixed(100'000));
    owned->mutable_info().kv_token_bytes = 1;
    entered_ = {};
    open_ = {};
    hold(*owned);
    FakeModel& model = *owned;
    serve(std::move(owned), {.max_running = 4, .kv_bytes = 64 * 12});
    // 12 blocks, all there are.
    const GenerateRequest large = drawn("hello", n, n == 1 ? 750 : 245);
    auto many = submit(large);
    entered_.get_future().wait();
    std::vector<std::size_t> ends;
    std::vector<std::future<Result<GenerateResult>>> small;
    for (int i = 0; i < 6; ++i)
      small.push_back(submit(drawn("world", 1, 20), nullptr,
                             [&](const auto&) { ends.push_back(model.batches.size()); }));
    open_.set_value();
    for (auto& one : small) EXPECT_TRUE(one.get().ok());
    const auto result = many.get();
    ASSERT_TRUE(result.ok());
    service_->drain();
    ASSERT_EQ(ends.size(), 6u);
    EXPECT_LE(ends.back(), 80u) << n;
    EXPECT_LE(model.blocks->peak, 12);
    EXPECT_EQ(bytes_of(*result), bytes_of(*generate(FakeModel(mixed(100'000)), large, {})));
  }
}

TEST_F(FairService, ASmallRequestPassesALargeOneSoOftenAndNoMore) {
  auto owned = std::make_unique<FakeModel>(mixed(100'000));
  owned->mutable_info().kv_token_bytes = 1;
  hold(*owned);
  FakeModel& model = *owned;
  serve(std::move(owned), {.max_running = 3, .kv_bytes = 64 * 4});
  auto running = submit(drawn("hello", 1, 200));  // may want all four blocks
  entered_.get_future().wait();
  int ended_before = 0;
  bool begun = false;
  auto large = submit(drawn("hello", 1, 240), [&](const AnswerPiece&) { begun = true; });
  std::vector<std::future<Result<GenerateResult>>> small;
  for (int i = 0; i < 40; ++i)
    small.push_back(
        submit(drawn("world", 1, 2), nullptr, [&](const auto&) { ended_before += begun ? 0 : 1; }));
  open_.set_value();
  EXPECT_TRUE(running.get().ok());
  EXPECT_TRUE(large.get().ok());
  for (auto& one : small) EXPECT_TRUE(one.get().ok());
  service_->drain();
  EXPECT_EQ(ended_before, kMaxPasses);
  EXPECT_LE(model.blocks->peak, 4);
}

// The same for one that runs, and stands still because the memory that it wants is lent.
TEST_F(FairService, WhatStandsStillIsPassedSoOftenAndNoMore) {
  auto owned = std::make_unique<FakeModel>(mixed(100'000));
  owned->mutable_info().kv_token_bytes = 1;
  hold(*owned);
  FakeModel& model = *owned;
  serve(std::move(owned), {.max_queue = 200, .max_running = 8, .kv_bytes = 64 * 8});
  int ended_before = 0;
  bool ended = false;
  auto large = submit(drawn("hello", 1, 490), nullptr, [&](const auto&) { ended = true; });
  entered_.get_future().wait();
  std::vector<std::future<Result<GenerateResult>>> small;
  for (int i = 0; i < 150; ++i)
    small.push_back(submit(drawn("world", 1, 40), nullptr,
                           [&](const auto&) { ended_before += ended ? 0 : 1; }));
  open_.set_value();
  EXPECT_TRUE(large.get().ok());
  for (auto& one : small) EXPECT_TRUE(one.get().ok());
  service_->drain();
  EXPECT_LT(ended_before, 100) << "it waited for nearly all of them";
  EXPECT_LE(model.blocks->peak, 8);
}

// Whatever each shows as its key.
TEST_F(FairService, AskersTakeTurns) {
  auto owned = repeating(5);
  hold(*owned);
  serve(std::move(owned), {.max_running = 2});
  std::vector<std::string> order;
  std::vector<std::future<Result<GenerateResult>>> all;
  const auto ask_as = [&](const std::string& asker, const std::string& name) {
    GenerateRequest request = question("hello");
    request.client = name;
    request.asker = asker;
    all.push_back(submit(std::move(request), nullptr,
                         [&order, name](const auto&) { order.push_back(name); }));
  };
  ask_as("a", "a1");
  entered_.get_future().wait();
  for (const char* name : {"a2", "a3", "a4"}) ask_as("a", name);
  for (const char* name : {"b1", "b2"}) ask_as("b", name);
  open_.set_value();
  for (auto& one : all) EXPECT_TRUE(one.get().ok());
  service_->drain();
  EXPECT_EQ(order, (std::vector<std::string>{"a1", "b1", "a2", "b2", "a3", "a4"}));
}

// Random company under little memory: every request gets the answer that it gets alone, and never
// are there more blocks than there may be.
TEST_F(FairService, WhateverComesFitsAndIsTheSame) {
  std::mt19937 random(11);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 12; ++round) {
    const std::int64_t blocks = 10 + below(12);
    auto owned = std::make_unique<FakeModel>(mixed(20));
    owned->mutable_info().kv_token_bytes = 1;
    owned->regime_limit = round % 2 == 0 ? 110 : 1 << 20;
    FakeModel& model = *owned;
    serve(std::move(owned), {.max_running = static_cast<std::size_t>(4 + below(5)),
                             .kv_bytes = static_cast<std::size_t>(blocks * 64),
                             .prefix_cache_bytes = static_cast<std::size_t>(round % 3 * 128),
                             .shared_chunk = 16});
    struct Asked {
      GenerateRequest request;
      std::future<Result<GenerateResult>> result;
    };
    std::vector<Asked> all;
    for (int i = 0; i < 40; ++i) {
      std::string text;
      for (int words = below(20); words >= 0; --words) text += below(2) != 0 ? "hello " : "ab st ";
      GenerateRequest request =
          below(4) == 0 ? about(static_cast<std::uint8_t>(below(3)), text) : question(text);
      request.asker = std::to_string(below(3));
      request.max_tokens = 1 + below(150);
      switch (below(4)) {
        case 0:
          request.choices = {"hello", "world " + text, text + "ab"};
          break;
        case 1:
          request.draft_tokens = 5;
          break;
        default:
          request.n = 1 + below(4);
          request.sampling.temperature = 1;
          request.sampling.seed = static_cast<std::uint64_t>(i);
      }
      auto promise = std::make_shared<Promise>();
      auto future = promise->get_future();
      const auto job = service_->submit(
          request, nullptr, [promise](auto result) { promise->set_value(std::move(result)); });
      if (job.ok())
        all.push_back({std::move(request), std::move(future)});
      else  // more than all memory, or too many answers
        EXPECT_NE(job.error().code, ErrorCode::kInternal) << job.error().message;
    }
    EXPECT_GT(all.size(), 15u);
    for (Asked& one : all) {
      const auto result = one.result.get();
      ASSERT_TRUE(result.ok()) << result.error().message;
      FakeModel alone(mixed(20));
      alone.regime_limit = model.regime_limit;
      const auto expected = generate(alone, one.request, {});
      ASSERT_TRUE(expected.ok());
      EXPECT_EQ(bytes_of(*result), bytes_of(*expected)) << "round " << round;
    }
    service_->drain();
    EXPECT_LE(model.blocks->peak, blocks) << "round " << round;
    EXPECT_EQ(service_->stats().kv_reserved_bytes, 0u);
    service_.reset();
  }
}

}  // namespace
}  // namespace oc
