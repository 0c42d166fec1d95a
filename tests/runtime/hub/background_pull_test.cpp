#include "runtime/hub/background_pull.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

namespace oc::hub {
namespace {

using namespace std::chrono_literals;

PullReport report_of(const ModelRef& ref) { return {.name = ref.repo, .commit = "c"}; }

// Tells that a third is here, and waits until it is stopped, or `go` is true.
BackgroundPull::Work waiting(std::promise<void>& begun, std::atomic<bool>& go) {
  return [&](const ModelRef& ref, const PullOptions& options) -> Result<PullReport> {
    options.on_progress({.done = 1, .total = 3, .file = "a"});
    begun.set_value();
    while (!go) {
      if (options.patience.stop()) return stopped();
      std::this_thread::sleep_for(1ms);
    }
    return report_of(ref);
  };
}

TEST(BackgroundPull, OneAtATime) {
  std::promise<void> begun;
  std::atomic<bool> go{false};
  BackgroundPull pulls(waiting(begun, go));
  EXPECT_FALSE(pulls.now());
  std::promise<Result<PullReport>> first;
  const auto id = pulls.start({"a/one"}, {}, [&](Result<PullReport> end) {
    EXPECT_FALSE(pulls.now()) << "the next may begin";
    first.set_value(std::move(end));
  });
  ASSERT_TRUE(id);
  begun.get_future().wait();
  EXPECT_FALSE(pulls.start({"a/two"}, {}, [](const auto&) { ADD_FAILURE(); }));
  const auto now = pulls.now();
  ASSERT_TRUE(now);
  EXPECT_EQ(now->ref.repo, "a/one");
  EXPECT_EQ(now->progress.done, 1u);
  go = true;
  EXPECT_EQ(first.get_future().get()->name, "a/one");
}

TEST(BackgroundPull, ItIsStoppedByItsIdAlone) {
  std::promise<void> begun;
  std::atomic<bool> go{false};
  BackgroundPull pulls(waiting(begun, go));
  std::promise<ErrorCode> end;
  const auto id = pulls.start(
      {"a/one"}, {}, [&](const Result<PullReport>& result) { end.set_value(result.error().code); });
  begun.get_future().wait();
  bool told = false;
  pulls.cancel(*id + 1, [&] { told = true; });
  EXPECT_TRUE(told) << "that one is not under way";
  EXPECT_TRUE(pulls.now());
  std::promise<void> ended;
  pulls.cancel(*id, [&] { ended.set_value(); });
  ended.get_future().wait();
  EXPECT_EQ(end.get_future().get(), ErrorCode::kCancelled);
  EXPECT_FALSE(pulls.now());
}

TEST(BackgroundPull, TheOptionsStopIsAskedToo) {
  std::promise<void> begun;
  std::atomic<bool> go{false};
  BackgroundPull pulls(waiting(begun, go));
  std::atomic<bool> ending{false};
  PullOptions options;
  options.patience.cancelled = [&] { return ending.load(); };
  std::promise<ErrorCode> end;
  pulls.start({"a/one"}, options,
              [&](const Result<PullReport>& result) { end.set_value(result.error().code); });
  begun.get_future().wait();
  ending = true;
  EXPECT_EQ(end.get_future().get(), ErrorCode::kCancelled);
}

TEST(BackgroundPull, FinishingStopsAndWaits) {
  std::promise<void> begun;
  std::atomic<bool> go{false}, ended{false};
  BackgroundPull pulls(waiting(begun, go));
  pulls.start({"a/one"}, {}, [&](const auto&) { ended = true; });
  begun.get_future().wait();
  pulls.finish();
  EXPECT_TRUE(ended);
  EXPECT_FALSE(pulls.start({"a/two"}, {}, [](const auto&) { ADD_FAILURE(); }));
}

TEST(BackgroundPull, WhatIsThrownIsAnError) {
  BackgroundPull pulls(
      [](const auto&, const auto&) -> Result<PullReport> { throw std::runtime_error("odd"); });
  std::promise<Error> end;
  pulls.start({"a/one"}, {},
              [&](const Result<PullReport>& result) { end.set_value(result.error()); });
  EXPECT_EQ(end.get_future().get().code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace oc::hub
