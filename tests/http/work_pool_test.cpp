#include "http/work_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <string>

namespace oc::http {
namespace {

TEST(WorkPool, WhoPostsTheNextPieceLetsOthersInBetween) {
  WorkPool pool(1);
  std::promise<void> go;
  std::string order;
  pool.post([&] { go.get_future().wait(); });
  const std::function<void(char, int)> post_rest = [&](char name, int left) {
    order += name;
    if (left > 1) pool.post([&post_rest, name, left] { post_rest(name, left - 1); });
  };
  pool.post([&] { post_rest('a', 4); });
  pool.post([&] { post_rest('b', 2); });
  go.set_value();
  pool.finish();
  EXPECT_EQ(order, "ababaa");
}

TEST(WorkPool, FinishWaitsAndThenNothingIsTaken) {
  WorkPool pool;
  std::atomic<int> done{0};
  for (int i = 0; i < 100; ++i) pool.post([&] { pool.post([&] { ++done; }); });
  pool.finish();
  EXPECT_EQ(done, 100);
  pool.post([&] { ++done; });
  pool.finish();
  EXPECT_EQ(done, 100);
}

TEST(WorkPool, MayEndOnAThreadOfItsOwn) {
  std::promise<void> ended;
  {
    auto pool = std::make_shared<WorkPool>(3);
    pool->post([pool, &ended]() mutable {
      while (pool.use_count() > 1) std::this_thread::yield();
      pool.reset();
      ended.set_value();
    });
  }
  ended.get_future().wait();
}

TEST(WorkPool, NoThreadHoldsUpAnother) {
  WorkPool pool;  // two at least
  std::promise<void> first, second;
  pool.post([&] { second.get_future().wait(); });
  pool.post([&] { first.set_value(); });
  first.get_future().wait();
  second.set_value();
}

}  // namespace
}  // namespace oc::http
