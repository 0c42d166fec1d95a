// Many clients, one model: a bounded queue and one engine thread. First come, first served.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/loader.h"
#include "runtime/request.h"

namespace oc {

struct ServiceOptions {
  std::size_t max_queue = 64;  // waiting requests, the running one not counted; more: kQueueFull
};

struct ServiceStats {
  std::uint64_t accepted = 0, completed = 0, failed = 0, cancelled = 0, rejected = 0;
  std::uint64_t empty_answers = 0;                         // completed with no text
  std::uint64_t prompt_tokens = 0, completion_tokens = 0;  // of completed requests
  double total_ms = 0;                                     // sum over completed
  std::size_t queued = 0;
  bool running = false;
};

// A submitted request. cancel() from any thread; the work stops within one step or image tile,
// waiting or running.
class Job {
 public:
  void cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

 private:
  std::atomic<bool> cancelled_{false};
};

class Service {
 public:
  using OnText = std::function<void(std::string_view)>;        // engine thread
  using OnDone = std::function<void(Result<GenerateResult>)>;  // engine thread, exactly once

  Service(std::shared_ptr<const LoadedModel> model, ServiceOptions options);
  ~Service();  // ends what runs and what waits with kUnavailable, joins

  const LoadedModel& model() const { return *model_; }
  // Any thread, callbacks included. kQueueFull or kUnavailable at once; otherwise done is called
  // exactly once, with kInternal if the job broke: the next one runs as if nothing had happened.
  // Callbacks must not block, must not throw and must not destroy the service.
  Result<std::shared_ptr<Job>> submit(GenerateRequest request, OnText text, OnDone done);
  void drain();  // no new requests; returns when the last one is answered. Not from a callback.
  ServiceStats stats() const;

 private:
  struct Entry;
  using EntryPtr = std::unique_ptr<Entry>;

  void loop();
  EntryPtr next();
  void run(Entry& entry);
  void answer(Entry& entry, Result<GenerateResult> result);
  void count(const Result<GenerateResult>& result);
  void sweep();
  bool stopping() const;

  std::shared_ptr<const LoadedModel> model_;
  ServiceOptions options_;
  mutable std::mutex mutex_;  // guards everything below but the thread
  std::condition_variable wake_, idle_;
  std::deque<EntryPtr> queue_;
  bool running_ = false;
  ServiceStats stats_;
  bool draining_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace oc
