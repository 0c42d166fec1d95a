#include "runtime/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/generate.h"

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

// generate(), with whatever it throws turned into an error of this request alone.
Result<GenerateResult> guarded_generate(const Model& model, const GenerateRequest& request,
                                        const GenerateHooks& hooks) {
  try {
    return generate(model, request, hooks);
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
  OnText text;
  OnDone done;
  std::shared_ptr<Job> job = std::make_shared<Job>();
  Stopwatch since_submit;
};

Service::Service(std::shared_ptr<const LoadedModel> model, ServiceOptions options)
    : model_(std::move(model)), options_(options), thread_([this] { loop(); }) {}

Service::~Service() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

Result<std::shared_ptr<Job>> Service::submit(GenerateRequest request, OnText text, OnDone done) {
  auto entry = std::make_unique<Entry>();
  entry->request = std::move(request);
  entry->text = std::move(text);
  entry->done = std::move(done);
  const std::string id = entry->request.id;
  const std::size_t images = entry->request.images.size();
  std::shared_ptr<Job> job = entry->job;
  std::size_t ahead = 0;
  {
    const std::lock_guard lock(mutex_);
    if (draining_) return going_away();
    // An idle engine takes the first entry at once: it does not wait.
    if (queue_.size() >= options_.max_queue + (running_ ? 0 : 1)) {
      ++stats_.rejected;
      return Error{ErrorCode::kQueueFull,
                   fmt::format("{} requests wait already, the most that may", queue_.size()),
                   "try again later"};
    }
    ++stats_.accepted;
    ahead = queue_.size() + (running_ ? 1 : 0);
    queue_.push_back(std::move(entry));
  }
  log::event(log::Level::kInfo, "queued", {{"ahead", ahead}, {"images", images}}, id);
  wake_.notify_one();
  return job;
}

void Service::drain() {
  std::unique_lock lock(mutex_);
  draining_ = true;
  idle_.wait(lock, [this] { return queue_.empty() && !running_; });
}

ServiceStats Service::stats() const {
  const std::lock_guard lock(mutex_);
  ServiceStats stats = stats_;
  stats.queued = queue_.size();
  stats.running = running_;
  return stats;
}

void Service::loop() {
  while (const EntryPtr entry = next()) {
    run(*entry);
    const std::lock_guard lock(mutex_);
    running_ = false;
    if (queue_.empty()) idle_.notify_all();
  }
}

// Waits for work; null when the service ends and everything is answered.
Service::EntryPtr Service::next() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (queue_.empty()) return nullptr;
  EntryPtr entry = std::move(queue_.front());
  queue_.pop_front();
  running_ = true;
  return entry;
}

void Service::run(Entry& entry) {
  const double queue_ms = entry.since_submit.ms();
  if (stopping()) return answer(entry, going_away());
  if (auto error = expired(entry.request, *entry.job)) return answer(entry, *std::move(error));
  log::event(log::Level::kInfo, "started", {{"queue_ms", fmt::format("{:.0f}", queue_ms)}},
             entry.request.id);
  const GenerateHooks hooks{.on_text = entry.text, .cancelled = [&] {
                              sweep();
                              return entry.job->cancelled() || stopping();
                            }};
  Result<GenerateResult> result = guarded_generate(*model_->model, entry.request, hooks);
  if (result.ok()) {
    result->timings.queue_ms = queue_ms;
    result->timings.ttft_ms += queue_ms;
    result->timings.total_ms += queue_ms;
  } else if (result.error().code == ErrorCode::kCancelled && !entry.job->cancelled()) {
    result = going_away();
  }
  answer(entry, std::move(result));
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
  stats_.completion_tokens += static_cast<std::uint64_t>(result->completion_tokens);
  stats_.total_ms += result->timings.total_ms;
}

// Answers waiting requests that were cancelled or ran out of time, so that they neither wait for
// the running one nor take a place in the queue.
void Service::sweep() {
  std::vector<std::pair<EntryPtr, Error>> ended;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(queue_, [&](EntryPtr& entry) {
      auto error = expired(entry->request, *entry->job);
      if (error) ended.emplace_back(std::move(entry), *std::move(error));
      return error.has_value();
    });
  }
  for (auto& [entry, error] : ended) answer(*entry, std::move(error));
}

bool Service::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

}  // namespace oc
