// Many requests at once: what runs together, what waits, what is not computed twice.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>

#include "tests/runtime/service_fixture.h"

namespace oc {
namespace {

TEST_F(SchedulerTest, AnswersGrowTogether) {
  auto model = repeating(20);
  hold(*model);
  serve(std::move(model), {});
  std::vector<std::future<Result<GenerateResult>>> all;
  all.push_back(submit(question("hello")));
  entered_.get_future().wait();
  for (int i = 0; i < 3; ++i) all.push_back(submit(question("world")));
  open_.set_value();
  for (auto& one : all) EXPECT_EQ(one.get()->ids.size(), 20u);
  service_->drain();
  EXPECT_EQ(*std::max_element(model_->batches.begin(), model_->batches.end()), 4u);
}

TEST_F(SchedulerTest, NoMoreRunThanMay) {
  auto model = repeating(5);
  hold(*model);
  serve(std::move(model), {.max_running = 2});
  std::vector<std::future<Result<GenerateResult>>> all;
  for (int i = 0; i < 6; ++i) all.push_back(submit(question("hello")));
  entered_.get_future().wait();
  open_.set_value();
  for (auto& one : all) EXPECT_TRUE(one.get().ok());
  service_->drain();
  EXPECT_EQ(*std::max_element(model_->batches.begin(), model_->batches.end()), 2u);
}

TEST_F(SchedulerTest, ALongPromptLetsAnswersFlow) {
  auto model = repeating(40);
  hold(*model);
  serve(std::move(model), {.shared_chunk = 16});
  auto running = submit(question("hello"));
  entered_.get_future().wait();
  std::string text;
  for (int i = 0; i < 100; ++i) text += "ab st ";
  auto late = submit(question(text));
  open_.set_value();
  EXPECT_TRUE(running.get().ok());
  EXPECT_TRUE(late.get().ok());
  service_->drain();
  // While the first still runs each piece of the long prompt goes with one of its tokens.
  bool shared = false;
  std::size_t step = 0;
  for (const std::size_t inputs : model_->batches) {
    std::int64_t longest = 0;
    for (std::size_t i = 0; i < inputs; ++i)
      longest = std::max(longest, model_->steps[step + i].length);
    step += inputs;
    if (inputs < 2) continue;
    shared = true;
    EXPECT_LE(longest, 16);
  }
  EXPECT_TRUE(shared);
}

// Between two tokens of a running answer lies one view of a picture or one piece of a prompt, never
// both, however large the picture is.
TEST_F(SchedulerTest, ALargePictureLetsAnswersFlow) {
  auto model = repeating(200);
  hold(*model);
  std::vector<int> views;  // encoded before each step
  const auto wait = std::move(model->on_step);
  FakeModel* const fake = model.get();
  model->on_step = [&, fake](std::size_t step) {
    wait(step);
    if (views.size() == fake->batches.size()) views.push_back(fake->tiles);
  };
  serve(std::move(model), {.shared_chunk = 16});
  auto running = submit(question("hello"));
  entered_.get_future().wait();
  std::string text;
  for (int i = 0; i < 50; ++i) text += "ab st ";
  auto late = submit(about(7, text, 16));
  open_.set_value();
  EXPECT_EQ(running.get()->ids.size(), 200u);
  EXPECT_TRUE(late.get().ok());
  service_->drain();
  ASSERT_EQ(views.size(), model_->batches.size());
  EXPECT_EQ(views.back(), 16);
  std::size_t first = 0, chunks = 0;
  for (std::size_t i = 0; i < views.size(); ++i) {
    const std::size_t inputs = model_->batches[i];
    const int encoded = i == 0 ? 0 : views[i] - views[i - 1];
    EXPECT_LE(encoded, 1) << "step " << i;
    for (std::size_t j = 1; j < inputs; ++j) {
      const std::int64_t length = model_->steps[first + j].length;
      EXPECT_LE(length, 16) << "step " << i;
      if (length == 1) continue;
      ++chunks;
      EXPECT_EQ(encoded, 0) << "a view and a piece of the prompt in step " << i;
    }
    first += inputs;
  }
  EXPECT_GT(chunks, 5u);
}

// Attention makes a token dearer the more stand in front of it: the pieces become shorter.
TEST_F(SchedulerTest, PiecesOfAVeryLongPromptShrink) {
  auto model = repeating(3);
  model->mutable_info().context_length = 60'000;
  serve(std::move(model), {});
  std::string text;
  for (int i = 0; i < 8'000; ++i) text += "ab st ";
  ask(question(text));
  service_->drain();
  for (const fake::Step& step : model_->steps) {
    const std::int64_t bound = 512 * 6000 / (3000 + std::max<std::int64_t>(step.position, 3000));
    EXPECT_LE(step.length, bound) << "at " << step.position;
    if (step.length > 1) {
      EXPECT_GE(step.length, std::min<std::int64_t>(bound - 8, 8));
    }
  }
  EXPECT_EQ(model_->steps.front().length, 512);
  EXPECT_GT(model_->steps.back().position, 20'000);
}

TEST_F(SchedulerTest, RequestsWaitForMemoryAndNoneFails) {
  auto model = repeating(10);
  model->mutable_info().kv_token_bytes = 1;
  serve(std::move(model), {.max_running = 8, .kv_bytes = 128, .prefix_cache_bytes = 128});
  std::vector<std::future<Result<GenerateResult>>> all;
  for (int i = 0; i < 12; ++i) {
    GenerateRequest request = question(i % 2 ? "hello" : "world");
    request.max_tokens = 50;  // a block of 64 each: two at a time
    all.push_back(submit(std::move(request)));
  }
  for (auto& one : all) EXPECT_EQ(one.get()->ids.size(), 10u);
  service_->drain();
  EXPECT_LE(*std::max_element(model_->batches.begin(), model_->batches.end()), 2u);
  EXPECT_EQ(service_->stats().kv_reserved_bytes, 0u);
}

TEST_F(SchedulerTest, KeptPrefixesGiveWayToWhatRuns) {
  auto model = repeating(10);
  model->mutable_info().kv_token_bytes = 1;
  std::size_t peak = 0;  // reserved and kept together, as seen from every step
  model->on_step = [&](std::size_t) {
    const ServiceStats stats = service_->stats();
    peak = std::max(peak, stats.kv_reserved_bytes + stats.prefixes.bytes);
  };
  serve(std::move(model), {.kv_bytes = 128, .prefix_cache_bytes = 128});
  for (int i = 0; i < 4; ++i) {
    GenerateRequest request = about(static_cast<std::uint8_t>(i), "hello");
    request.max_tokens = 100;  // two blocks of 64: all there is
    EXPECT_EQ(ask(std::move(request)).ids.size(), 10u);
  }
  service_->drain();
  EXPECT_EQ(peak, 128u);
}

TEST_F(SchedulerTest, ANewerFrameTakesItsPlaceInAFullQueue) {
  auto model = repeating(3);
  hold(*model);
  serve(std::move(model), {.max_queue = 2, .max_running = 1});
  auto running = submit(question("hello"));
  entered_.get_future().wait();
  const auto frame = [&](std::uint8_t shade) {
    GenerateRequest request = about(shade, "hello");
    request.stream_key = "door";
    request.latest_wins = true;
    return submit(std::move(request));
  };
  auto first = frame(1), other = submit(question("world")), second = frame(2);
  const auto superseded = first.get();
  ASSERT_FALSE(superseded.ok());
  EXPECT_EQ(superseded.error().code, ErrorCode::kSuperseded);
  EXPECT_EQ(service_->stats().queued, 2u);
  EXPECT_EQ(service_->stats().rejected, 0u);
  open_.set_value();
  for (auto* one : {&running, &second, &other}) EXPECT_TRUE(one->get().ok());
}

TEST_F(SchedulerTest, ARequestThatNeverFitsIsToldSo) {
  auto model = repeating(10);
  model->mutable_info().kv_token_bytes = 1;
  serve(std::move(model), {.kv_bytes = 128});
  GenerateRequest huge = question("hello");
  huge.max_tokens = 500;
  const auto refused = service_->submit(std::move(huge), nullptr, [](auto) { FAIL(); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kContextLength);
  EXPECT_EQ(refused.error().param, "max_tokens");
  GenerateRequest modest = question("hello");
  modest.max_tokens = 20;
  EXPECT_EQ(ask(std::move(modest)).ids.size(), 10u);
}

TEST_F(SchedulerTest, APictureIsEncodedOnceAndAPrefixComputedOnce) {
  serve(repeating(3), {.image_cache_bytes = 1 << 20, .prefix_cache_bytes = 1 << 20});
  const GenerateResult first = ask(about(7, "hello"));
  EXPECT_EQ(first.cached_tokens, 0);
  EXPECT_EQ(model_->tiles, 2);
  const GenerateResult other = ask(about(7, "world"));
  EXPECT_EQ(model_->tiles, 2) << "the picture was encoded again";
  EXPECT_GE(other.cached_tokens, 12) << "BOS, ten image positions, BOS";
  EXPECT_LT(other.cached_tokens, other.prompt_tokens);
  // The same question again: all but the last token.
  const GenerateResult again = ask(about(7, "hello"));
  EXPECT_EQ(again.cached_tokens, again.prompt_tokens - 1);
  EXPECT_EQ(again.ids, first.ids);
  const GenerateResult another = ask(about(8, "hello"));
  EXPECT_EQ(another.cached_tokens, 1) << "another picture shares the BOS alone";
  EXPECT_EQ(model_->tiles, 4);
  const GenerateResult finer = ask(about(7, "hello", 3));
  EXPECT_EQ(finer.cached_tokens, 1) << "cut in another way it is another picture";
  EXPECT_EQ(model_->tiles, 7);
  service_->drain();
  const ServiceStats stats = service_->stats();
  EXPECT_EQ(stats.pictures.hits + stats.pictures.misses, 3u) << "a cached prefix needs no pictures";
  EXPECT_GE(stats.prefixes.hits, 2u);
}

// Whoever leaves while their pictures are prepared is not worked for any longer, and is no job yet.
TEST_F(SchedulerTest, NothingIsPreparedForNobody) {
  auto model = repeating(3);
  int prepared = 0;
  model->on_preprocess = [&] { ++prepared; };
  serve(std::move(model), {});
  GenerateRequest request = about(1, "hello");
  for (int i = 0; i < 3; ++i) {
    request.images.push_back(request.images[0]);
    request.messages.back().parts.push_back(ImagePart{i + 1});
  }
  request.abandoned = [&] { return prepared == 2; };
  const auto refused = service_->submit(std::move(request), nullptr, [](auto) { FAIL(); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(prepared, 2);
  EXPECT_EQ(service_->stats().cancelled, 1u);
}

// What needs no engine is done on the client's thread, while the engine's stands still.
TEST_F(SchedulerTest, ClientsTokeniseAndPreprocess) {
  auto model = repeating(3);
  hold(*model);
  std::vector<std::thread::id> where;
  model->on_preprocess = [&] { where.push_back(std::this_thread::get_id()); };
  serve(std::move(model), {.image_cache_bytes = 1 << 20, .preprocess_bytes = 2000});
  auto running = submit(question("hello"));
  entered_.get_future().wait();
  auto first = submit(about(1, "hello")), second = submit(about(2, "hello"));
  EXPECT_EQ(where.size(), 2u);
  auto third = submit(about(3, "hello"));  // no room for it: in its turn
  EXPECT_EQ(where.size(), 2u);
  GenerateRequest wrong = about(4, "hello", 65);
  const auto refused = service_->submit(std::move(wrong), nullptr, [](auto) { FAIL(); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().param, "num_crops");
  open_.set_value();
  for (auto* one : {&running, &first, &second, &third}) EXPECT_TRUE(one->get().ok());
  ASSERT_EQ(where.size(), 3u);
  EXPECT_EQ(where[0], std::this_thread::get_id());
  EXPECT_EQ(where[1], std::this_thread::get_id());
  EXPECT_NE(where[2], std::this_thread::get_id());
  ask(about(1, "world"));  // encoded before: nothing to preprocess
  EXPECT_EQ(where.size(), 3u);
  ask(about(5, "world"));  // the room is free again
  EXPECT_EQ(where.back(), std::this_thread::get_id());
  service_->drain();
  EXPECT_EQ(service_->stats().failed, 1u);
  EXPECT_EQ(service_->stats().accepted, 7u);
}

TEST_F(SchedulerTest, ScopesShareNothing) {
  serve(repeating(3), {.image_cache_bytes = 1 << 20,
                       .prefix_cache_bytes = 1 << 20,
                       .response_cache_bytes = 1 << 20});
  GenerateRequest mine = about(7, "hello"), yours = about(7, "hello");
  mine.cache_scope = "a";
  yours.cache_scope = "b";
  ask(std::move(mine));
  const GenerateResult result = ask(std::move(yours));
  EXPECT_EQ(result.cached_tokens, 0);
  EXPECT_FALSE(result.cached);
  EXPECT_EQ(model_->tiles, 4);
}

TEST_F(SchedulerTest, ANewRopeRegimeComputesPicturesAndPromptAgain) {
  auto model = repeating(30);
  model->regime_limit = 30;
  serve(std::move(model), {.image_cache_bytes = 1 << 20, .prefix_cache_bytes = 1 << 20});
  const GenerateResult first = ask(about(7, "hello"));
  EXPECT_EQ(first.ids.size(), 30u);
  const GenerateResult again = ask(about(7, "hello"));
  EXPECT_EQ(again.ids, first.ids);
  service_->drain();
  // Whatever was computed in the second regime began at the first token, with the picture.
  bool seen = false;
  for (const fake::Step& step : model_->steps)
    if (step.regime == 1 && step.position == 0) {
      seen = true;
      EXPECT_TRUE(step.image_rows);
    }
  EXPECT_TRUE(seen);
  EXPECT_EQ(model_->tiles, 2);
}

TEST_F(SchedulerTest, AKnownAnswerIsServedWithoutAStep) {
  serve(repeating(3), {.response_cache_bytes = 1 << 20});
  const GenerateResult first = ask(about(7, "hello"));
  const std::size_t steps = model_->steps.size();
  std::string streamed;
  Promise done;
  ASSERT_TRUE(service_
                  ->submit(
                      about(7, "hello"), [&](const AnswerPiece& piece) { streamed += piece.text; },
                      [&](auto result) { done.set_value(std::move(result)); })
                  .ok());
  const auto again = done.get_future().get();
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->cached);
  EXPECT_EQ(again->text, first.text);
  EXPECT_EQ(streamed, first.text);
  EXPECT_EQ(model_->steps.size(), steps);
  GenerateRequest drawn = about(7, "hello");
  drawn.sampling.temperature = 1;  // without a seed each answer is another
  EXPECT_FALSE(ask(std::move(drawn)).cached);
  GenerateRequest shorter = about(7, "hello");
  shorter.max_tokens = 2;
  EXPECT_EQ(ask(std::move(shorter)).ids.size(), 2u);
  service_->drain();
  EXPECT_EQ(service_->stats().responses.hits, 1u);
  EXPECT_EQ(service_->stats().running, 0u);
}

TEST_F(SchedulerTest, AnOldAnswerIsComputedAgain) {
  serve(repeating(3),
        {.response_cache_bytes = 1 << 20, .response_cache_age = std::chrono::seconds(-1)});
  ask(question("hello"));
  EXPECT_FALSE(ask(question("hello")).cached);
}

TEST_F(SchedulerTest, OnlyTheLatestFrameOfACameraWaits) {
  auto model = repeating(3);
  hold(*model);
  serve(std::move(model), {.max_running = 1});
  auto running = submit(question("hello"));
  entered_.get_future().wait();
  const auto frame = [&](std::uint8_t shade, const char* key) {
    GenerateRequest request = about(shade, "hello");
    request.stream_key = key;
    request.latest_wins = true;
    return submit(std::move(request));
  };
  auto first = frame(1, "door"), garden = frame(2, "garden"), second = frame(3, "door");
  const auto superseded = first.get();  // at once: the engine still stands
  ASSERT_FALSE(superseded.ok());
  EXPECT_EQ(superseded.error().code, ErrorCode::kSuperseded);
  open_.set_value();
  for (auto* one : {&running, &garden, &second}) EXPECT_TRUE(one->get().ok());
  EXPECT_EQ(service_->stats().superseded, 1u);
}

// One cache for all does not make their cameras one.
TEST_F(SchedulerTest, AnotherClientsFrameIsNotSuperseded) {
  auto model = repeating(3);
  hold(*model);
  serve(std::move(model), {.max_running = 1});
  auto running = submit(question("hello"));
  entered_.get_future().wait();
  const auto frame = [&](std::uint8_t shade, const char* client) {
    GenerateRequest request = about(shade, "hello");
    request.client = client;
    request.stream_key = "door";
    request.latest_wins = true;
    return submit(std::move(request));
  };
  auto mine = frame(1, "a"), other = frame(2, "b");
  EXPECT_EQ(service_->stats().queued, 2u);
  auto newer = frame(3, "a");
  EXPECT_EQ(mine.get().error().code, ErrorCode::kSuperseded);
  open_.set_value();
  for (auto* one : {&running, &other, &newer}) EXPECT_TRUE(one->get().ok());
  EXPECT_EQ(service_->stats().superseded, 1u);
}

TEST_F(SchedulerTest, ABrokenStepEndsOnlyWhatWasInIt) {
  auto model = repeating(3);
  model->on_step = [](std::size_t step) { OC_CHECK(step != 1, "broken on purpose"); };
  serve(std::move(model), {.prefix_cache_bytes = 1 << 20});
  EXPECT_EQ(submit(question("hello")).get().error().code, ErrorCode::kInternal);
  EXPECT_EQ(ask(question("hello")).ids.size(), 3u);
}

}  // namespace
}  // namespace oc
