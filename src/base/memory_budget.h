// Bytes that requests may hold at one time, over all connections: bodies, documents, texts, decoded
// pictures. Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "base/log.h"

namespace oc {

class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit) : limit_(limit) {}

  bool take(std::size_t bytes) {
    std::size_t used = used_.load();
    do {
      if (bytes > limit_ || used > limit_ - bytes) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes));
    return true;
  }
  void give_back(std::size_t bytes) { used_ -= bytes; }
  std::size_t used() const { return used_; }
  std::size_t limit() const { return limit_; }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

// A share of a budget; given back when it goes out of scope. One thread at a time.
class Reservation {
 public:
  Reservation() = default;
  // With the id of a request its steps are logged.
  explicit Reservation(std::shared_ptr<MemoryBudget> budget, std::string request_id = {})
      : budget_(std::move(budget)), request_id_(std::move(request_id)) {}
  Reservation(Reservation&& other) noexcept { *this = std::move(other); }
  Reservation& operator=(Reservation&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    std::swap(request_id_, other.request_id_);
    std::swap(peak_, other.peak_);
    return *this;
  }
  ~Reservation() {
    if (!budget_) return;
    budget_->give_back(bytes_);
    if (bytes_ > 0) log_step("given_back", bytes_);
  }

  // Makes the share at least `bytes`; false (and unchanged) when the budget does not have it.
  bool grow_to(std::size_t bytes) {
    if (bytes <= bytes_ || !budget_) return true;
    if (!budget_->take(bytes - bytes_)) return false;
    log_step("taken", bytes - bytes_);
    bytes_ = bytes;
    peak_ = std::max(peak_, bytes_);
    return true;
  }
  // Gives back what is over `bytes`.
  void shrink_to(std::size_t bytes) {
    if (bytes >= bytes_ || !budget_) return;
    budget_->give_back(bytes_ - bytes);
    log_step("given_back", bytes_ - bytes);
    bytes_ = bytes;
  }
  // Takes over what another share of the same budget holds.
  void absorb(Reservation& other) {
    bytes_ += std::exchange(other.bytes_, 0);
    peak_ = std::max(peak_, bytes_);
  }
  // From now on it is this request's, and its steps are logged.
  void belongs_to(std::string request_id) {
    request_id_ = std::move(request_id);
    if (bytes_ > 0) log_step("taken", bytes_);
  }
  std::size_t bytes() const { return bytes_; }
  std::size_t peak() const { return peak_; }  // the most that it ever was
  // The most that there is for all; without a budget there is no end to it.
  std::size_t limit() const { return budget_ ? budget_->limit() : std::size_t(-1); }

 private:
  std::shared_ptr<MemoryBudget> budget_;
  std::size_t bytes_ = 0, peak_ = 0;
  std::string request_id_;

  // A line for which there is no memory is left out: shares are given back by destructors.
  void log_step(std::string_view what, std::size_t bytes) const noexcept {
    if (request_id_.empty()) return;
    try {
      log::step("memory", request_id_, what, bytes, "in_use", budget_->used(), "of",
                budget_->limit());
    } catch (const std::bad_alloc&) {
      return;
    }
  }
};

}  // namespace oc
