// One submitted request on its way through the service.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "base/clock.h"
#include "runtime/request.h"
#include "runtime/serving/session.h"

namespace oc {

// What whoever has submitted a request holds of it. cancel() from any thread; the work stops within
// one step or image tile, waiting or running.
class Job {
 public:
  void cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

 private:
  std::atomic<bool> cancelled_{false};
};

struct RequestEntry {
  explicit RequestEntry(std::atomic<std::size_t>& budget) : preprocess_budget(budget) {}
  ~RequestEntry() { preprocess_budget += preprocessed; }

  std::atomic<std::size_t>& preprocess_budget;
  std::size_t preprocessed = 0;  // bytes taken from it
  GenerateRequest request;
  std::function<void(Result<GenerateResult>)> done;  // exactly once
  GenerateHooks hooks;
  std::shared_ptr<Job> job = std::make_shared<Job>();
  std::optional<std::string> response_key;
  Stopwatch since_submit;
  double queue_ms = 0;
  std::size_t told_ahead = 0;        // of its on_progress, while it waits
  std::int64_t told_tokens = 0;      // of its answers, that the counters know
  int passed = 0;                    // times that a later one was let in before it
  Reservation memory;                // what preparing takes, then the ids and the answer
  std::size_t prepared_bytes = 0;    // of it, but the answer's
  std::unique_ptr<Session> session;  // prepared
  std::size_t places = 0;            // of its answers, in this step
  std::size_t kv_held = 0;           // bytes of keys and values, as the log knows it
  bool short_of_memory = false;      // one of them stood still in the last step
  std::optional<Error> failure;      // why it ends before its answer

  // To run: its schema is compiled, if it has one.
  bool ready() const { return !session->needs_grammar(); }
  // It runs and goes on.
  bool usable() const { return !failure && !session->done(); }
  // Takes what its answer takes, in its memory; known: from a cache, all at once. Errors: there is
  // no more.
  Result<void> count_answer(const AnswerMemory& answer, bool known);
};
using EntryPtr = std::unique_ptr<RequestEntry>;

// What is wrong with a request that has not started yet, if anything.
inline std::optional<Error> expired(const GenerateRequest& request, const Job& job) {
  if (job.cancelled() || (request.abandoned && request.abandoned()))
    return Error{ErrorCode::kCancelled, "the request was cancelled while it waited"};
  if (request.deadline && std::chrono::steady_clock::now() >= *request.deadline)
    return Error{ErrorCode::kDeadline, "out of time while waiting for the model",
                 "allow more time (--time-limit), or try again when fewer requests wait"};
  return std::nullopt;
}

inline Error going_away() { return {ErrorCode::kUnavailable, "the server is shutting down"}; }

// What `work` throws, as an error of the request that it was done for.
template <class Work>
Result<void> guarded(const Work& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception& failure) {
    return Error{ErrorCode::kInternal, failure.what()};
  }
}

}  // namespace oc
