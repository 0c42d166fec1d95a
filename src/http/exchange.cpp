#include "http/exchange.h"

#include <algorithm>
#include <utility>

namespace oc::http {

namespace {

// What every exchange may have without being counted: most answers, and what is under way of a
// stream that is read.
constexpr std::size_t kUncounted = 32u << 10;

std::size_t counted(std::size_t bytes) { return bytes - std::min(bytes, kUncounted); }

// What a whole answer holds until it has been sent.
struct Kept {
  Kept(std::shared_ptr<const void> maker_in, Reservation memory_in, Reservation unsent_in)
      : maker(std::move(maker_in)), memory(std::move(memory_in)), unsent(std::move(unsent_in)) {}
  std::shared_ptr<const void> maker;  // as counted by whoever has made it; or
  Reservation memory;
  Reservation unsent;
};

ApiError no_memory() {
  return refuse(Refusal::kBusy,
                "the answer is larger than what others leave of the "
                "memory (--max-memory-mb)");
}

}  // namespace

Exchange::Exchange(std::function<void()> wake, const Dialect& dialect, std::size_t max_pending,
                   std::shared_ptr<MemoryBudget> budget, std::shared_ptr<MemoryBudget> unsent)
    : wake_(std::move(wake)),
      dialect_(dialect),
      max_pending_(max_pending),
      budget_(std::move(budget)),
      all_unsent_(std::move(unsent)),
      memory_(budget_),
      unsent_(all_unsent_) {}

bool Exchange::respond(Response response) {
  if (const std::size_t bytes = counted(response.body.size()); bytes > 0) {
    auto kept =
        std::make_shared<Kept>(response.memory, Reservation(budget_), Reservation(all_unsent_));
    if ((response.memory || kept->memory.grow_to(bytes)) && kept->unsent.grow_to(bytes))
      response.memory = std::move(kept);
    else
      response = error_response(dialect_, no_memory());
  }
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || begun_ || whole_) return false;
    whole_ = std::move(response);
    offer_.reset();
  }
  wake_();
  return true;
}

bool Exchange::fail(const ApiError& error) { return respond(error_response(dialect_, error)); }

bool Exchange::offer_stream(StreamOffer offer) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || begun_ || whole_) return false;
    offer_ = std::move(offer);
  }
  wake_();
  return true;
}

void Exchange::begin() {
  if (begun_) return;
  begun_ = true;
  pending_ = std::move(offer_->preamble);
}

bool Exchange::write(std::string bytes) {
  bool kept = false;
  std::function<void()> given_up;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || finished_ || whole_ || !offer_) return false;
    begin();
    const bool slow = head_taken_ && pending_.size() > max_pending_;
    const std::size_t held = counted(sending_ + pending_.size() + bytes.size());
    kept = !slow && memory_.grow_to(held) && unsent_.grow_to(held);
    if (kept) {
      if (bytes.capacity() - bytes.size() >= pending_.size())
        pending_ = std::move(bytes.insert(0, pending_));  // a large one is not there twice
      else
        pending_ += bytes;
    } else {
      pending_.clear();
      memory_.shrink_to(counted(sending_));
      unsent_.shrink_to(counted(sending_));
      if (head_taken_) {
        closed_ = true;
      } else {  // nothing of it has been sent: there can be a reason
        whole_ = error_response(dialect_, no_memory());
        begun_ = false;
        offer_.reset();
      }
      // The connection may be waiting for its socket: it would tell half a minute later.
      given_up = std::exchange(closed_callback_, nullptr);
    }
  }
  wake_();
  if (given_up) given_up();
  return kept && !closed();
}

void Exchange::finish() {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || finished_ || whole_ || !offer_) return;
    begin();
    finished_ = true;
  }
  wake_();
}

void Exchange::on_closed(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      closed_callback_ = std::move(callback);
      return;
    }
  }
  callback();
}

bool Exchange::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

Exchange::Output Exchange::take() {
  const std::lock_guard lock(mutex_);
  Output output;
  output.closed = closed_;
  output.whole = std::exchange(whole_, std::nullopt);
  if (begun_ && !head_taken_) {
    head_taken_ = true;
    output.head = std::move(offer_->head);
  }
  output.bytes = std::exchange(pending_, {});
  sending_ = output.bytes.size();
  memory_.shrink_to(counted(sending_));
  unsent_.shrink_to(counted(sending_));
  output.finished = finished_;
  return output;
}

std::optional<std::chrono::milliseconds> Exchange::ping_every() const {
  const std::lock_guard lock(mutex_);
  if (!offer_ || finished_ || offer_->ping.empty()) return std::nullopt;
  return offer_->ping_every;
}

void Exchange::tick() {
  const std::lock_guard lock(mutex_);
  if (!offer_ || finished_ || closed_ || whole_) return;
  begin();
  pending_ += offer_->ping;
}

void Exchange::close() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    callback = std::exchange(closed_callback_, nullptr);
  }
  if (callback) callback();
}

void Exchange::complete() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  closed_callback_ = nullptr;
}

}  // namespace oc::http
