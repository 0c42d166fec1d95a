#include "http/fetchers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace oc::http {
namespace {

using namespace std::chrono_literals;

// Pictures that do not come until they are let, and who waits for them.
class SlowHosts {
 public:
  SlowHosts() : let_(go_.get_future().share()) {}

  std::function<void()> picture(const std::string& client) {
    return [this, client] {
      {
        const std::lock_guard lock(mutex_);
        most_[client] = std::max(most_[client], ++held_[client]);
      }
      let_.wait();
      const std::lock_guard lock(mutex_);
      --held_[client];
    };
  }
  void wait_for(const std::string& client, int fetchers) {
    while (most(client) < fetchers) std::this_thread::yield();
  }
  int most(const std::string& client) {
    const std::lock_guard lock(mutex_);
    return most_[client];
  }
  void let_them_come() { go_.set_value(); }

 private:
  std::mutex mutex_;
  std::map<std::string, int> held_, most_;
  std::promise<void> go_;
  std::shared_future<void> let_;
};

// What is posted for somebody new runs, whatever the others hold.
void somebody_new_is_served(Fetchers& fetchers, const std::string& client) {
  std::promise<void> served;
  fetchers.post(client, {}, [&] { served.set_value(); });
  served.get_future().wait();
}

TEST(Fetchers, NobodyHoldsThemAll) {
  SlowHosts hosts;
  Fetchers fetchers(16);
  for (int i = 0; i < 40; ++i) fetchers.post("a", {}, hosts.picture("a"));
  hosts.wait_for("a", 8);
  somebody_new_is_served(fetchers, "b");
  for (int i = 0; i < 40; ++i) fetchers.post("b", {}, hosts.picture("b"));
  hosts.wait_for("b", 4);
  somebody_new_is_served(fetchers, "c");
  EXPECT_EQ(hosts.most("b"), 4) << "no more than it leaves free";
  hosts.let_them_come();
  fetchers.finish();
  EXPECT_EQ(hosts.most("a"), 8) << "half of them";
}

TEST(Fetchers, WhatIsFreeGoesToWhoeverHoldsTheFewestAndCameFirst) {
  Fetchers fetchers(2);
  std::promise<void> go_a, go_b, b_is_there, others_are_done;
  std::string order;
  const auto tell = [&](char name) { return [&order, name] { order += name; }; };
  fetchers.post("a", {}, [&] { go_a.get_future().wait(); });
  fetchers.post("b", {}, [&] {
    b_is_there.set_value();
    go_b.get_future().wait();
  });
  b_is_there.get_future().wait();
  fetchers.post("a", {}, tell('a'));
  fetchers.post("a", {}, tell('a'));
  fetchers.post("c", {}, tell('c'));
  fetchers.post("b", {}, tell('b'));
  fetchers.post("c", {}, [&] {
    order += 'c';
    others_are_done.set_value();
  });
  go_b.set_value();
  others_are_done.get_future().wait();
  go_a.set_value();
  fetchers.finish();
  EXPECT_EQ(order, "cbcaa");
}

TEST(Fetchers, WhoseTimeIsOverWaitsNoLonger) {
  SlowHosts hosts;
  Fetchers fetchers(2);
  for (const std::string client : {"a", "b"}) {
    fetchers.post(client, {}, hosts.picture(client));
    hosts.wait_for(client, 1);
  }
  std::promise<void> at_once, soon, later;
  fetchers.post("c", Fetchers::Clock::now() + 1h, [&] { later.set_value(); });
  fetchers.post("c", Fetchers::Clock::now() + 20ms, [&] { soon.set_value(); });
  fetchers.post("c", Fetchers::Clock::now(), [&] { at_once.set_value(); });
  at_once.get_future().wait();
  soon.get_future().wait();
  EXPECT_EQ(later.get_future().wait_for(0s), std::future_status::timeout) << "none is free";
  hosts.let_them_come();
  fetchers.finish();
}

// What they share must last until the second of them has ended.
TEST(Fetchers, SeveralOfOneClientAreLateAtOnce) {
  SlowHosts hosts;
  Fetchers fetchers(2);
  for (int i = 0; i < 2; ++i) fetchers.post("a", Fetchers::Clock::now(), hosts.picture("a"));
  hosts.wait_for("a", 2);
  hosts.let_them_come();
  fetchers.finish();
}

TEST(Fetchers, WhatIsFetchedPostsTheNext) {
  Fetchers fetchers(3);
  std::atomic<int> done{0};
  for (int i = 0; i < 100; ++i)
    fetchers.post("a", {}, [&] { fetchers.post("a", {}, [&] { ++done; }); });
  fetchers.finish();
  EXPECT_EQ(done, 100);
  fetchers.post("a", {}, [&] { ++done; });
  fetchers.finish();
  EXPECT_EQ(done, 100);
}

TEST(Fetchers, MayEndOnAThreadOfTheirOwn) {
  std::promise<void> ended;
  {
    auto fetchers = std::make_shared<Fetchers>(3);
    fetchers->post("a", {}, [fetchers, &ended]() mutable {
      while (fetchers.use_count() > 1) std::this_thread::yield();
      fetchers.reset();
      ended.set_value();
    });
  }
  ended.get_future().wait();
}

}  // namespace
}  // namespace oc::http
