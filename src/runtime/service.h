// Many clients, one model: a bounded queue and one engine thread. First come, first served.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "runtime/loader.h"
#include "runtime/request.h"

namespace oc {

struct ServiceOptions {
  std::size_t max_queue = 64;  // waiting requests; more are kQueueFull
};

struct ServiceStats {
  std::uint64_t accepted = 0, completed = 0, failed = 0, cancelled = 0, rejected = 0;
  std::uint64_t empty_answers = 0;   // completed with no text
  std::uint64_t prompt_tokens = 0, completion_tokens = 0;
  double total_ms = 0;               // sum over completed
  std::size_t queued = 0;
  bool running = false;
};

// A submitted request. cancel() from any thread; the work stops within one step or image tile.
class Job {
 public:
  void cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

 private:
  std::atomic<bool> cancelled_{false};
};

class Service {
 public:
  using OnText = std::function<void(std::string_view)>;                 // engine thread
  using OnDone = std::function<void(Result<GenerateResult>)>;           // engine thread, exactly once

  Service(std::shared_ptr<const LoadedModel> model, ServiceOptions options);
  ~Service();  // cancels what runs, answers what waits with kUnavailable, joins

  const LoadedModel& model() const { return *model_; }
  // Any thread. kQueueFull or kUnavailable at once; otherwise done is called exactly once.
  Result<std::shared_ptr<Job>> submit(GenerateRequest request, OnText text, OnDone done);
  void drain();                 // no new requests; returns when the last one is answered
  ServiceStats stats() const;

 private:
  struct Entry;
  void run();

  std::shared_ptr<const LoadedModel> model_;
  ServiceOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_, idle_;
  std::deque<std::unique_ptr<Entry>> queue_;
  std::shared_ptr<Job> running_;
  ServiceStats stats_;
  bool draining_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace oc
