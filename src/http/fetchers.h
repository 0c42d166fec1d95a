// Threads that wait for pictures from elsewhere, shared out among the clients that ask: whoever
// names hosts that are slow waits for them, and others do not.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "http/pool_threads.h"

namespace oc::http {

// A client gets one more fetcher only while it holds fewer than are free: alone it has half of
// them, with another each has a third, and somebody new finds one. What may be given goes to the
// client that holds the fewest, among these to whoever came first.
class Fetchers {
 public:
  using Clock = std::chrono::steady_clock;

  // They do nothing but wait: more than cores, and no more than can be borne of hosts that are
  // slow.
  static constexpr int kFetchers = 16;

  explicit Fetchers(int fetchers = kFetchers);
  ~Fetchers();  // finish(); also on a thread of its own

  // Any thread. Work that posts its next piece lets others in between. It must not throw. When its
  // deadline has passed it no longer waits for a fetcher: it is run, to say so.
  void post(const std::string& client, std::optional<Clock::time_point> deadline,
            std::function<void()> work);
  // Returns when all work is done, and drops what is posted from then on. Not on a thread of its
  // own.
  void finish();

 private:
  struct State;
  std::shared_ptr<State> state_;
  PoolThreads threads_;
};

}  // namespace oc::http
