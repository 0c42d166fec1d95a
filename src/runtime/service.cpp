#include "runtime/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/session.h"

namespace oc {
namespace {

Error going_away() { return {ErrorCode::kUnavailable, "the server is shutting down"}; }

// What is wrong with a request that has not started yet, if anything.
std::optional<Error> expired(const GenerateRequest& request, const Job& job) {
  if (job.cancelled())
    return Error{ErrorCode::kCancelled, "the request was cancelled while it waited"};
  if (request.deadline && std::chrono::steady_clock::now() >= *request.deadline)
    return Error{ErrorCode::kDeadline, "out of time while waiting for the model",
                 "allow more time, or try again when fewer requests wait"};
  return std::nullopt;
}

// What `work` throws, as an error of the request that it was done for.
template <class Work>
Result<void> guarded(const Work& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kInternal, "out of memory", "use fewer or smaller pictures"};
  } catch (const std::exception& failure) {
    return Error{ErrorCode::kInternal, failure.what()};
  }
}

void log_end(const std::string& id, const Result<GenerateResult>& result) {
  if (result.ok()) {
    const Timings& t = result->timings;
    log::event(log::Level::kInfo, "done",
               {{"prompt", result->prompt_tokens},
                {"image", result->image_tokens},
                {"gen", result->completion_tokens},
                {"end", to_string(result->stop_cause)},
                {"empty", result->text.empty()},
                {"queue_ms", fmt::format("{:.0f}", t.queue_ms)},
                {"ttft_ms", fmt::format("{:.0f}", t.ttft_ms)},
                {"total_ms", fmt::format("{:.0f}", t.total_ms)},
                {"tok_s", fmt::format("{:.1f}", t.decode_tokens_per_second)}},
               id);
    return;
  }
  const Error& error = result.error();
  // The message may quote the request, so it stays out of the log unless we are to blame.
  if (error.code == ErrorCode::kInternal) {
    log::event(log::Level::kError, "failed",
               {{"code", to_string(error.code)}, {"message", error.message}}, id);
  } else {
    log::event(log::Level::kInfo, "failed", {{"code", to_string(error.code)}}, id);
    log::event(log::Level::kDebug, "failed", {{"message", error.message}}, id);
  }
}

}  // namespace

struct Service::Entry {
  GenerateRequest request;
  OnDone done;
  GenerateHooks hooks;
  std::shared_ptr<Job> job = std::make_shared<Job>();
  std::optional<std::string> response_key;
  Stopwatch since_submit;
  double queue_ms = 0;
  std::unique_ptr<Session> session;  // once it was looked at
  std::size_t kv_reserved = 0;       // once it runs
  std::optional<Error> failure;      // why it ends before its answer
};

Service::Service(std::shared_ptr<const LoadedModel> model, ServiceOptions options)
    : model_(std::move(model)),
      options_(options),
      prefixes_(options.prefix_cache_bytes),
      pictures_(options.image_cache_bytes),
      responses_(options.response_cache_bytes, options.response_cache_age),
      thread_([this] { loop(); }) {}

Service::~Service() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  responses_.finish();
}

Result<std::shared_ptr<Job>> Service::submit(GenerateRequest request, OnText text, OnDone done) {
  OC_RETURN_IF_ERROR(check_request(request));
  if (!request.max_tokens && options_.default_max_tokens > 0)
    request.max_tokens = options_.default_max_tokens;
  auto entry = std::make_unique<Entry>();
  Entry* self = entry.get();
  entry->request = std::move(request);
  entry->done = std::move(done);
  entry->hooks.on_text = std::move(text);
  entry->hooks.cancelled = [this, self] { return self->job->cancelled() || stopping(); };
  std::shared_ptr<Job> job = entry->job;
  // Here, on the client's thread: the engine's has streams to keep flowing.
  if (responses_.enabled() || caches().prefixes != nullptr || caches().pictures != nullptr)
    for (RequestImage& picture : entry->request.images)
      picture.pixels = pixel_digest(*picture.image);
  if (responses_.enabled()) {
    entry->response_key = oc::response_key(entry->request, model_->model->info().fingerprint);
    std::optional<GenerateResult> known;
    if (entry->response_key) known = responses_.find(*entry->response_key);
    const std::lock_guard lock(mutex_);
    if (draining_) return going_away();
    if (entry->response_key) ++(known ? stats_.responses.hits : stats_.responses.misses);
    if (known) {
      ++stats_.accepted;
      ++active_;
      deliver(std::move(entry), *std::move(known));
      return job;
    }
  }
  const std::string id = entry->request.id;
  const std::size_t images = entry->request.images.size();
  std::size_t ahead = 0;
  EntryPtr superseded;
  {
    const std::lock_guard lock(mutex_);
    if (draining_) return going_away();
    ahead = queue_.size() + active_;
    if (EntryPtr* older = older_frame(entry->request); older != nullptr) {
      superseded = std::exchange(*older, std::move(entry));
      ++stats_.superseded;
    } else {
      // A free place among the running takes an entry at once: it does not wait.
      const std::size_t free = options_.max_running - std::min(active_, options_.max_running);
      if (queue_.size() >= options_.max_queue + free) {
        ++stats_.rejected;
        return Error{ErrorCode::kQueueFull,
                     fmt::format("{} requests wait already, the most that may", queue_.size()),
                     "try again later"};
      }
      queue_.push_back(std::move(entry));
    }
    ++stats_.accepted;
  }
  log::event(log::Level::kInfo, "queued", {{"ahead", ahead}, {"images", images}}, id);
  if (superseded != nullptr)
    answer(*superseded, Error{ErrorCode::kSuperseded,
                              "a newer frame of the same stream came before this one was looked at",
                              "nothing to do: the newer frame's answer follows"});
  wake_.notify_one();
  return job;
}

// A waiting frame of the same camera, which the new one makes useless: it takes its place, not the
// last one, or a camera that is faster than the queue would never be answered. Holding the lock.
Service::EntryPtr* Service::older_frame(const GenerateRequest& request) {
  if (request.stream_key.empty() || !request.latest_wins) return nullptr;
  const auto older = std::find_if(queue_.begin(), queue_.end(), [&](const EntryPtr& entry) {
    return entry->request.latest_wins && entry->request.stream_key == request.stream_key &&
           entry->request.owner == request.owner;
  });
  return older == queue_.end() ? nullptr : &*older;
}

// An answer that is known already, from a thread that nothing keeps waiting.
void Service::deliver(EntryPtr entry, GenerateResult known) {
  known.cached = true;
  known.timings = {};
  known.timings.ttft_ms = known.timings.total_ms = entry->since_submit.ms();
  const std::shared_ptr<Entry> shared = std::move(entry);
  responses_.post([this, shared, known = std::move(known)] {
    if (shared->hooks.on_text && !known.text.empty()) shared->hooks.on_text(known.text);
    answer(*shared, known);
    const std::lock_guard lock(mutex_);
    --active_;
    if (queue_.empty() && active_ == 0) idle_.notify_all();
  });
}

void Service::drain() {
  std::unique_lock lock(mutex_);
  draining_ = true;
  idle_.wait(lock, [this] { return queue_.empty() && active_ == 0; });
}

ServiceStats Service::stats() const {
  ServiceStats stats;
  {
    const std::lock_guard lock(mutex_);
    stats = stats_;
    stats.queued = queue_.size();
    stats.running = active_;
  }
  stats.responses.entries = responses_.entries();
  stats.responses.bytes = responses_.bytes();
  return stats;
}

// --- The engine's thread

void Service::loop() {
  while (wait_for_work()) {
    sweep();
    admit();
    end_interrupted();
    step();
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
      auto error = stopping_ ? going_away() : expired(entry->request, *entry->job);
      if (error) ended.emplace_back(std::move(entry), *std::move(error));
      return error.has_value();
    });
  }
  for (auto& [entry, error] : ended) answer(*entry, std::move(error));
}

// Takes requests from the queue, in order, while there is a place and memory for their keys and
// values: what was admitted never fails for want of it.
void Service::admit() {
  while (running_.size() < options_.max_running) {
    EntryPtr entry = take();
    if (entry == nullptr) return;
    if (entry->session == nullptr) {
      entry->session =
          std::make_unique<Session>(*model_->model, entry->request, entry->hooks, caches());
      const Result<void> prepared = guarded([&] { return entry->session->prepare(); });
      if (!prepared.ok()) {
        finish(std::move(entry), prepared.error());
        continue;
      }
    }
    if (auto error = too_long(*entry)) {
      finish(std::move(entry), *std::move(error));
      continue;
    }
    if (!reserve(*entry)) {  // waits for memory, before all others
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
  constexpr std::int64_t kBlock = 64;  // engines hold whole blocks
  return static_cast<std::size_t>((tokens + kBlock - 1) / kBlock * kBlock) *
         model_->model->info().kv_token_bytes;
}

// A request that could never be admitted.
std::optional<Error> Service::too_long(const Entry& entry) const {
  const std::size_t needed = kv_bytes_of(entry.session->most_tokens());
  if (options_.kv_bytes == 0 || needed <= options_.kv_bytes) return std::nullopt;
  return Error{
      ErrorCode::kContextLength,
      fmt::format("{} tokens of prompt and answer need {} MB of keys and values; this server "
                  "has {} MB for them",
                  entry.session->most_tokens(), needed >> 20, options_.kv_bytes >> 20),
      "ask for a smaller max_tokens, use fewer pictures or crops, or give the server more "
      "(--kv-memory)",
      "max_tokens"};
}

bool Service::reserve(Entry& entry) {
  const std::size_t needed = kv_bytes_of(entry.session->most_tokens());
  if (options_.kv_bytes != 0 && kv_reserved_ + needed > options_.kv_bytes) return false;
  entry.kv_reserved = needed;
  kv_reserved_ += needed;
  const Result<void> started = guarded([&]() -> Result<void> {
    entry.session->start();
    return {};
  });
  if (!started.ok()) entry.failure = started.error();
  keep_within_memory();  // behind the lookup: it may want what is dropped now
  return true;
}

SessionCaches Service::caches() {
  return {options_.prefix_cache_bytes > 0 ? &prefixes_ : nullptr,
          options_.image_cache_bytes > 0 ? &pictures_ : nullptr};
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

// One step of everything that runs: every answer's next token, and between these by turns one tile
// of a picture or a piece of a prompt, the oldest request's first.
void Service::step() {
  const bool encoded = !(encoded_last_ && wants_prefill()) && encode_one();
  encoded_last_ = encoded;
  std::vector<Entry*> entries;
  std::vector<StepInput> inputs;
  for (const EntryPtr& entry : running_)
    if (usable(*entry) && entry->session->answering()) {
      entries.push_back(entry.get());
      inputs.push_back(entry->session->next(1));
    }
  if (!encoded)
    for (const EntryPtr& entry : running_)
      if (usable(*entry) && !entry->session->answering() && !entry->session->needs_pictures()) {
        const std::int64_t chunk = entries.empty() ? Session::kPrefillChunk : options_.shared_chunk;
        entries.push_back(entry.get());
        inputs.push_back(entry->session->next(chunk));
        break;
      }
  if (!entries.empty()) forward(entries, inputs);
}

bool Service::usable(const Entry& entry) { return !entry.failure && !entry.session->done(); }

bool Service::wants_prefill() const {
  return std::any_of(running_.begin(), running_.end(), [](const EntryPtr& entry) {
    return usable(*entry) && !entry->session->answering() && !entry->session->needs_pictures();
  });
}

bool Service::encode_one() {
  for (const EntryPtr& entry : running_) {
    if (!usable(*entry) || !entry->session->needs_pictures()) continue;
    const Result<void> done = guarded([&] { return entry->session->encode_step(); });
    if (!done.ok()) entry->failure = done.error();
    return true;
  }
  return false;
}

void Service::forward(std::span<Entry* const> entries, std::span<const StepInput> inputs) {
  const auto width = static_cast<std::size_t>(model_->model->info().vocab_size);
  std::vector<bool> wanted;
  for (std::size_t i = 0; i < entries.size(); ++i)
    wanted.push_back(entries[i]->session->wants_logits(inputs[i]));
  const Result<void> computed = guarded([&]() -> Result<void> {
    const Tensor rows = model_->model->forward(inputs, nullptr);
    logits_.resize(static_cast<std::size_t>(rows.rows()) * width);
    model_->model->engine().read(rows, logits_);
    return {};
  });
  std::size_t first = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!computed.ok()) {  // whose fault it was is not known
      entries[i]->failure = computed.error();
      continue;
    }
    const std::size_t count = std::max<std::size_t>(inputs[i].logit_rows.size(), 1);
    const auto row = wanted[i]
                         ? std::span<const float>(logits_).subspan(first * width, count * width)
                         : std::span<const float>();
    first += count;
    const Result<void> taken = guarded([&] { return entries[i]->session->accept(row); });
    if (!taken.ok()) entries[i]->failure = taken.error();
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
    Result<GenerateResult> result =
        entry->failure ? Result<GenerateResult>(*entry->failure) : entry->session->take_result();
    if (!entry->failure || entry->failure->code != ErrorCode::kInternal) {
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
    }
    finish(std::move(entry), std::move(result));
  }
}

// The last word to a request that was taken from the queue.
void Service::finish(EntryPtr entry, Result<GenerateResult> result) {
  answer(*entry, std::move(result));
  entry.reset();
  const std::lock_guard lock(mutex_);
  --active_;
}

void Service::answer(Entry& entry, Result<GenerateResult> result) {
  log_end(entry.request.id, result);
  count(result);
  entry.done(std::move(result));
}

void Service::count(const Result<GenerateResult>& result) {
  const std::lock_guard lock(mutex_);
  if (!result.ok()) {
    ++(result.error().code == ErrorCode::kCancelled ? stats_.cancelled : stats_.failed);
    return;
  }
  ++stats_.completed;
  if (result->text.empty()) ++stats_.empty_answers;
  stats_.prompt_tokens += static_cast<std::uint64_t>(result->prompt_tokens);
  stats_.cached_tokens += static_cast<std::uint64_t>(result->cached_tokens);
  stats_.completion_tokens += static_cast<std::uint64_t>(result->completion_tokens);
  stats_.total_ms += result->timings.total_ms;
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

bool Service::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

}  // namespace oc
