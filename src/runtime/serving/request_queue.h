// Requests that wait for their turn: a bounded queue, and a thread of its own that compiles the
// JSON schemas which some of them wait for.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/ending.h"
#include "runtime/grammar/grammar.h"
#include "runtime/serving/fair_shares.h"
#include "runtime/serving/request_entry.h"
#include "runtime/serving/service_stats.h"

namespace oc {

struct RequestQueueOptions {
  std::size_t max_waiting = 0;  // more: kQueueFull
  std::size_t max_running = 0;  // what takes one of these places at once does not wait
  std::shared_ptr<const Ending> ending = {};  // of the process; may be null
};

class RequestQueue {
 public:
  // Tells a request why it ends before its turn; from any thread, one call for each.
  using Refuse = std::function<void(RequestEntry&, Error)>;

  // `grammars` and `counters` outlive it.
  RequestQueue(RequestQueueOptions options, GrammarCache& grammars, ServiceCounters& counters,
               Refuse refuse);
  ~RequestQueue();  // the queue is empty, or nobody is told any more; joins

  // --- Any thread.
  // kUnavailable once nothing is answered any more; kQueueFull when there is no place for it, or
  // for so many of it.
  Result<void> find_place(const GenerateRequest& request, std::size_t count = 1);
  // A prepared request. Errors as find_place()'s, also when too many wait for their schemas. A
  // waiting frame of the same camera gives it its place and is refused: kSuperseded.
  Result<void> push(EntryPtr entry);
  // Several of one request: all of them, or none.
  Result<void> push(std::vector<EntryPtr> entries);
  Result<void> open() const;  // kUnavailable as above
  // Counts those that are answered without having waited as active, each until its leave().
  // kUnavailable as above.
  Result<void> enter(std::size_t count = 1);
  // One that was active has its answer: its place is free. answered(): and has been told it. In
  // this order, or who asks again upon an answer could find the place taken.
  void leave();
  void answered();
  void drain();  // takes no new ones; returns when none waits and all are answered
  void stop();   // the same at once: whoever waits is refused by sweep()
  bool stopping() const;
  std::size_t waiting() const;
  std::size_t active() const;  // taken or entered, and has not left

  // --- The engine's thread.
  // Returns when there is something to do for somebody who waits; false: the queue has been
  // stopped, and none waits.
  bool wait();
  void sweep();  // refuses those that were cancelled or ran out of time
  // The one whose turn it is (fair_shares.h), given each one's claims; it is active then. Or null.
  EntryPtr take(const std::function<WaitingRequest(const RequestEntry&)>& describe);
  // Nothing is answered any more, and why; the first reason stays.
  void close(const Error& reason);
  bool closed() const;

 private:
  // All of these hold the lock.
  Result<void> check_open() const;
  Result<EntryPtr*> place_for(const GenerateRequest& request, std::size_t count = 1);
  Result<void> place_for_schema();
  EntryPtr* older_frame(const GenerateRequest& request);
  RequestEntry* next_schema();
  void tell_places();
  bool idle() const;

  void compile_grammars();
  bool compile_next();
  void give(const std::string& scope, const std::string& schema,
            const Result<std::shared_ptr<const Grammar>>& grammar);

  const RequestQueueOptions options_;
  GrammarCache& grammars_;
  ServiceCounters& counters_;
  const Refuse refuse_;

  mutable std::mutex mutex_;  // guards everything below but the thread
  std::condition_variable wake_, idle_, schema_;
  std::deque<EntryPtr> queue_;
  std::size_t active_ = 0;
  std::size_t leaving_ = 0;  // have left, and are not answered
  std::optional<Error> closed_;
  bool draining_ = false, stopping_ = false;
  std::vector<std::string> compiled_for_;  // askers, the latest one last
  std::thread grammar_thread_;
};

}  // namespace oc
