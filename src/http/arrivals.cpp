#include "http/arrivals.h"

#include <algorithm>
#include <utility>

namespace oc::http {
namespace {

// A question without a picture: it gets in where larger ones have taken their half.
constexpr std::size_t kSmall = 64u << 10;

}  // namespace

std::size_t Arrivals::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

Arrivals::Room Arrivals::grow(Body& body, std::size_t bytes, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  const std::size_t before = body.memory_.bytes();
  if (bytes <= before) return Room::kHere;
  const bool alone = bytes_ == before;
  const std::size_t limit = budget_->limit();
  const bool small = bytes <= std::min(kSmall, limit / 64);
  const std::size_t max_bytes = small ? limit / 4 * 3 : limit / 2;
  if ((alone || bytes_ - before + bytes <= max_bytes) && body.memory_.grow_to(bytes)) {
    body.held_ = body.held(now);
    body.changed_ = now;
    bytes_ += bytes - before;
    return Room::kHere;
  }
  Body* slowest = nullptr;
  for (Body* other : bodies_) {
    if (other == &body || other->memory_.bytes() == 0) continue;
    if (other->gave_way_) return Room::kSoon;
    const auto grace = other->limits_.grace;
    const bool slow = now >= other->begun_ + grace || now >= other->deadline_ - grace * 9 / 10;
    if (slow && (slowest == nullptr || other->held(now) > slowest->held(now))) slowest = other;
  }
  if (slowest == nullptr || slowest->held(now) <= body.held(now))
    return alone ? Room::kNone : Room::kSoon;
  slowest->gave_way_ = true;
  slowest->give_way_();
  return Room::kSoon;
}

Arrivals::Body::Body(std::shared_ptr<Arrivals> all, const ArrivalLimits& limits,
                     std::function<void()> give_way, Clock::time_point now)
    : all_(std::move(all)),
      limits_(limits),
      give_way_(std::move(give_way)),
      begun_(now),
      memory_(all_->budget_),
      deadline_(now + limits.grace),
      changed_(now) {
  const std::lock_guard lock(all_->mutex_);
  all_->bodies_.insert(this);
}

Arrivals::Body::~Body() {
  const std::lock_guard lock(all_->mutex_);
  take_out();
}

void Arrivals::Body::take_out() {
  all_->bytes_ -= memory_.bytes();
  memory_ = Reservation();
  all_->bodies_.erase(this);
}

void Arrivals::Body::received(std::size_t bytes, Clock::time_point now) {
  const auto earned = std::chrono::nanoseconds(bytes * 1'000'000'000 /
                                               std::max<std::size_t>(1, limits_.bytes_per_s));
  const std::lock_guard lock(all_->mutex_);
  deadline_ = std::min<Clock::time_point>(deadline_ + earned, now + limits_.grace);
}

Arrivals::Clock::time_point Arrivals::Body::deadline() const {
  const std::lock_guard lock(all_->mutex_);
  return deadline_;
}

bool Arrivals::Body::gave_way() const {
  const std::lock_guard lock(all_->mutex_);
  return gave_way_;
}

Reservation Arrivals::Body::finish() {
  const std::lock_guard lock(all_->mutex_);
  all_->bytes_ -= memory_.bytes();
  all_->bodies_.erase(this);
  return std::exchange(memory_, Reservation());
}

double Arrivals::Body::held(Clock::time_point now) const {
  return held_ + static_cast<double>(memory_.bytes()) *
                     std::chrono::duration<double>(now - changed_).count();
}

}  // namespace oc::http
