#include "runtime/serving/service.h"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <new>

#include "base/log.h"
#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

using fake::FakeModel;
using fake::kEnd;

std::shared_ptr<const LoadedModel> loaded(std::unique_ptr<FakeModel> model) {
  auto out = std::make_shared<LoadedModel>();
  out->name = "fake";
  out->model = std::move(model);
  return out;
}

GenerateRequest question(std::string text) {
  GenerateRequest request;
  request.id = "test";
  request.messages = {{Role::kUser, {TextPart{std::move(text)}}}};
  return request;
}

// A submitted request and the future of its result.
struct Pending {
  std::shared_ptr<Job> job;
  std::future<Result<GenerateResult>> result;
  Error code() {
    auto value = result.get();
    return value.ok() ? Error{ErrorCode::kInternal, "it was answered"} : value.error();
  }
};

Pending submit(Service& service, GenerateRequest request) {
  auto promise = std::make_shared<std::promise<Result<GenerateResult>>>();
  auto result = promise->get_future();
  auto job = service.submit(std::move(request), nullptr, [promise](Result<GenerateResult> r) {
    promise->set_value(std::move(r));
  });
  return {job.value(), std::move(result)};
}

// Lets the engine thread run into forward() and wait there until it is opened.
class Gate {
 public:
  void attach(FakeModel& model) {
    model.on_step = [this](std::size_t step) {
      if (step != 1) return;
      entered_.set_value();
      open_.get_future().wait();
    };
  }
  void wait_until_entered() { entered_.get_future().wait(); }
  void open() { open_.set_value(); }

 private:
  std::promise<void> entered_, open_;
};

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override { log::configure(log::Level::kOff, log::Format::kText); }
  void TearDown() override { log::configure_from_environment(); }

  // Answers "hello", endlessly where `tokens` is large, and stands still in its first step.
  std::unique_ptr<FakeModel> gated(std::size_t tokens) {
    std::vector<TokenId> answer(tokens, 287);
    answer.push_back(kEnd);
    auto model = FakeModel::answering(std::move(answer));
    gate.attach(*model);
    return model;
  }
  Gate gate;
};

TEST_F(ServiceTest, AnswersAndCounts) {
  Service service(loaded(FakeModel::answering({287, 291, kEnd})), {});
  std::string streamed;
  std::promise<Result<GenerateResult>> done;
  ASSERT_TRUE(service
                  .submit(
                      question("hello"), [&](const AnswerPiece& piece) { streamed += piece.text; },
                      [&](Result<GenerateResult> result) { done.set_value(std::move(result)); })
                  .ok());
  const auto result = done.get_future().get();
  EXPECT_EQ(result->text, "hello world");
  EXPECT_EQ(streamed, "hello world");
  EXPECT_GE(result->timings.ttft_ms, result->timings.queue_ms);
  service.drain();
  const ServiceStats stats = service.stats();
  EXPECT_EQ(stats.accepted, 1u);
  EXPECT_EQ(stats.completed, 1u);
  EXPECT_EQ(stats.prompt_tokens, 2u);
  EXPECT_EQ(stats.completion_tokens, 3u);
  EXPECT_EQ(stats.generated_tokens, 3u);
  EXPECT_EQ(stats.empty_answers, 0u);
  EXPECT_EQ(stats.queued, 0u);
  EXPECT_EQ(stats.running, 0u);
  EXPECT_EQ(service.model().name, "fake");
}

TEST_F(ServiceTest, WhoAsksForNoTokenIsAnsweredWithoutACacheToo) {
  for (const std::size_t bytes : {0u, 1u << 20}) {
    Service service(loaded(FakeModel::answering({287, kEnd})), {.response_cache_bytes = bytes});
    GenerateRequest request = question("hello");
    request.max_tokens = 0;
    Pending pending = submit(service, std::move(request));
    ASSERT_EQ(pending.result.wait_for(std::chrono::seconds(60)), std::future_status::ready);
    EXPECT_TRUE(pending.result.get()->text.empty());
    service.drain();
  }
}

TEST_F(ServiceTest, TheQueueIsBounded) {
  Service service(loaded(gated(1)), {.max_queue = 2, .max_running = 1});
  Pending running = submit(service, question("hello"));
  gate.wait_until_entered();
  Pending first = submit(service, question("hello")), second = submit(service, question("hello"));
  EXPECT_EQ(service.stats().queued, 2u);
  EXPECT_EQ(service.stats().running, 1u);
  const auto refused =
      service.submit(question("hello"), nullptr, [](Result<GenerateResult>) { FAIL(); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kQueueFull);
  gate.open();
  for (Pending* pending : {&running, &first, &second}) EXPECT_TRUE(pending->result.get().ok());
  EXPECT_EQ(service.stats().rejected, 1u);
  EXPECT_EQ(service.stats().accepted, 3u);
}

TEST_F(ServiceTest, WithoutAQueueAnIdleEngineStillTakesWork) {
  Service service(loaded(FakeModel::answering({kEnd})), {.max_queue = 0});
  EXPECT_TRUE(submit(service, question("hello")).result.get().ok());
  service.drain();
  EXPECT_EQ(service.stats().empty_answers, 1u);
}

TEST_F(ServiceTest, CancelsTheRunningJob) {
  Service service(loaded(gated(900)), {});
  Pending running = submit(service, question("hello"));
  gate.wait_until_entered();
  running.job->cancel();
  gate.open();
  EXPECT_EQ(running.code().code, ErrorCode::kCancelled);
  service.drain();
  EXPECT_EQ(service.stats().cancelled, 1u);
  EXPECT_EQ(service.stats().completion_tokens, 0u);
  EXPECT_GE(service.stats().generated_tokens, 1u) << "what was computed for nobody, too";
}

TEST_F(ServiceTest, WaitingJobsAreAnsweredWhenCancelledOrOutOfTime) {
  // The running job needs 900 steps and is held at the first; the waiting ones end at its second.
  std::vector<TokenId> answer(900, 287);
  auto model = FakeModel::answering(std::move(answer));
  std::promise<void> waiting_ended;
  auto ended = waiting_ended.get_future().share();
  gate.attach(*model);
  model->on_step = [held = model->on_step, ended](std::size_t step) {
    held(step);
    if (step == 3) ended.wait();  // goes on only when both were answered
  };
  Service service(loaded(std::move(model)), {.max_queue = 2, .max_running = 1});
  Pending running = submit(service, question("hello"));
  gate.wait_until_entered();
  Pending cancelled = submit(service, question("hello"));
  auto late = question("hello");
  late.deadline = std::chrono::steady_clock::now();
  Pending expired = submit(service, std::move(late));
  cancelled.job->cancel();
  gate.open();
  EXPECT_EQ(cancelled.code().code, ErrorCode::kCancelled);
  EXPECT_EQ(expired.code().code, ErrorCode::kDeadline);
  EXPECT_EQ(service.stats().queued, 0u) << "their places are free while the first still runs";
  EXPECT_EQ(service.stats().running, 1u);
  running.job->cancel();
  waiting_ended.set_value();
  EXPECT_EQ(running.code().code, ErrorCode::kCancelled);
}

TEST_F(ServiceTest, ABrokenJobDoesNotHarmTheNext) {
  FakeModel* model = nullptr;
  auto owned = FakeModel::answering({287, kEnd});
  model = owned.get();
  model->on_step = [](std::size_t step) {
    OC_CHECK(step != 1, "broken on purpose");
    if (step == 2) throw std::bad_alloc();
  };
  Service service(loaded(std::move(owned)), {});
  Pending first = submit(service, question("hello"));
  const Error check = first.code();
  EXPECT_EQ(check.code, ErrorCode::kInternal);
  EXPECT_NE(check.message.find("broken on purpose"), std::string::npos);
  const Error memory = submit(service, question("hello")).code();
  EXPECT_EQ(memory.code, ErrorCode::kUnavailable);
  EXPECT_EQ(memory.message, "out of memory");
  EXPECT_EQ(submit(service, question("hello")).result.get()->text, "hello");
  service.drain();
  EXPECT_EQ(service.stats().failed, 2u);
  EXPECT_EQ(service.stats().completed, 1u);
}

Result<GenerateResult> answer_to(Service& service, std::string text,
                                 std::shared_ptr<MemoryBudget> budget) {
  GenerateRequest request = question(std::move(text));
  request.memory = std::move(budget);
  std::promise<Result<GenerateResult>> done;
  auto answer = done.get_future();
  const auto job = service.submit(std::move(request), nullptr, [&](Result<GenerateResult> result) {
    done.set_value(std::move(result));
  });
  return job.ok() ? answer.get() : Result<GenerateResult>(job.error());
}

TEST_F(ServiceTest, TextIsPaidForBeforeItIsTokenised) {
  auto model = FakeModel::answering({287, kEnd});
  model->mutable_info().context_length = 4096;
  Service service(loaded(std::move(model)), {});
  const auto ask = [&](std::size_t bytes, const std::shared_ptr<MemoryBudget>& budget) {
    return answer_to(service, std::string(bytes, 'a'), budget);
  };
  auto budget = std::make_shared<MemoryBudget>(1u << 20);
  EXPECT_TRUE(ask(3000, budget).ok());
  EXPECT_EQ(ask(3000, std::make_shared<MemoryBudget>(50'000)).error().code, ErrorCode::kTooLarge);
  const Error too_long = ask(10'000'000, budget).error();
  EXPECT_EQ(too_long.code, ErrorCode::kContextLength) << "known without any memory";
  EXPECT_NE(too_long.message.find("the prompt has at least "), std::string::npos);
  {
    Reservation others(budget);
    ASSERT_TRUE(others.grow_to(1'000'000));
    EXPECT_EQ(ask(3000, budget).error().code, ErrorCode::kMemoryFull);
  }
  service.drain();
  EXPECT_EQ(budget->used(), 0u);
}

// No token comes of them, so that no text of them is too long: it is tokenised whatever its size.
TEST_F(ServiceTest, BytesWithoutATokenArePaidForToo) {
  const auto tokenizer =
      load_tokenizer_json(OC_SOURCE_DIR "/tests/data/tokenizer/bytelevel/digits.json").value();
  ASSERT_EQ(tokenizer->normalised_bytes("\x04"), 0u);
  Service service(loaded(FakeModel::answering({287, kEnd}, tokenizer)), {});
  const std::string text(10'000'000, '\x04');
  const auto small = std::make_shared<MemoryBudget>(1u << 20);
  const auto large = std::make_shared<MemoryBudget>(1u << 30);
  EXPECT_EQ(answer_to(service, text, small).error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(answer_to(service, text, large).ok());
  service.drain();
  EXPECT_EQ(small->used() + large->used(), 0u);
}

TEST_F(ServiceTest, DrainAnswersEverythingAndRefusesNewWork) {
  Service service(loaded(gated(3)), {});
  Pending first = submit(service, question("hello")), second = submit(service, question("hello"));
  gate.wait_until_entered();
  std::thread opener([this] { gate.open(); });
  service.drain();
  opener.join();
  for (Pending* pending : {&first, &second}) {
    ASSERT_EQ(pending->result.wait_for(std::chrono::seconds(0)), std::future_status::ready);
    EXPECT_TRUE(pending->result.get().ok());
  }
  const auto refused = service.submit(question("hello"), nullptr, [](Result<GenerateResult>) {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
}

TEST_F(ServiceTest, TheDestructorAnswersEverybody) {
  // A model that never stops by itself.
  auto model =
      std::make_unique<FakeModel>([](std::span<const TokenId>) { return FakeModel::one_hot(287); });
  model->mutable_info().context_length = std::int64_t{1} << 40;
  std::promise<void> entered;
  model->on_step = [&](std::size_t step) {
    if (step == 1) entered.set_value();
  };
  auto service = std::make_unique<Service>(loaded(std::move(model)), ServiceOptions{});
  Pending running = submit(*service, question("hello"));
  entered.get_future().wait();
  Pending waiting = submit(*service, question("hello"));
  service.reset();
  EXPECT_EQ(running.code().code, ErrorCode::kUnavailable);
  EXPECT_EQ(waiting.code().code, ErrorCode::kUnavailable);
}

TEST_F(ServiceTest, ADoneCallbackMaySubmitAgain) {
  std::promise<std::string> text;
  Service service(loaded(FakeModel::answering({287, kEnd})), {});
  ASSERT_TRUE(service
                  .submit(question("hello"), nullptr,
                          [&](Result<GenerateResult>) {
                            const auto again = service.submit(question("world"), nullptr,
                                                              [&](Result<GenerateResult> result) {
                                                                text.set_value(result->text);
                                                              });
                            EXPECT_TRUE(again.ok());
                          })
                  .ok());
  EXPECT_EQ(text.get_future().get(), "hello");
}

// Clients on several threads that cancel at random; each gets the answer to its own question. Runs
// under TSan.
TEST_F(ServiceTest, ManyClientsEachGetTheirOwnAnswer) {
  // Repeats the last prompt token four times: the prompt is BOS, "▁", and the question.
  auto model = std::make_unique<FakeModel>([](std::span<const TokenId> ids) {
    std::size_t same = 1;
    while (same < ids.size() && ids[ids.size() - 1 - same] == ids.back()) ++same;
    return FakeModel::one_hot(same == 5 ? kEnd : ids.back());
  });
  Service service(loaded(std::move(model)), {.max_queue = 1000});
  const std::vector<std::string> words = {"abc", "hello", "world", "st", "ab"};
  constexpr int kClients = 4, kRequests = 50;
  std::atomic<int> wrong{0}, cancelled{0}, right{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client)
    clients.emplace_back([&, client] {
      for (int i = 0; i < kRequests; ++i) {
        const std::string& word = words[static_cast<std::size_t>(client * 7 + i) % words.size()];
        Pending pending = submit(service, question(word));
        if (i % 5 == 0) pending.job->cancel();
        static_cast<void>(service.stats());
        const auto result = pending.result.get();
        if (!result.ok()) {
          ++(result.error().code == ErrorCode::kCancelled ? cancelled : wrong);
          continue;
        }
        const auto prompt = fake::tiny_tokenizer()->encode(word, false);
        ++(result->ids == std::vector<TokenId>(4, prompt.back()) ? right : wrong);
      }
    });
  for (std::thread& client : clients) client.join();
  service.drain();
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(right, kClients * kRequests * 4 / 5);
  EXPECT_EQ(right + cancelled, kClients * kRequests);
  EXPECT_EQ(service.stats().completed, static_cast<std::uint64_t>(right));
}

// The weights' file is cut off in the third step: its token is made of zeros, and nobody sees it.
TEST_F(ServiceTest, NothingComputedFromALostFileIsAnswered) {
  auto model = FakeModel::answering({287, 291, 292, 293, kEnd});
  FakeModel* const fake = model.get();
  std::promise<void> waiting;
  fake->on_step = [&](std::size_t step) {
    if (step == 1) waiting.get_future().wait();
    if (step == 3) fake->lost = true;
  };
  ServiceOptions options;
  options.max_running = 1;
  options.prefix_cache_bytes = 1 << 20;
  options.response_cache_bytes = 1 << 20;
  Service service(loaded(std::move(model)), options);
  std::string streamed;
  std::promise<Result<GenerateResult>> done;
  ASSERT_TRUE(service
                  .submit(
                      question("hello"), [&](const AnswerPiece& piece) { streamed += piece.text; },
                      [&](Result<GenerateResult> r) { done.set_value(std::move(r)); })
                  .ok());
  Pending queued = submit(service, question("hello"));
  waiting.set_value();
  const auto result = done.get_future().get();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(result.error().message, "fake.safetensors: was cut off");
  EXPECT_EQ(streamed, "hello world") << "what was whole when it was computed";
  EXPECT_EQ(queued.code().message, "fake.safetensors: was cut off") << "without a step";
  EXPECT_EQ(fake->steps.size(), 3u);
  const auto later = service.submit(question("hello"), nullptr, [](auto) {});
  ASSERT_FALSE(later.ok());
  EXPECT_EQ(later.error().code, ErrorCode::kUnavailable);
  const ServiceStats stats = service.stats();
  EXPECT_EQ(stats.prefixes.entries, 0u);
  EXPECT_EQ(stats.responses.entries, 0u);
}

TEST_F(ServiceTest, APictureEncodedFromALostFileIsNotKept) {
  auto model = FakeModel::answering({287, kEnd});
  FakeModel* const fake = model.get();
  fake->on_tile = [&](std::size_t) { fake->lost = true; };
  ServiceOptions options;
  options.image_cache_bytes = 1 << 20;
  Service service(loaded(std::move(model)), options);
  GenerateRequest request = question("hello");
  auto image = std::make_shared<Image>();
  image->width = image->height = 8;
  image->rgb.assign(8 * 8 * 3, 1);
  request.images.push_back({image, fake::crops(1)});
  request.messages[0].parts.insert(request.messages[0].parts.begin(), ImagePart{0});
  EXPECT_EQ(submit(service, std::move(request)).code().message, "fake.safetensors: was cut off");
  EXPECT_EQ(service.stats().pictures.entries, 0u);
  EXPECT_TRUE(fake->steps.empty());
}

}  // namespace
}  // namespace oc
