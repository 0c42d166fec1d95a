// The service's engine thread: who is admitted, and what each step computes.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "runtime/service_entry.h"

namespace oc {
namespace {

// What is wrong with a request that has not started yet, if anything.
std::optional<Error> expired(const GenerateRequest& request, const Job& job) {
  if (job.cancelled())
    return Error{ErrorCode::kCancelled, "the request was cancelled while it waited"};
  if (request.deadline && std::chrono::steady_clock::now() >= *request.deadline)
    return Error{ErrorCode::kDeadline, "out of time while waiting for the model",
                 "allow more time, or try again when fewer requests wait"};
  return std::nullopt;
}

}  // namespace

void Service::loop() {
  while (wait_for_work()) {
    sweep();
    admit();
    end_interrupted();
    step();
    check_weights();
    retire_done();
    publish();
  }
}

// False when the service ends and everything is answered.
bool Service::wait_for_work() {
  if (!running_.empty()) return true;
  std::unique_lock lock(mutex_);
  if (queue_.empty() && active_ == 0) idle_.notify_all();
  wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  return !queue_.empty();
}

// Answers waiting requests that were cancelled or ran out of time, so that they neither wait nor
// take a place in the queue.
void Service::sweep() {
  std::vector<std::pair<EntryPtr, Error>> ended;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(queue_, [&](EntryPtr& entry) {
      auto error = stopping_ ? going_away()
                   : broken_ ? *broken_
                             : expired(entry->request, *entry->job);
      if (error) ended.emplace_back(std::move(entry), *std::move(error));
      return error.has_value();
    });
  }
  for (auto& [entry, error] : ended) answer(*entry, std::move(error));
}

std::size_t Service::sequences() const {
  std::size_t total = 0;
  for (const EntryPtr& entry : running_) total += static_cast<std::size_t>(entry->request.n);
  return total;
}

// Takes requests from the queue, in order, while there is a place and memory for their keys and
// values: what was admitted never fails for want of it.
void Service::admit() {
  while (sequences() < options_.max_running) {
    EntryPtr entry = take();
    if (entry == nullptr) return;
    const auto n = static_cast<std::size_t>(entry->request.n);
    if (sequences() + n > options_.max_running ||
        !reserve(*entry)) {  // waits for memory, before all others
      const std::lock_guard lock(mutex_);
      --active_;
      queue_.push_front(std::move(entry));
      return;
    }
    entry->queue_ms = entry->since_submit.ms();
    log::event(log::Level::kInfo, "started", {{"queue_ms", fmt::format("{:.0f}", entry->queue_ms)}},
               entry->request.id);
    running_.push_back(std::move(entry));
  }
}

Service::EntryPtr Service::take() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return nullptr;
  EntryPtr entry = std::move(queue_.front());
  queue_.pop_front();
  ++active_;
  return entry;
}

std::size_t Service::kv_bytes_of(std::int64_t tokens) const {
  return static_cast<std::size_t>(whole_kv_blocks(tokens)) * model_->model->info().kv_token_bytes;
}

bool Service::reserve(Entry& entry) {
  const std::size_t needed = kv_bytes_of(entry.session->most_tokens());
  if (options_.kv_bytes != 0 && kv_reserved_ + needed > options_.kv_bytes) return false;
  entry.kv_reserved = needed;
  kv_reserved_ += needed;
  log::step("memory", entry.request.id, "kv_taken", needed, "kv_in_use", kv_reserved_, "of",
            options_.kv_bytes);
  const Result<void> started = guarded([&]() -> Result<void> {
    entry.session->start();
    return {};
  });
  if (!started.ok()) entry.failure = started.error();
  keep_within_memory();  // behind the lookup: it may want what is dropped now
  return true;
}

SessionCaches Service::caches(const GenerateRequest& request) {
  // A model that does not tell the width of its pictures' rows could not check what it reads.
  const bool stored = model_->model->info().width > 0 && !request.compute_anew;
  return {options_.prefix_cache_bytes > 0 ? &prefixes_ : nullptr,
          options_.image_cache_bytes > 0 ? &pictures_ : nullptr, &grammars_,
          stored ? options_.image_store.get() : nullptr, computed_by_};
}

void Service::end_interrupted() {
  for (const EntryPtr& entry : running_) {
    if (entry->failure) continue;
    if (const Result<void> state = entry->session->interrupted(); !state.ok())
      entry->failure = state.error().code == ErrorCode::kCancelled && !entry->job->cancelled()
                           ? going_away()
                           : state.error();
  }
}

// Once a file that the model is read from is not what was loaded, nothing is answered from it any
// more. What step() has handed out was computed before.
void Service::check_weights() {
  const Result<void> whole = model_->model->intact();
  if (whole.ok()) return;
  for (const EntryPtr& entry : running_)
    if (usable(*entry)) entry->failure = whole.error();
  const std::lock_guard lock(mutex_);
  if (!broken_) broken_ = whole.error();
}

// One step of everything that runs: every answer's next token, and between these by turns one tile
// of a picture or a piece of a prompt, the oldest request's first.
void Service::step() {
  const bool encoded = !(encoded_last_ && wants_prefill()) && encode_one();
  encoded_last_ = encoded;
  std::vector<Part> parts;
  for (const EntryPtr& entry : running_) {
    if (!usable(*entry)) continue;
    for (Session* const one : entry->session->sequences())
      if (!one->ended() && one->answering()) parts.push_back({entry.get(), one, one->next(1)});
  }
  if (!encoded) add_prefill(parts);
  if (!parts.empty()) forward(parts);
}

// The oldest prompt's next piece, or as many choices to score as have its size together.
void Service::add_prefill(std::vector<Part>& parts) {
  const std::int64_t most = parts.empty() ? Session::kPrefillChunk : options_.shared_chunk;
  std::int64_t room = 0;  // of the first one's
  bool scored = false;
  for (const EntryPtr& entry : running_) {
    if (!usable(*entry)) continue;
    for (Session* const one : entry->session->sequences()) {
      if (one->ended() || one->answering() || one->needs_pictures()) continue;
      if (scored && !one->scoring()) return;
      if (!scored) room = one->piece(most);
      parts.push_back({entry.get(), one, one->next(room)});
      room -= std::ssize(parts.back().input.ids);
      scored = one->scoring();
      if (!scored || room <= 0) return;
    }
  }
}

bool Service::usable(const Entry& entry) { return !entry.failure && !entry.session->done(); }

bool Service::wants_prefill() const {
  return std::ranges::any_of(running_, [](const EntryPtr& entry) {
    return usable(*entry) &&
           std::ranges::any_of(entry->session->sequences(), [](const Session* one) {
             return !one->ended() && !one->answering() && !one->needs_pictures();
           });
  });
}

bool Service::encode_one() {
  for (const EntryPtr& entry : running_) {
    if (!usable(*entry)) continue;
    for (Session* const one : entry->session->sequences()) {
      if (one->ended() || !one->needs_pictures()) continue;
      const Result<void> done = guarded([&] { return one->encode_step(); });
      if (!done.ok())
        entry->failure = done.error();
      else if (!one->needs_pictures())
        remember_encoded(*one);
      return true;
    }
  }
  return false;
}

// A hint for submit(): what leaves the cache until its turn is preprocessed in it.
void Service::remember_encoded(const Session& session) {
  constexpr std::size_t kMost = 256;
  if (options_.image_cache_bytes == 0) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(encoded_, [&](const std::string& key) { return !pictures_.contains(key); });
  for (const std::string& key : session.picture_keys()) {
    std::erase(encoded_, key);
    if (!pictures_.contains(key)) continue;
    encoded_.push_back(key);
    if (encoded_.size() > kMost) encoded_.pop_front();
  }
}

void Service::forward(std::span<const Part> parts) {
  const auto width = static_cast<std::size_t>(model_->model->info().vocab_size);
  std::vector<StepInput> inputs;
  std::vector<bool> wanted;
  for (const Part& part : parts) {
    inputs.push_back(part.input);
    wanted.push_back(part.session->wants_logits(part.input));
  }
  const Result<void> computed = guarded([&]() -> Result<void> {
    const Tensor rows = model_->model->forward(inputs, nullptr);
    logits_.resize(static_cast<std::size_t>(rows.rows()) * width);
    model_->model->engine().read(rows, logits_);
    return model_->model->intact();
  });
  std::size_t first = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!computed.ok()) {  // whose fault it was is not known
      parts[i].entry->failure = computed.error();
      continue;
    }
    const std::size_t count = std::max<std::size_t>(inputs[i].logit_rows.size(), 1);
    const auto row = wanted[i]
                         ? std::span<const float>(logits_).subspan(first * width, count * width)
                         : std::span<const float>();
    first += count;
    const Result<void> taken = guarded([&] { return parts[i].session->accept(row); });
    if (!taken.ok()) parts[i].entry->failure = taken.error();
  }
  keep_within_memory();  // a computed prompt may have been kept
}

// Kept prefixes get what running requests have not reserved.
void Service::keep_within_memory() {
  if (options_.kv_bytes != 0)
    prefixes_.shrink_to(options_.kv_bytes - std::min(kv_reserved_, options_.kv_bytes));
}

void Service::retire_done() {
  std::vector<EntryPtr> ended;
  std::erase_if(running_, [&](EntryPtr& entry) {
    if (usable(*entry)) return false;
    ended.push_back(std::move(entry));
    return true;
  });
  for (EntryPtr& entry : ended) {
    kv_reserved_ -= entry->kv_reserved;
    log::step("memory", entry->request.id, "kv_given_back", entry->kv_reserved, "kv_in_use",
              kv_reserved_);
    Result<GenerateResult> result =
        entry->failure ? Result<GenerateResult>(*entry->failure) : entry->session->take_result();
    if (!broken_ && (!entry->failure || entry->failure->code != ErrorCode::kInternal)) {
      entry->session->retire();
      keep_within_memory();
    }
    entry->session.reset();
    if (result.ok()) {
      const double waited = entry->since_submit.ms() - result->timings.total_ms;
      result->timings.queue_ms = entry->queue_ms;
      result->timings.ttft_ms += std::max(waited, 0.0);
      result->timings.total_ms += std::max(waited, 0.0);
      if (entry->response_key) responses_.insert(*entry->response_key, *result);
      log::step("response cache", entry->request.id, "kept", entry->response_key.has_value());
    }
    finish(std::move(entry), std::move(result));
  }
}

// What this thread alone knows, for stats().
void Service::publish() {
  const std::lock_guard lock(mutex_);
  stats_.kv_reserved_bytes = kv_reserved_;
  stats_.prefixes.entries = prefixes_.entries();
  stats_.prefixes.bytes = prefixes_.bytes();
  stats_.prefixes.hits = prefixes_.hits();
  stats_.prefixes.misses = prefixes_.misses();
  stats_.pictures.entries = pictures_.entries();
  stats_.pictures.bytes = pictures_.bytes();
  stats_.pictures.hits = pictures_.hits();
  stats_.pictures.misses = pictures_.misses();
}

}  // namespace oc
