#include "http/exchange.h"

#include <utility>

namespace oc::http {

Exchange::Exchange(std::function<void()> wake, std::size_t max_pending)
    : wake_(std::move(wake)), max_pending_(max_pending) {}

bool Exchange::respond(Response response) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || begun_ || whole_) return false;
    whole_ = std::move(response);
    offer_.reset();
  }
  wake_();
  return true;
}

void Exchange::offer_stream(StreamOffer offer) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || begun_ || whole_) return;
    offer_ = std::move(offer);
  }
  wake_();
}

void Exchange::begin() {
  if (begun_) return;
  begun_ = true;
  pending_ = std::move(offer_->preamble);
}

bool Exchange::write(std::string bytes) {
  std::function<void()> given_up;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || finished_ || whole_ || !offer_) return false;
    begin();
    if (pending_.size() + bytes.size() > max_pending_) {
      closed_ = true;
      pending_.clear();
      // The connection may be waiting for its socket: it would tell half a minute later.
      given_up = std::exchange(closed_callback_, nullptr);
    } else {
      pending_ += bytes;
    }
  }
  wake_();
  if (given_up) given_up();
  return !closed();
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
  output.finished = finished_;
  return output;
}

std::optional<std::chrono::milliseconds> Exchange::ping_every() const {
  const std::lock_guard lock(mutex_);
  if (!offer_ || finished_) return std::nullopt;
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
