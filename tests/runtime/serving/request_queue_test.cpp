#include "runtime/serving/request_queue.h"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <utility>

#include "base/log.h"
#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

using fake::FakeModel;

class RequestQueueTest : public testing::Test {
 protected:
  void SetUp() override { log::configure(log::Level::kOff, log::Format::kText); }
  void TearDown() override {
    if (queue_ != nullptr) queue_->stop();
    log::configure_from_environment();
  }

  RequestQueue& make(RequestQueueOptions options) {
    queue_ = std::make_unique<RequestQueue>(options, grammars_, counters_,
                                            [this](RequestEntry& entry, Error error) {
                                              refused_.emplace_back(entry.request.id, error.code);
                                            });
    return *queue_;
  }
  EntryPtr entry(const std::string& id, const std::string& asker = "") {
    auto out = std::make_unique<RequestEntry>(budget_);
    out->request.id = id;
    out->request.client = id;  // a key of its own each time
    out->request.asker = asker;
    out->request.messages = {{Role::kUser, {TextPart{"hello"}}}};
    out->session = std::make_unique<Session>(model_, out->request, out->hooks);
    EXPECT_TRUE(out->session->prepare().ok());
    return out;
  }
  // The id of the one whose turn it is, given who has how many requests running.
  std::string take(const std::map<std::string, std::size_t>& running = {}) {
    const EntryPtr next = queue_->take([&](const RequestEntry& waiting) -> WaitingRequest {
      const auto of_asker = running.find(waiting.request.asker);
      return {of_asker == running.end() ? 0 : of_asker->second, waiting.passed, true};
    });
    return next == nullptr ? "none" : next->request.id;
  }

  FakeModel model_{nullptr};
  std::atomic<std::size_t> budget_{0};
  ServiceCounters counters_;
  GrammarCache grammars_{{fake::tiny_tokenizer(), fake::kVocab, {fake::kEnd}}};
  std::vector<std::pair<std::string, ErrorCode>> refused_;
  std::unique_ptr<RequestQueue> queue_;
};

TEST_F(RequestQueueTest, IsBoundedButForFreePlaces) {
  RequestQueue& queue = make({.max_waiting = 1, .max_running = 1});
  EXPECT_TRUE(queue.push(entry("a")).ok());  // it will run at once
  EXPECT_TRUE(queue.push(entry("b")).ok());
  const Result<void> full = queue.push(entry("c"));
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, ErrorCode::kQueueFull);
  EXPECT_EQ(full.error().message, "2 requests wait already, the most that may");
  EXPECT_NE(full.error().hint.find("--max-queue"), std::string::npos);
  EXPECT_EQ(take(), "a");
  EXPECT_FALSE(queue.push(entry("c")).ok());
  queue.leave();  // its place is free, though it has not been told yet
  EXPECT_TRUE(queue.push(entry("c")).ok());
  EXPECT_EQ(counters_.stats().accepted, 3u);
  EXPECT_EQ(counters_.stats().rejected, 2u);
}

TEST_F(RequestQueueTest, SeveralOfARequestComeTogetherOrNotAtAll) {
  RequestQueue& queue = make({.max_waiting = 2, .max_running = 1});
  const auto several = [&](std::initializer_list<const char*> ids) {
    std::vector<EntryPtr> out;
    for (const char* id : ids) out.push_back(entry(id));
    return out;
  };
  EXPECT_TRUE(queue.find_place({}, 3).ok());
  EXPECT_EQ(queue.find_place({}, 4).error().code, ErrorCode::kQueueFull);
  EXPECT_EQ(queue.push(several({"a", "b", "c", "d"})).error().code, ErrorCode::kQueueFull);
  EXPECT_EQ(queue.waiting(), 0u);
  EXPECT_TRUE(queue.push(several({"a", "b", "c"})).ok());
  EXPECT_TRUE(queue.push(several({})).ok());
  EXPECT_EQ(queue.waiting(), 3u);
  EXPECT_EQ(counters_.stats().accepted, 3u);
  for (const char* id : {"a", "b", "c"}) EXPECT_EQ(take(), id);
}

TEST_F(RequestQueueTest, TurnsAreTheAskersWithTheFewest) {
  RequestQueue& queue = make({.max_waiting = 8, .max_running = 4});
  for (const char* id : {"a1", "a2"}) ASSERT_TRUE(queue.push(entry(id, "a")).ok());
  ASSERT_TRUE(queue.push(entry("b1", "b")).ok());
  EXPECT_EQ(take({{"a", 1}}), "b1");
  EXPECT_EQ(take({{"a", 1}, {"b", 1}}), "a1");
  EXPECT_EQ(queue.active(), 2u);
  EXPECT_EQ(queue.waiting(), 1u);
}

TEST_F(RequestQueueTest, ANewerFrameHasThePlaceOfTheOlder) {
  RequestQueue& queue = make({.max_waiting = 8, .max_running = 1});
  const auto frame = [&](const std::string& id) {
    EntryPtr out = entry(id);
    out->request.client = "";
    out->request.stream_key = "camera";
    out->request.latest_wins = true;
    return out;
  };
  ASSERT_TRUE(queue.push(frame("old")).ok());
  ASSERT_TRUE(queue.push(entry("other")).ok());
  ASSERT_TRUE(queue.push(frame("new")).ok());
  ASSERT_EQ(refused_.size(), 1u);
  EXPECT_EQ(refused_[0], (std::pair<std::string, ErrorCode>{"old", ErrorCode::kSuperseded}));
  EXPECT_EQ(take(), "new");
}

TEST_F(RequestQueueTest, SweepRefusesWhoHasLeftAndEverybodyOnceItIsClosed) {
  RequestQueue& queue = make({.max_waiting = 8, .max_running = 1});
  EntryPtr leaves = entry("leaves");
  const std::shared_ptr<Job> job = leaves->job;
  ASSERT_TRUE(queue.push(std::move(leaves)).ok());
  ASSERT_TRUE(queue.push(entry("stays")).ok());
  job->cancel();
  queue.sweep();
  ASSERT_EQ(refused_.size(), 1u);
  EXPECT_EQ(refused_[0], (std::pair<std::string, ErrorCode>{"leaves", ErrorCode::kCancelled}));
  queue.close({ErrorCode::kUnavailable, "the file was cut off"});
  queue.close({ErrorCode::kUnavailable, "another reason"});
  EXPECT_EQ(queue.find_place({}).error().message, "the file was cut off");
  queue.sweep();
  EXPECT_EQ(refused_.size(), 2u);
  EXPECT_EQ(queue.waiting(), 0u);
}

TEST_F(RequestQueueTest, DrainWaitsUntilTheLastIsAnswered) {
  RequestQueue& queue = make({.max_waiting = 8, .max_running = 1});
  ASSERT_TRUE(queue.enter().ok());
  auto drained = std::async(std::launch::async, [&] { queue.drain(); });
  while (queue.open().ok()) std::this_thread::yield();
  EXPECT_FALSE(queue.push(entry("late")).ok());
  EXPECT_EQ(queue.active(), 1u);
  queue.leave();
  EXPECT_EQ(queue.active(), 0u);
  EXPECT_EQ(drained.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  queue.answered();
  drained.get();
  queue.stop();
  EXPECT_FALSE(queue.wait());
}

TEST_F(RequestQueueTest, DrainWaitsUntilWhoIsRefusedHasBeenTold) {
  std::future<void> drained;
  bool early = true;
  queue_ = std::make_unique<RequestQueue>(
      RequestQueueOptions{.max_waiting = 8, .max_running = 1}, grammars_, counters_,
      [&](RequestEntry&, const Error&) {
        drained = std::async(std::launch::async, [&] { queue_->drain(); });
        while (queue_->open().ok()) std::this_thread::yield();
        early = drained.wait_for(std::chrono::milliseconds(20)) != std::future_status::timeout;
      });
  EntryPtr leaves = entry("a");
  leaves->job->cancel();
  ASSERT_TRUE(queue_->push(std::move(leaves)).ok());
  queue_->sweep();
  drained.get();
  EXPECT_FALSE(early);
}

}  // namespace
}  // namespace oc
