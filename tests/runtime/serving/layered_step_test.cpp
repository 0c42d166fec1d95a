// Prompts with blocks that are never divided: what is computed when, counted in rows and layers.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>

#include "runtime/serving/generate.h"
#include "tests/runtime/service_fixture.h"

namespace oc {
namespace {

using fake::LayerStep;
using fake::Step;

constexpr int kCrops = 20;            // of five tokens
constexpr std::int64_t kBlock = 102;  // with BOS in front and behind
constexpr std::int64_t kChunk = 16;   // ServiceOptions::shared_chunk
constexpr int kLayers = 24;

std::unique_ptr<FakeModel> with_blocks(std::unique_ptr<FakeModel> model, bool blocks = true) {
  model->layers = kLayers;
  model->blocks_of_images = blocks;
  return model;
}

// Logits that depend on every token so far.
std::unique_ptr<FakeModel> mixing() {
  return std::make_unique<FakeModel>([](std::span<const TokenId> ids) {
    std::uint32_t state = 1;
    for (const TokenId id : ids) state = state * 31 + static_cast<std::uint32_t>(id);
    std::vector<float> logits;
    for (std::int64_t i = 0; i < fake::kVocab; ++i) {
      state = state * 1664525 + 1013904223;
      logits.push_back(static_cast<float>(state >> 20) / 1024.0f);
    }
    return logits;
  });
}

class LayeredStepTest : public SchedulerTest {
 protected:
  // A stream that runs until it is cancelled, or has said its many words.
  std::future<Result<GenerateResult>> stream() { return submit(question("ab")); }
};

TEST_F(LayeredStepTest, LayersOfABlockLieBetweenTheTokensOfOthers) {
  serve(with_blocks(repeating(200)),
        {.max_running = 4, .image_cache_bytes = 0, .shared_chunk = kChunk});
  hold(*model_);
  auto running = stream();
  entered_.get_future().wait();
  auto asked = submit(about(7, "ab", kCrops));
  open_.set_value();
  const Result<GenerateResult> result = asked.get();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->cached_tokens, 0);
  ASSERT_TRUE(running.get().ok());

  // The block: as many layers a step as a chunk's worth of work, 24 in all, a token in between.
  int layers = 0;
  bool token_between = true;
  for (const LayerStep& step : model_->layer_steps) {
    if (step.rows != kBlock) {
      EXPECT_EQ(step.layers, kLayers);
      EXPECT_LE(step.rows, kChunk + 2);
      token_between = true;
      continue;
    }
    EXPECT_TRUE(token_between);
    token_between = false;
    EXPECT_LE(step.rows * step.layers, kChunk * kLayers);
    EXPECT_EQ(step.layers, 3);
    layers += step.layers;
  }
  EXPECT_EQ(layers, kLayers);
  // Then the text behind it.
  const auto block =
      std::ranges::find_if(model_->steps, [](const Step& step) { return step.length == kBlock; });
  ASSERT_NE(block, model_->steps.end());
  EXPECT_EQ(block->position, 0);
  EXPECT_TRUE(block->image_rows);
}

TEST_F(LayeredStepTest, AShortPromptGoesPastABlock) {
  serve(with_blocks(repeating(100)),
        {.max_running = 4, .image_cache_bytes = 0, .shared_chunk = kChunk});
  hold(*model_);
  auto running = stream();
  entered_.get_future().wait();
  std::atomic<bool> block_done = false, was_first = false;
  auto asked = submit(about(7, "ab", kCrops), nullptr, [&](const auto&) { block_done = true; });
  // Asked once the block's first layers are computed.
  std::promise<void> begun, go;
  bool once = false;
  model_->on_layers = [&](std::size_t) {
    if (once || model_->layer_steps.back().rows != kBlock) return;
    once = true;
    begun.set_value();
    go.get_future().wait();
  };
  open_.set_value();
  begun.get_future().wait();
  GenerateRequest brief = question("xy");
  brief.max_tokens = 1;
  auto quick = submit(brief, nullptr, [&](const auto&) { was_first = !block_done; });
  go.set_value();
  EXPECT_TRUE(quick.get().ok());
  EXPECT_TRUE(was_first);
  EXPECT_TRUE(asked.get().ok());
  EXPECT_TRUE(running.get().ok());
}

TEST_F(LayeredStepTest, ABlockWithinAChunkIsAStepLikeOthers) {
  serve(with_blocks(repeating(2)), {.max_running = 4, .shared_chunk = kChunk});
  ask(about(7, "ab", 2));
  for (const LayerStep& step : model_->layer_steps) EXPECT_EQ(step.layers, kLayers);
  EXPECT_EQ(model_->steps[0].position, 0);
  EXPECT_GE(model_->steps[0].length, 12);
}

TEST_F(LayeredStepTest, ThePrefixCacheHasWholeBlocks) {
  serve(with_blocks(repeating(2)),
        {.max_running = 4, .image_cache_bytes = 1 << 20, .prefix_cache_bytes = 1 << 20});
  EXPECT_EQ(ask(about(7, "ab", 2)).cached_tokens, 0);
  // The block, and the space that both texts begin with.
  EXPECT_EQ(ask(about(7, "xy", 2)).cached_tokens, 13);
  EXPECT_GT(ask(about(7, "xy", 2)).cached_tokens, 13);
  EXPECT_EQ(ask(about(8, "ab", 2)).cached_tokens, 0);
  EXPECT_EQ(ask(question("cd")).cached_tokens, 0);  // BOS, but without a block
  EXPECT_EQ(ask(question("ce")).cached_tokens, 3);
}

TEST_F(LayeredStepTest, APromptThatEndsWithItsBlockIsComputedAnew) {
  auto model = std::make_unique<FakeModel>([](std::span<const TokenId> ids) {
    return FakeModel::one_hot(ids.back() == 270 ? kEnd : 270);
  });
  serve(with_blocks(std::move(model)), {.max_running = 4, .prefix_cache_bytes = 1 << 20});
  for (int i = 0; i < 2; ++i) {
    const GenerateResult result = ask(about(7, "", 2));
    EXPECT_EQ(result.prompt_tokens, 12);
    EXPECT_EQ(result.cached_tokens, 0);
    EXPECT_EQ(result.ids, std::vector<TokenId>{270});
  }
}

TEST_F(LayeredStepTest, AClientThatLeavesAmidABlockLeavesNothingBehind) {
  serve(with_blocks(repeating(100)),
        {.max_running = 4, .prefix_cache_bytes = 1 << 20, .shared_chunk = kChunk});
  std::atomic<bool> left = false;
  model_->on_layers = [&](std::size_t) {
    if (model_->layer_steps.back().rows == kBlock) left = true;
  };
  hold(*model_);
  auto running = stream();
  entered_.get_future().wait();
  GenerateRequest request = about(7, "ab", kCrops);
  request.abandoned = [&] { return left.load(); };
  auto asked = submit(request);
  open_.set_value();
  const Result<GenerateResult> result = asked.get();
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(running.get().ok());
  const auto begun = std::ranges::count_if(
      model_->layer_steps, [](const LayerStep& step) { return step.rows == kBlock; });
  EXPECT_EQ(begun, 1);
  request.abandoned = nullptr;
  EXPECT_EQ(ask(request).cached_tokens, 0);
  const auto blocks = model_->blocks;
  service_.reset();
  EXPECT_EQ(blocks->now, 0);
}

TEST_F(LayeredStepTest, AnEngineThatFailsAmidABlockFailsItsRequestAlone) {
  serve(with_blocks(repeating(100)),
        {.max_running = 4, .prefix_cache_bytes = 1 << 20, .shared_chunk = kChunk});
  model_->on_layers = [&](std::size_t) {
    if (model_->layer_steps.back().rows == kBlock) throw std::runtime_error("the device is gone");
  };
  hold(*model_);
  auto running = stream();
  entered_.get_future().wait();
  auto asked = submit(about(7, "ab", kCrops));
  open_.set_value();
  const Result<GenerateResult> result = asked.get();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kInternal);
  EXPECT_TRUE(running.get().ok());
}

// What blocks change is when something is computed, never what.
TEST_F(LayeredStepTest, AnswersAndScoresAreTheSame) {
  const auto results = [&](bool blocks, std::int64_t regime_limit) {
    auto model = with_blocks(mixing(), blocks);
    model->regime_limit = regime_limit;
    serve(std::move(model), {.max_running = 4, .shared_chunk = kChunk});
    hold(*model_);
    GenerateRequest first = question("ab");
    first.max_tokens = 150;
    auto running = submit(first);
    entered_.get_future().wait();
    GenerateRequest answers = about(7, "cd", kCrops);
    answers.n = 3;
    answers.max_tokens = 12;
    answers.sampling.temperature = 1;
    answers.sampling.seed = 5;
    GenerateRequest choices = about(7, "ef", kCrops);
    choices.choices = {"yes", "no", "perhaps"};
    auto a = submit(answers), b = submit(choices);
    open_.set_value();
    std::vector<std::vector<TokenId>> ids = {running.get()->ids};
    const Result<GenerateResult> answered = a.get(), scored = b.get();
    EXPECT_TRUE(answered.ok() && scored.ok());
    ids.push_back(answered->ids);
    for (const Answer& more : answered->more) ids.push_back(more.ids);
    std::vector<double> scores;
    for (const ChoiceScore& score : scored->scores) scores.push_back(score.logprob);
    entered_ = {};
    open_ = {};
    return std::pair(ids, scores);
  };
  // Also where answers and choices outgrow the rope regime, and all is computed again.
  for (const std::int64_t regime_limit : {1 << 20, 107})
    EXPECT_EQ(results(true, regime_limit), results(false, regime_limit)) << regime_limit;
}

TEST(LayeredStep, ALongBlockIsComputedAFewLayersAtATime) {
  GenerateRequest request = about(7, "ab", 60);
  request.images.push_back(request.images[0]);
  request.messages[0].parts.insert(request.messages[0].parts.begin(), ImagePart{1});
  const auto run = [&](bool blocks, FakeModel& model, const std::function<bool()>& cancelled) {
    model.layers = 4;
    model.blocks_of_images = blocks;
    model.regime_limit = 608;  // the answer outgrows it
    return generate(model, request, {.cancelled = cancelled});
  };
  const auto blocks = repeating(6), plain = repeating(6), given_up = repeating(6);
  const auto result = run(true, *blocks, nullptr), expected = run(false, *plain, nullptr);
  ASSERT_TRUE(result.ok() && expected.ok());
  EXPECT_EQ(result->ids, expected->ids);
  EXPECT_EQ(blocks->truncations, std::vector<std::int64_t>{0});
  const auto of_block = [](const LayerStep& step) { return step.rows == 603; };
  std::vector<int> layers;
  for (const LayerStep& step : blocks->layer_steps)
    if (of_block(step)) layers.push_back(step.layers);
  EXPECT_EQ(layers, (std::vector<int>{3, 1, 3, 1}));  // in both regimes
  // It is asked between them whether anybody still waits.
  const auto left =
      run(true, *given_up, [&] { return std::ranges::any_of(given_up->layer_steps, of_block); });
  ASSERT_FALSE(left.ok());
  EXPECT_EQ(left.error().message, "the request was cancelled during prefill");
  EXPECT_EQ(given_up->layer_steps.size(), 1u);
}

}  // namespace
}  // namespace oc
