// What is told of an answer on its way, by generate() and by the service.
#include "runtime/answer_progress.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <mutex>

#include "runtime/serving/generate.h"
#include "tests/runtime/service_fixture.h"

namespace oc {
namespace {

std::string words(const AnswerProgress& p) {
  if (p.phase == AnswerPhase::kQueued) return fmt::format("queued {}", p.ahead);
  return fmt::format("{} {}/{}", to_string(p.phase), p.done, p.total);
}

// Everything that one request is told, in order.
struct Listener {
  OnProgress hook() {
    return [this](const AnswerProgress& progress) {
      const std::lock_guard lock(mutex);
      told.push_back(words(progress));
    };
  }
  std::vector<std::string> all() const {
    const std::lock_guard lock(mutex);
    return told;
  }
  // Of one phase, by its name.
  std::vector<std::string> of(std::string_view phase) const {
    std::vector<std::string> out;
    for (const std::string& one : all())
      if (one.starts_with(phase)) out.push_back(one);
    return out;
  }
  mutable std::mutex mutex;
  std::vector<std::string> told;
};

using Words = std::vector<std::string>;

TEST(AnswerProgress, EveryViewChunkAndTokenIsToldOnce) {
  const auto model = FakeModel::answering({287, 291, kEnd});
  GenerateRequest request = about(7, "hello", 3);
  request.images.push_back({picture(9), fake::crops(2)});
  request.messages[0].parts.emplace_back(ImagePart{1});
  Listener listener;
  request.on_progress = listener.hook();
  const auto result = generate(*model, request, {});
  ASSERT_TRUE(result.ok()) << result.error().message;
  const std::string n = std::to_string(result->prompt_tokens);
  EXPECT_EQ(listener.all(),
            (Words{"encoding 0/5", "encoding 1/5", "encoding 2/5", "encoding 3/5", "encoding 4/5",
                   "encoding 5/5", "prefill 0/" + n, "prefill " + n + "/" + n, "answering 0/0",
                   "answering 1/0", "answering 2/0", "answering 3/0"}));
}

TEST(AnswerProgress, TheFirstWordComesBehindTheBeginningOfTheAnswer) {
  const auto model = FakeModel::answering({287, kEnd});
  GenerateRequest request = question("hello");
  std::vector<std::string> told;
  request.on_progress = [&](const AnswerProgress& p) { told.push_back(words(p)); };
  const GenerateHooks hooks{.on_piece = [&](const AnswerPiece&) { told.emplace_back("text"); }};
  ASSERT_TRUE(generate(*model, request, hooks).ok());
  EXPECT_EQ(told, (Words{"prefill 0/2", "prefill 2/2", "answering 0/0", "text", "answering 1/0",
                         "answering 2/0"}));
}

TEST(AnswerProgress, ALongPromptIsToldInItsChunks) {
  const auto model = FakeModel::answering({kEnd});
  model->mutable_info().context_length = 3000;
  std::string text;
  for (int i = 0; i < 400; ++i) text += "ab st ";
  GenerateRequest request = question(text);
  Listener listener;
  request.on_progress = listener.hook();
  const auto result = generate(*model, request, {});
  ASSERT_TRUE(result.ok()) << result.error().message;
  const Words prefill = listener.of("prefill");
  ASSERT_GE(prefill.size(), 3u);
  std::size_t at = 0;
  std::int64_t done = 0;
  for (const fake::Step& step : model->steps) {
    if (done == result->prompt_tokens) break;
    EXPECT_EQ(prefill.at(at++), fmt::format("prefill {}/{}", done, result->prompt_tokens));
    done += step.length;
  }
  EXPECT_EQ(prefill.back(), fmt::format("prefill {0}/{0}", result->prompt_tokens));
}

TEST(AnswerProgress, ChoicesAreCounted) {
  const FakeModel model([](std::span<const TokenId>) { return FakeModel::one_hot(kEnd); });
  GenerateRequest request = question("hello");
  request.choices = {"world", "ab", "hello"};
  Listener listener;
  request.on_progress = listener.hook();
  ASSERT_TRUE(generate(model, request, {}).ok());
  EXPECT_EQ(listener.of("answering").front(), "answering 0/3");
  EXPECT_EQ(listener.of("answering").back(), "answering 3/3");
}

class ServedProgress : public SchedulerTest {};

TEST_F(ServedProgress, WhoWaitsHearsHowManyComeBefore) {
  auto model = repeating(3);
  hold(*model);
  serve(std::move(model), {.max_running = 1});
  Listener first, second, third;
  const auto ask = [&](const char* text, Listener& listener) {
    GenerateRequest request = question(text);
    request.on_progress = listener.hook();
    return submit(std::move(request));
  };
  auto a = ask("hello", first);
  entered_.get_future().wait();
  auto b = ask("world", second);
  auto c = ask("hello world", third);
  EXPECT_EQ(second.all(), (Words{"queued 1"}));
  EXPECT_EQ(third.all(), (Words{"queued 2"}));
  open_.set_value();
  for (auto* one : {&a, &b, &c}) EXPECT_TRUE(one->get().ok());
  EXPECT_TRUE(first.of("queued").empty()) << "nobody was before it";
  EXPECT_EQ(second.of("queued"), (Words{"queued 1", "queued 0"}));
  EXPECT_EQ(third.of("queued"), (Words{"queued 2", "queued 1", "queued 0"}));
  EXPECT_EQ(third.all().back(), "answering 4/0");
}

// Views of several requests are encoded by turns: each hears of its own.
TEST_F(ServedProgress, RequestsAreToldApart) {
  auto model = repeating(2);
  hold(*model);
  serve(std::move(model), {.max_running = 4, .image_cache_bytes = 1 << 20});
  auto words_alone = submit(question("hello"));
  entered_.get_future().wait();
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::future<Result<GenerateResult>>> answers;
  for (const int views : {2, 5, 3}) {
    GenerateRequest request = about(static_cast<std::uint8_t>(views), "world", views);
    request.on_progress = listeners.emplace_back(std::make_unique<Listener>())->hook();
    answers.push_back(submit(std::move(request)));
  }
  open_.set_value();
  for (auto& answer : answers) EXPECT_TRUE(answer.get().ok());
  EXPECT_TRUE(words_alone.get().ok());
  std::size_t i = 0;
  for (const int views : {2, 5, 3}) {
    Words expected;
    for (int done = 0; done <= views; ++done)
      expected.push_back(fmt::format("encoding {}/{}", done, views));
    EXPECT_EQ(listeners[i]->of("encoding"), expected);
    EXPECT_EQ(listeners[i++]->of("preparing"), (Words{"preparing 0/1"}));
  }
  // A picture that is known has no view to be waited for.
  Listener again;
  GenerateRequest request = about(5, "hello", 5);
  request.on_progress = again.hook();
  EXPECT_TRUE(submit(std::move(request)).get().ok());
  EXPECT_EQ(again.of("encoding"), (Words{"encoding 0/5", "encoding 5/5"}));
}

}  // namespace
}  // namespace oc
