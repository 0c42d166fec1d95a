#include "runtime/serving/generate.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <random>

#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

using fake::FakeModel;
using fake::kEnd;
using fake::Step;

std::vector<TokenId> tokens(std::string_view text) {
  return fake::tiny_tokenizer()->encode(text, true);
}

GenerateRequest question(std::string text) {
  GenerateRequest request;
  request.id = "test";
  request.messages = {{Role::kUser, {TextPart{std::move(text)}}}};
  return request;
}

GenerateRequest question_about(int pictures, std::optional<int> num_crops) {
  GenerateRequest request = question("hello");
  for (int i = 0; i < pictures; ++i) {
    auto image = std::make_shared<Image>();
    image->width = image->height = 1;
    image->rgb.resize(3);
    request.images.push_back({image, num_crops ? fake::crops(*num_crops) : ImageOptions()});
    request.messages[0].parts.emplace_back(ImagePart{i});
  }
  return request;
}

// The answer and the pieces in which it was shown.
struct Shown {
  Result<GenerateResult> result = Error{};
  std::vector<std::string> parts;
};

Shown run(const Model& model, const GenerateRequest& request,
          std::function<bool()> cancelled = nullptr) {
  Shown out;
  const GenerateHooks hooks{
      .on_piece = [&](const AnswerPiece& piece) { out.parts.emplace_back(piece.text); },
      .cancelled = std::move(cancelled)};
  out.result = generate(model, request, hooks);
  return out;
}

std::vector<TokenId> then(std::vector<TokenId> ids, TokenId last) {
  ids.push_back(last);
  return ids;
}

TEST(Generate, PiecesOfAVeryLongPromptShrink) {
  const auto model = FakeModel::answering({kEnd});
  model->mutable_info().context_length = 60'000;
  std::string text;
  for (int i = 0; i < 8'000; ++i) text += "ab st ";
  model->prompt_length = 1 << 20;  // no prefill step is the answer
  bool enough = false;
  model->on_step = [&](std::size_t) { enough = model->steps.back().position > 20'000; };
  const Shown shown = run(*model, question(text), [&] { return enough; });
  ASSERT_FALSE(shown.result.ok());
  EXPECT_EQ(shown.result.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(model->steps.front().length, 512);
  EXPECT_LE(model->steps.back().length, 512 * 6 / 23);
}

TEST(Generate, AnswersUntilTheStopToken) {
  const auto answer = tokens("hello world.");
  const auto model = FakeModel::answering(then(answer, kEnd));
  const Shown out = run(*model, question("hello"));
  const GenerateResult& result = out.result.value();
  EXPECT_EQ(result.text, "hello world.");
  EXPECT_EQ(result.ids, answer);
  EXPECT_EQ(result.finish_reason, FinishReason::kStop);
  EXPECT_EQ(result.stop_cause, StopCause::kStopToken);
  EXPECT_EQ(result.stop_token, kEnd);
  EXPECT_FALSE(result.stop_string || result.warning);
  EXPECT_EQ(result.completion_tokens, static_cast<std::int64_t>(answer.size()) + 1);
  EXPECT_EQ(result.prompt_tokens, 2);
  EXPECT_EQ(result.image_tokens, 0);
  std::string joined;
  for (const std::string& part : out.parts) {
    EXPECT_FALSE(part.empty());
    joined += part;
  }
  EXPECT_EQ(joined, result.text);
  EXPECT_GT(out.parts.size(), 1u) << "it streams";
}

TEST(Generate, StepsAreThePromptThenOneTokenEach) {
  const auto model = FakeModel::answering({287, 291, kEnd});
  ASSERT_TRUE(run(*model, question("hello world")).result.ok());
  EXPECT_EQ(model->steps,
            (std::vector<Step>{{0, 3, 0, false}, {3, 1, 0, false}, {4, 1, 0, false}}));
  EXPECT_TRUE(model->truncations.empty());
}

TEST(Generate, PrefillsLongPromptsInChunks) {
  const auto model = FakeModel::answering({287, kEnd});
  model->mutable_info().context_length = 5000;
  std::string text;
  for (int i = 0; i < 1299; ++i) text += " hello";  // "▁" and 1,299 times "▁hello"
  const auto result = run(*model, question(text.substr(1))).result;
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->prompt_tokens, 1300);
  EXPECT_EQ(
      model->steps,
      (std::vector<Step>{
          {0, 512, 0, false}, {512, 512, 0, false}, {1024, 276, 0, false}, {1300, 1, 0, false}}));
}

TEST(Generate, ComputesEverythingAgainWhenTheRopeRegimeChanges) {
  const auto model = FakeModel::answering({287, 291, 287, 291, kEnd});
  model->regime_limit = 5;
  const auto result = run(*model, question("hello world hello")).result;  // 4 tokens with BOS
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->text, "hello world hello world");
  // The sequence has 4 tokens, then 5 (still the first regime), then 6: from the start again.
  EXPECT_EQ(model->steps, (std::vector<Step>{{0, 4, 0, false},
                                             {4, 1, 0, false},
                                             {0, 6, 1, false},
                                             {6, 1, 1, false},
                                             {7, 1, 1, false}}));
  EXPECT_EQ(model->truncations, (std::vector<std::int64_t>{0}));
}

TEST(Generate, ALongPromptStartsInTheLongRegime) {
  const auto model = FakeModel::answering({287, kEnd});
  model->regime_limit = 3;
  ASSERT_TRUE(run(*model, question("hello world hello")).result.ok());
  EXPECT_EQ(model->steps, (std::vector<Step>{{0, 4, 1, false}, {4, 1, 1, false}}));
  EXPECT_TRUE(model->truncations.empty());
}

TEST(Generate, ThePrefillAfterARegimeChangeIsChunkedAndHasTheImageRows) {
  const auto model = FakeModel::answering({287, 291, kEnd});
  model->mutable_info().context_length = 5000;
  const auto request = question_about(2, 60);  // 2 · 300 image tokens + 3 · BOS + 1
  model->regime_limit = 604;
  ASSERT_TRUE(run(*model, request).result.ok());
  EXPECT_EQ(model->steps, (std::vector<Step>{{0, 512, 0, true},
                                             {512, 92, 0, true},
                                             {0, 512, 1, true},
                                             {512, 93, 1, true},
                                             {605, 1, 1, true}}));
}

TEST(Generate, ReportsPictures) {
  const auto model = FakeModel::answering({287, kEnd});
  const auto result = run(*model, question_about(2, 3)).result;
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->image_tokens, 30);
  EXPECT_EQ(result->prompt_tokens, 30 + 3 + 1);
  ASSERT_EQ(result->images.size(), 2u);
  EXPECT_EQ(result->images[1].views, 3);
  EXPECT_EQ(model->tiles, 6);
  EXPECT_EQ(run(*model, question_about(1, std::nullopt)).result->images[0].views, 4);
}

TEST(Generate, AnErrorAboutAPictureComesBeforeAnyWork) {
  const auto model = FakeModel::answering({kEnd});
  auto request = question_about(1, 1);
  request.images.push_back({request.images[0].image, fake::crops(99)});
  const auto result = run(*model, request).result;
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().param, "num_crops");
  EXPECT_EQ(model->tiles, 0);
}

// --- How an answer ends

TEST(Generate, MaxTokensCountsEveryToken) {
  const auto model = FakeModel::answering(then(tokens("hello world hello"), kEnd));
  auto request = question("hello");
  request.max_tokens = 2;
  const auto result = run(*model, request).result;
  EXPECT_EQ(result->text, "hello world");
  EXPECT_EQ(result->finish_reason, FinishReason::kLength);
  EXPECT_EQ(result->stop_cause, StopCause::kMaxTokens);
  EXPECT_EQ(result->completion_tokens, 2);
  EXPECT_FALSE(result->stop_token);
  EXPECT_EQ(model->steps.size(), 2u) << "no step whose logits nobody reads";
  // A stop token that is the last of max_tokens still is a stop.
  request.max_tokens = 4;
  EXPECT_EQ(run(*model, request).result->stop_cause, StopCause::kStopToken);
}

TEST(Generate, AnswersFillTheContext) {
  const auto model = FakeModel::answering(std::vector<TokenId>(100, 287));
  model->mutable_info().context_length = 12;
  auto request = question("hello world");  // 3 tokens
  auto result = run(*model, request).result;
  EXPECT_EQ(result->completion_tokens, 9);
  EXPECT_EQ(result->finish_reason, FinishReason::kLength);
  EXPECT_EQ(result->stop_cause, StopCause::kContextFull);
  request.max_tokens = 50;  // more than fits
  result = run(*model, request).result;
  EXPECT_EQ(result->completion_tokens, 9);
  EXPECT_EQ(result->stop_cause, StopCause::kContextFull);
  request.max_tokens = 9;
  EXPECT_EQ(run(*model, request).result->stop_cause, StopCause::kMaxTokens);
}

TEST(Generate, APromptThatDoesNotFitIsRefusedWithTheCounts) {
  const auto model = FakeModel::answering({kEnd});
  model->mutable_info().context_length = 33;
  EXPECT_TRUE(run(*model, question_about(2, 3)).result.error().code == ErrorCode::kContextLength)
      << "34 tokens";
  model->mutable_info().context_length = 34;
  const auto error = run(*model, question_about(2, 3)).result.error();
  EXPECT_EQ(error.code, ErrorCode::kContextLength) << "no room for an answer";
  EXPECT_EQ(error.message,
            "the prompt has 34 tokens, 30 of them for 2 pictures; the model's context holds 34, "
            "answer included");
  EXPECT_NE(error.hint.find("num_crops"), std::string::npos);
  EXPECT_EQ(model->tiles, 0) << "refused before any picture is encoded";
  model->mutable_info().context_length = 35;
  EXPECT_TRUE(run(*model, question_about(2, 3)).result.ok());
}

TEST(Generate, StopStringAcrossTokens) {
  const auto answer = tokens("hello abc world");
  const auto model = FakeModel::answering(then(answer, kEnd));
  auto request = question("hello");
  request.stop = {"c wor", "never"};
  const Shown out = run(*model, request);
  const GenerateResult& result = out.result.value();
  EXPECT_EQ(result.text, "hello ab");
  EXPECT_EQ(result.stop_string, "c wor");
  EXPECT_FALSE(result.stop_token);
  EXPECT_EQ(result.stop_cause, StopCause::kStopString);
  EXPECT_EQ(result.finish_reason, FinishReason::kStop);
  std::string joined;
  for (const std::string& part : out.parts) joined += part;
  EXPECT_EQ(joined, "hello ab");
}

TEST(Generate, AStopStringOfByteTokensStopsAtOnce) {
  // A newline is a byte token, which the detokenizer keeps until its run ends.
  const auto model = FakeModel::answering({286, 13, 286, kEnd});
  auto request = question("hello");
  request.stop = {"\n"};
  const auto result = run(*model, request).result;
  EXPECT_EQ(result->text, "hello");
  EXPECT_EQ(result->stop_cause, StopCause::kStopString);
  EXPECT_EQ(result->completion_tokens, 2) << "no step for nothing";
}

TEST(Generate, AHeldBackBeginningOfAStopStringComesOutAtTheEnd) {
  const auto model = FakeModel::answering(then(tokens("abc"), kEnd));
  auto request = question("hello");
  request.stop = {"abcd"};
  const auto result = run(*model, request).result;
  EXPECT_EQ(result->text, "abc");
  EXPECT_EQ(result->stop_cause, StopCause::kStopToken);
  EXPECT_FALSE(result->stop_string);
}

TEST(Generate, PiecesAreWholeCodePoints) {
  // "é" as two byte tokens, then a lone first byte at the very end.
  const auto model = FakeModel::answering({286, 0xC3 + 3, 0xA9 + 3, 286, 0xC3 + 3, kEnd});
  const Shown out = run(*model, question("hello"));
  EXPECT_EQ(out.result->text, "hello\u00e9hello\uFFFD");
  for (const std::string& part : out.parts)
    EXPECT_NE(static_cast<unsigned char>(part.back()), 0xC3) << part;
}

TEST(Generate, EmptyAnswersSayWhy) {
  auto request = question("hello");
  auto result = run(*FakeModel::answering({kEnd}), request).result;
  EXPECT_EQ(result->text, "");
  EXPECT_EQ(result->completion_tokens, 1);
  EXPECT_EQ(result->warning,
            "the answer is empty: the model's first token was the stop token <|end|> (306)");

  result = run(*FakeModel::answering({fake::kAssistant, kEnd}), request).result;
  EXPECT_EQ(result->warning,
            "the answer is empty: the 1 token that the model produced, <|assistant|> (308) first, "
            "has no text");

  request.stop = {"hel"};
  result = run(*FakeModel::answering(then(tokens("hello"), kEnd)), request).result;
  EXPECT_EQ(result->text, "");
  EXPECT_EQ(result->warning, "the answer is empty: it began with the stop string \"hel\"");
  EXPECT_EQ(result->stop_cause, StopCause::kStopString);

  request.stop.clear();
  request.max_tokens = 2;
  result = run(*FakeModel::answering({fake::kAssistant, fake::kAssistant, kEnd}), request).result;
  EXPECT_EQ(result->finish_reason, FinishReason::kLength);
  EXPECT_TRUE(result->warning.has_value());
}

TEST(Generate, IdsWithoutATokenAreNeverProduced) {
  FakeModel model([](std::span<const TokenId>) {
    std::vector<float> logits(fake::kVocab, 0.0f);
    logits[315] = 20;  // has no token
    logits[kEnd] = 10;
    return logits;
  });
  EXPECT_EQ(run(model, question("hello")).result->stop_token, kEnd);
}

// --- Sampling

TEST(Generate, SeedsReproduceAnswers) {
  FakeModel model([](std::span<const TokenId> ids) {
    std::mt19937 random(static_cast<unsigned>(ids.back()));
    std::vector<float> logits(fake::kVocab);
    for (float& logit : logits) logit = static_cast<float>(random() % 1000) / 250;
    return logits;
  });
  auto request = question("hello");
  request.max_tokens = 30;
  request.sampling = {.temperature = 1, .seed = 5};
  const auto first = run(model, request).result;
  EXPECT_EQ(first->seed, 5u);
  EXPECT_EQ(run(model, request).result->ids, first->ids);
  request.sampling.seed = 6;
  EXPECT_NE(run(model, request).result->ids, first->ids);
  request.sampling.seed.reset();
  const auto drawn = run(model, request).result;
  request.sampling.seed = drawn->seed;
  EXPECT_EQ(run(model, request).result->ids, drawn->ids);
}

TEST(Generate, TheRepetitionPenaltyCountsPromptAndAnswer) {
  // Flat but for "▁hello", which is in the prompt, and "▁world", slightly behind.
  FakeModel model([](std::span<const TokenId>) {
    std::vector<float> logits(fake::kVocab, 1.0f);
    logits[287] = 3, logits[291] = 2.5f, logits[300] = 2.4f;
    return logits;
  });
  auto request = question("hello");
  request.max_tokens = 3;
  EXPECT_EQ(run(model, request).result->ids, (std::vector<TokenId>{287, 287, 287}));
  request.sampling.repetition_penalty = 2;
  EXPECT_EQ(run(model, request).result->ids, (std::vector<TokenId>{291, 300, 287}));
}

TEST(Generate, NotANumberEndsInAClearError) {
  FakeModel model([](std::span<const TokenId> ids) {
    auto logits = FakeModel::one_hot(287);
    if (ids.size() == 4) logits[17] = std::numeric_limits<float>::quiet_NaN();
    return logits;
  });
  const Shown out = run(model, question("hello"));
  ASSERT_FALSE(out.result.ok());
  EXPECT_EQ(out.result.error().code, ErrorCode::kInternal);
  EXPECT_EQ(out.result.error().message, "the model produced nan as the logit of token 17");
}

TEST(Generate, ParametersAreChecked) {
  const auto model = FakeModel::answering({kEnd});
  auto request = question("hello");
  request.max_tokens = 0;
  EXPECT_EQ(run(*model, request).result.error().param, "max_tokens");
  request.max_tokens.reset();
  request.stop = {"fine", "\xff"};
  EXPECT_EQ(run(*model, request).result.error().message, "stop string 2 is not valid UTF-8");
  request.stop.clear();
  request.sampling.top_p = 0;
  EXPECT_EQ(run(*model, request).result.error().param, "top_p");
  EXPECT_TRUE(model->steps.empty());
}

// --- Cancelled, out of time

TEST(Generate, CancelsBetweenImageTiles) {
  const auto model = FakeModel::answering({kEnd});
  bool cancelled = false;
  model->on_tile = [&](int tile) { cancelled = tile == 5; };  // the first of the second picture
  const auto result = run(*model, question_about(2, 4), [&] { return cancelled; }).result;
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(model->tiles, 5);
  EXPECT_TRUE(model->steps.empty());
}

TEST(Generate, CancelsBetweenPrefillChunksAndDecodeSteps) {
  for (const std::size_t last : {1u, 2u, 4u}) {
    const auto model = FakeModel::answering(std::vector<TokenId>(50, 287));
    model->mutable_info().context_length = 5000;
    bool cancelled = false;
    model->on_step = [&](std::size_t step) { cancelled = step == last; };
    const auto request = question_about(2, 60);  // two chunks
    const Shown out = run(*model, request, [&] { return cancelled; });
    ASSERT_FALSE(out.result.ok());
    EXPECT_EQ(out.result.error().code, ErrorCode::kCancelled);
    EXPECT_EQ(model->steps.size(), last);
  }
}

TEST(Generate, ADeadlineEndsTheWork) {
  const auto model = FakeModel::answering(std::vector<TokenId>(50, 287));
  auto request = question_about(1, 2);
  request.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  auto result = run(*model, request).result;
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kDeadline);
  EXPECT_NE(result.error().hint.find("(--time-limit)"), std::string::npos);
  EXPECT_EQ(model->tiles, 0);

  // Reached while decoding: the third step lasts until then.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  request.deadline = deadline;
  model->on_step = [&](std::size_t step) {
    if (step == 3) std::this_thread::sleep_until(deadline);
  };
  result = run(*model, request).result;
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kDeadline);
  EXPECT_LE(model->steps.size(), 3u);
  EXPECT_NE(result.error().message.find("out of time during"), std::string::npos);
}

TEST(Generate, TimingsAreConsistent) {
  const auto model = FakeModel::answering(then(tokens("hello world hello world"), kEnd));
  const Timings t = run(*model, question_about(1, 2)).result->timings;
  EXPECT_GE(t.ttft_ms, t.preprocess_ms + t.encode_ms + t.prefill_ms);
  EXPECT_GE(t.total_ms, t.ttft_ms);
  EXPECT_DOUBLE_EQ(t.decode_ms, t.total_ms - t.ttft_ms);
  EXPECT_GT(t.decode_tokens_per_second, 0);
  EXPECT_EQ(t.queue_ms, 0);
}

// A model that says a b c a b c …: from the second round on every guess is right.
TEST(Generate, GuessesKeepTheAnswerAndSaveSteps) {
  const std::vector<TokenId> cycle = {287, 291, 295};
  const auto logits = [&](std::span<const TokenId> ids) {
    const auto at = std::find(cycle.begin(), cycle.end(), ids.back());
    const bool last = ids.size() > 40;
    if (at == cycle.end()) return fake::FakeModel::one_hot(cycle[0]);
    // Once amid the answer another token, so that a guess is wrong.
    if (ids.size() == 20) return fake::FakeModel::one_hot(288);
    return fake::FakeModel::one_hot(
        last ? fake::kEnd : cycle[static_cast<std::size_t>(at - cycle.begin() + 1) % 3]);
  };
  const auto run = [&](int draft) {
    fake::FakeModel model(logits);
    GenerateRequest request;
    request.messages = {{Role::kUser, {TextPart{"hello"}}}};
    request.draft_tokens = draft;
    const auto result = generate(model, request, {});
    EXPECT_TRUE(result.ok());
    return std::pair{*result, model.batches.size()};
  };
  const auto [plain, plain_steps] = run(0);
  for (const int draft : {1, 3, 7}) {
    const auto [guessed, steps] = run(draft);
    EXPECT_EQ(guessed.ids, plain.ids);
    EXPECT_EQ(guessed.text, plain.text);
    EXPECT_EQ(guessed.completion_tokens, plain.completion_tokens);
    EXPECT_LT(steps, plain_steps * 3 / 4);
    EXPECT_GT(guessed.accepted_tokens, 0);
    EXPECT_LT(guessed.accepted_tokens, guessed.drafted_tokens);
  }
  EXPECT_EQ(plain.drafted_tokens, 0);
}

}  // namespace
}  // namespace oc
