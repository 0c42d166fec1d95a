// Many clients, one model: a bounded queue and one engine thread that steps all running requests
// together (continuous batching). fair_shares.h says who is admitted and who gets what; nobody is
// thrown out once admitted.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/cache/image_cache.h"
#include "runtime/cache/prefix_cache.h"
#include "runtime/cache/response_cache.h"
#include "runtime/grammar/grammar.h"
#include "runtime/library/loader.h"
#include "runtime/request.h"
#include "runtime/serving/kv_memory.h"
#include "runtime/serving/measured_speed.h"
#include "runtime/serving/recent_encodings.h"
#include "runtime/serving/request_entry.h"
#include "runtime/serving/request_plan.h"
#include "runtime/serving/request_queue.h"
#include "runtime/serving/service_options.h"
#include "runtime/serving/service_stats.h"
#include "runtime/serving/step_batch.h"

namespace oc {

class Service {
 public:
  // From the engine's thread, that of known answers, that of schemas, or (superseded) the one that
  // submits; one call at a time for each request.
  using OnText = std::function<void(const AnswerPiece&)>;
  using OnDone = std::function<void(Result<GenerateResult>)>;  // exactly once

  Service(std::shared_ptr<const LoadedModel> model, ServiceOptions options);
  ~Service();  // ends what runs and what waits with kUnavailable, joins

  const LoadedModel& model() const { return *model_; }
  // Any thread, callbacks included; tokenises and preprocesses the pictures there. A JSON schema
  // that is not known is compiled on a thread of the service's own, while the request waits in the
  // queue. kQueueFull, kUnavailable and what is wrong with the request at once; otherwise done is
  // called exactly once, with kInternal if the job broke: the next one runs as if nothing had
  // happened. Callbacks must not block, must not throw and must not destroy the service. Of several
  // prompts all are accepted or none; when one of them fails, the others end, and `done` has its
  // error once they have.
  Result<std::shared_ptr<Job>> submit(GenerateRequest request, OnText text, OnDone done);
  // What the request would take, as far as that is known without running it: nothing is computed,
  // and nobody waits for it. Any thread; tokenises there. Errors as submit()'s, but for a full
  // queue.
  Result<RequestPlan> plan(GenerateRequest request);
  void drain();  // no new requests; returns when the last one is answered. Not from a callback.
  ServiceStats stats() const;

 private:
  // A request comes and goes (service.cpp).
  Result<void> complete(GenerateRequest& request) const;
  void add_digests(GenerateRequest& request);
  EntryPtr make_entry(GenerateRequest request, std::shared_ptr<Job> job, OnText text, OnDone done);
  Result<std::optional<GenerateResult>> know_or_prepare(RequestEntry& entry, std::size_t count);
  Result<std::optional<GenerateResult>> known_answer(RequestEntry& entry);
  void deliver(EntryPtr entry, GenerateResult known);
  Result<void> prepare(RequestEntry& entry);
  Result<void> prepare_prompt(RequestEntry& entry);
  RequestCaches caches(const GenerateRequest& request);
  void answer(RequestEntry& entry, Result<GenerateResult> result);

  // It has several prompts (service_prompts.cpp).
  std::vector<EntryPtr> take_apart(GenerateRequest request, OnText text, OnDone done);

  // The engine's thread (service_step.cpp).
  void loop();
  void end_interrupted();
  void check_weights();
  void step();
  bool encode_one();
  bool wants_prefill() const;
  bool prefill();
  void account();
  void retire_done();
  void publish();
  Result<GenerateResult> take_result(RequestEntry& entry);

  // The same: for whom (service_shares.cpp).
  void admit();
  EntryPtr take();
  void start(RequestEntry& entry);
  void give_places();
  std::vector<Sequence*> placed(const RequestEntry& entry) const;
  std::vector<RequestEntry*> by_turns(bool oldest) const;
  void keep_within_memory();

  std::shared_ptr<const LoadedModel> model_;
  const ServiceOptions options_;
  const std::string computed_by_;  // what decides the bits of an answer, the request left out
  const KvMemory kv_memory_;

  // Engine thread only.
  std::vector<EntryPtr> running_;
  PrefixCache prefixes_;
  ImageCache pictures_;
  bool encoded_last_ = false;  // encoding and prefill take turns between decode steps
  bool oldest_view_ = true, oldest_chunk_ = true;  // whose turn it is
  StepBatch batch_;

  // Any thread.
  RecentEncodings encoded_;
  GrammarCache grammars_;
  ResponseCache responses_;
  std::atomic<std::size_t> preprocess_budget_;  // bytes left of options_.preprocess_bytes
  ServiceCounters counters_;
  SpeedMeter speed_;
  RequestQueue queue_;
  std::thread thread_;
};

}  // namespace oc
