// Who is admitted, who grows in a step, and with what memory: fair_shares.h says it, here it is
// counted. Engine thread.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "runtime/serving/service_entry.h"

namespace oc {

// Takes requests from the queue while there is a place for them and memory to end them all.
void Service::admit() {
  while (running_.size() < options_.max_running) {
    running_.reserve(running_.size() + 1);  // nothing may be thrown behind take()
    EntryPtr entry = take();
    if (entry == nullptr) return;
    Entry& started = *entry;
    running_.push_back(std::move(entry));
    start(started);
    keep_within_memory();  // behind the lookup: it may want what is dropped now
  }
}

// The next one that may run, or null.
Service::EntryPtr Service::take() {
  // What runs and stands still for want of memory came first, and is not passed for ever either.
  for (const EntryPtr& entry : running_)
    if (entry->short_of_memory && entry->passed >= kMostPasses) return nullptr;
  const std::lock_guard lock(mutex_);
  std::vector<WaitingRequest> waiting;
  std::vector<std::size_t> places;  // of these in the queue
  for (std::size_t i = 0; i < queue_.size(); ++i) {
    if (!ready(queue_[i])) continue;
    const EntryPtr& entry = queue_[i];
    const auto of_client = std::ranges::count_if(running_, [&](const EntryPtr& other) {
      return other->request.client == entry->request.client;
    });
    waiting.push_back(
        {static_cast<std::size_t>(of_client), entry->passed, fits(entry->session->kv_claim())});
    places.push_back(i);
  }
  const std::optional<std::size_t> next = next_turn(waiting);
  if (!next) return nullptr;
  for (std::size_t i = 0; i < *next; ++i) ++queue_[places[i]]->passed;
  for (const EntryPtr& entry : running_)
    if (entry->short_of_memory) ++entry->passed;
  const auto place = queue_.begin() + static_cast<std::ptrdiff_t>(places[*next]);
  EntryPtr entry = std::move(*place);
  queue_.erase(place);
  ++active_;
  return entry;
}

void Service::start(Entry& entry) {
  note_memory(entry, kv_bytes_of(entry.session->kv_claim().held));
  entry.queue_ms = entry.since_submit.ms();
  log::event(log::Level::kInfo, "started", {{"queue_ms", fmt::format("{:.0f}", entry.queue_ms)}},
             entry.request.id);
  const Result<void> started = guarded([&]() -> Result<void> {
    entry.session->start();
    return {};
  });
  if (!started.ok()) entry.failure = started.error();
}

RequestCaches Service::caches(const GenerateRequest& request) {
  // A model that does not tell the width of its pictures' rows could not check what it reads.
  const bool stored = model_->model->info().width > 0 && !request.compute_anew;
  return {options_.prefix_cache_bytes > 0 ? &prefixes_ : nullptr,
          options_.image_cache_bytes > 0 ? &pictures_ : nullptr,
          &grammars_,
          /*compiles_later=*/true,
          stored ? options_.image_store.get() : nullptr,
          computed_by_};
}

std::size_t Service::kv_bytes_of(std::int64_t tokens) const {
  return static_cast<std::size_t>(whole_kv_blocks(tokens)) * model_->model->info().kv_token_bytes;
}

std::size_t Service::kv_reserved() const {
  std::size_t total = 0;
  for (const EntryPtr& entry : running_) total += kv_bytes_of(entry->session->kv_claim().held);
  return total;
}

// For the log: what the request holds now.
void Service::note_memory(Entry& entry, std::size_t held) const {
  if (held > entry.kv_held)
    log::step("memory", entry.request.id, "kv_taken", held - entry.kv_held, "kv_in_use",
              kv_reserved(), "of", options_.kv_bytes);
  else if (held < entry.kv_held)
    log::step("memory", entry.request.id, "kv_given_back", entry.kv_held - held, "kv_in_use",
              kv_reserved());
  entry.kv_held = held;
}

// Whether what runs, with another one beside it, can go on to its end, one after the other.
bool Service::fits(std::optional<MemoryClaim> another) const {
  const std::size_t token = model_->model->info().kv_token_bytes;
  if (options_.kv_bytes == 0 || token == 0) return true;
  std::vector<MemoryClaim> claims;
  for (const EntryPtr& entry : running_) claims.push_back(entry->session->kv_claim());
  if (another) claims.push_back(*another);
  return all_can_end(std::move(claims), static_cast<std::int64_t>(options_.kv_bytes / token));
}

// False: the sequence cannot have what its next step needs, and stands still for this one.
bool Service::give_memory(Entry& entry, Sequence& one) {
  const std::int64_t before = one.kv_given(), needed = one.kv_needed();
  if (needed <= before) return true;
  one.give_kv(needed);
  if (fits(std::nullopt)) return true;
  one.give_kv(before);
  entry.short_of_memory = true;
  return false;
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
std::vector<Sequence*> Service::placed(const Entry& entry) const {
  std::vector<Sequence*> all;
  if (!usable(entry)) return all;
  std::size_t places = entry.places;
  for (const auto& one : entry.session->sequences()) {
    if (one->ended()) continue;
    if (!one->scoring() && places-- == 0) break;
    all.push_back(one.get());
  }
  return all;
}

// The running requests in order, but first the one whose prompt's turn it is.
std::vector<Service::Entry*> Service::by_turns(bool oldest) const {
  std::vector<Entry*> order;
  std::vector<std::int64_t> left;
  for (const EntryPtr& entry : running_) {
    order.push_back(entry.get());
    left.push_back(usable(*entry) ? entry->session->prompt_left() : 0);
  }
  if (const auto next = next_prompt(left, oldest)) {
    const auto first = order.begin() + static_cast<std::ptrdiff_t>(*next);
    std::rotate(order.begin(), first, first + 1);
  }
  return order;
}

// Kept prefixes get what running requests have not been given.
void Service::keep_within_memory() {
  if (options_.kv_bytes != 0)
    prefixes_.shrink_to(options_.kv_bytes - std::min(kv_reserved(), options_.kv_bytes));
}

}  // namespace oc
