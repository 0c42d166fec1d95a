// Request bodies that are still coming in, of all ports: how fast each has to come, what each holds
// of the memory budget, and which one gives way when others need it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <set>

#include "base/memory_budget.h"

namespace oc::http {

struct ArrivalLimits {
  // A body may wait so long for bytes. Bytes that come earn the time that they take at the least
  // speed, up to the grace again: a burst earns no more than that, and what does not come earns
  // nothing. So within any T seconds at least (T - grace) · bytes_per_s arrive.
  std::chrono::milliseconds grace{10'000};
  std::size_t bytes_per_s = 16u << 10;
};

// Together they hold half of the budget at most (three quarters where it is for a small one),
// unless there is only one; the rest is for requests that are there. A body that finds no room may
// take that of another which has held more for longer and is late, or has been coming for longer
// than the grace. Any thread; a Body is used by its connection's.
class Arrivals {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Arrivals(std::shared_ptr<MemoryBudget> budget) : budget_(std::move(budget)) {}

  class Body;
  std::size_t bytes() const;  // held by all

 private:
  enum class Room { kHere, kSoon, kNone };
  Room grow(Body& body, std::size_t bytes, Clock::time_point now);

  const std::shared_ptr<MemoryBudget> budget_;
  mutable std::mutex mutex_;
  std::set<Body*> bodies_;
  std::size_t bytes_ = 0;
};

class Arrivals::Body {
 public:
  using Room = Arrivals::Room;

  // give_way: called once at most, from any thread and under a lock. It makes the connection look
  // at gave_way() and end the body.
  Body(std::shared_ptr<Arrivals> all, const ArrivalLimits& limits, std::function<void()> give_way,
       Clock::time_point now);
  ~Body();
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  // kSoon: another one is giving way or may have to, ask again in a moment. kNone: there is none.
  Room grow_to(std::size_t bytes, Clock::time_point now) { return all_->grow(*this, bytes, now); }
  void received(std::size_t bytes, Clock::time_point now);
  // When it is too slow, unless more is received.
  Clock::time_point deadline() const;
  bool gave_way() const;
  // It is whole: what it holds is the request's from now on.
  Reservation finish();

 private:
  friend class Arrivals;
  double held(Clock::time_point now) const;  // byte seconds
  void take_out();

  const std::shared_ptr<Arrivals> all_;
  const ArrivalLimits limits_;
  const std::function<void()> give_way_;
  const Clock::time_point begun_;
  // Under the lock of all:
  Reservation memory_;
  Clock::time_point deadline_, changed_;
  double held_ = 0;  // until changed_
  bool gave_way_ = false;
};

}  // namespace oc::http
