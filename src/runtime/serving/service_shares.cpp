// Who is admitted, who grows in a step, and with what memory: fair_shares.h says it, here it is
// counted. Engine thread.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "runtime/serving/service.h"

namespace oc {

// Takes requests from the queue while there is a place for them and memory to end them all.
void Service::admit() {
  while (running_.size() < options_.max_running) {
    running_.reserve(running_.size() + 1);  // nothing may be thrown behind take()
    EntryPtr entry = take();
    if (entry == nullptr) return;
    RequestEntry& started = *entry;
    running_.push_back(std::move(entry));
    start(started);
    keep_within_memory();  // behind the lookup: it may want what is dropped now
  }
}

// The next one that may run, or null.
EntryPtr Service::take() {
  // What runs and stands still for want of memory came first, and is not passed for ever either.
  for (const EntryPtr& entry : running_)
    if (entry->short_of_memory && entry->passed >= kMaxPasses) return nullptr;
  EntryPtr next = queue_.take([this](const RequestEntry& waiting) -> WaitingRequest {
    const auto of_asker = std::ranges::count_if(running_, [&](const EntryPtr& other) {
      return other->request.asker == waiting.request.asker;
    });
    return {static_cast<std::size_t>(of_asker), waiting.passed,
            kv_memory_.fits(running_, waiting.session->kv_claim())};
  });
  if (next == nullptr) return nullptr;
  for (const EntryPtr& entry : running_)
    if (entry->short_of_memory) ++entry->passed;
  return next;
}

void Service::start(RequestEntry& entry) {
  kv_memory_.note_held(running_, entry);
  entry.queue_ms = entry.since_submit.ms();
  log::event(log::Level::kInfo, "started", {log::rounded("queue_ms", entry.queue_ms, 0)},
             entry.request.id);
  const Result<void> started = guarded([&]() -> Result<void> {
    entry.session->start();
    return {};
  });
  if (!started.ok()) entry.failure = started.error();
}

void Service::give_places() {
  std::vector<std::size_t> wanted;
  for (const EntryPtr& entry : running_) {
    const auto answers = std::ranges::count_if(entry->session->sequences(), [](const auto& one) {
      return !one->ended() && !one->scoring();
    });
    wanted.push_back(std::max<std::size_t>(1, static_cast<std::size_t>(answers)));
  }
  const std::vector<std::size_t> given = share_places(wanted, options_.max_running);
  for (std::size_t i = 0; i < running_.size(); ++i) {
    running_[i]->places = given[i];
    running_[i]->short_of_memory = false;
  }
}

// The request's sequences that this step may take further: its first answers that have not ended,
// as many as it has places. Choices are scored in its place for prompts, one after the other.
std::vector<Sequence*> Service::placed(const RequestEntry& entry) const {
  std::vector<Sequence*> all;
  if (!entry.usable()) return all;
  std::size_t places = entry.places;
  for (const auto& one : entry.session->sequences()) {
    if (one->ended()) continue;
    if (!one->scoring() && places-- == 0) break;
    all.push_back(one.get());
  }
  return all;
}

// The running requests in order, but first the one whose prompt's turn it is.
std::vector<RequestEntry*> Service::by_turns(bool oldest) const {
  std::vector<RequestEntry*> order;
  std::vector<std::int64_t> left;
  for (const EntryPtr& entry : running_) {
    order.push_back(entry.get());
    left.push_back(entry->usable() ? entry->session->prompt_left() : 0);
  }
  if (const auto next = next_prompt(left, oldest)) {
    const auto first = order.begin() + static_cast<std::ptrdiff_t>(*next);
    std::rotate(order.begin(), first, first + 1);
  }
  return order;
}

// Kept prefixes get what running requests have not been given.
void Service::keep_within_memory() {
  if (const auto left = kv_memory_.left(running_)) prefixes_.shrink_to(*left);
}

}  // namespace oc
