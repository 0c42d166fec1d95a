// Many clients, one model: a bounded queue and one engine thread that steps all running requests
// together (continuous batching). fair_shares.h says who is admitted and who gets what; nobody is
// thrown out once admitted.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "runtime/cache/image_cache.h"
#include "runtime/cache/image_store.h"
#include "runtime/cache/prefix_cache.h"
#include "runtime/cache/response_cache.h"
#include "runtime/grammar/grammar.h"
#include "runtime/library/loader.h"
#include "runtime/request.h"
#include "runtime/serving/session.h"

namespace oc {

struct ServiceOptions {
  std::size_t max_queue = 64;   // waiting requests, running ones not counted; more: kQueueFull
  std::size_t max_running = 8;  // requests, and answers that grow in one step: n > 1 are several
  int max_n = 8;                // answers to one request; never more than max_running
  // Bytes of keys and values, those of running requests and kept prefixes together; 0: no limit.
  std::size_t kv_bytes = 0;
  std::size_t image_cache_bytes = 0;  // of encoded pictures; 0: none are kept
  std::size_t image_cache_entries = kAnyNumber;
  std::shared_ptr<ImageStore> image_store = {};  // encoded pictures on disk; may be null
  std::size_t prefix_cache_bytes = 0;            // of kv_bytes; 0: none are kept
  std::size_t response_cache_bytes = 0;          // of whole answers; 0: none are kept
  std::size_t response_cache_entries = kAnyNumber;
  std::chrono::seconds response_cache_age{3600};
  std::size_t grammar_cache_bytes = GrammarCache::kDefaultBytes;  // of compiled JSON schemas
  MakeGrammarCompiler make_grammar_compiler = oc::make_grammar_compiler;
  // Set when the process is about to end: schemas that are not compiled yet are given up. May be
  // null.
  std::shared_ptr<const std::atomic<bool>> ending = {};
  std::shared_ptr<SharedResponses> shared_responses = {};  // with other instances; may be null
  // The longest answer of a request that sets no max_tokens; 0: what the context holds.
  int default_max_tokens = 0;
  // Of pictures that were resized and cut before their turn; what does not fit is done in its turn.
  std::size_t preprocess_bytes = std::size_t{256} << 20;
  // Tokens of a prompt that are computed in one step while others wait for their next token; fewer
  // where thousands stand in front of them.
  std::int64_t shared_chunk = 64;
};

struct CacheStats {
  std::uint64_t hits = 0, misses = 0;
  std::size_t entries = 0, bytes = 0;
};

struct ServiceStats {
  std::uint64_t accepted = 0, completed = 0, failed = 0, cancelled = 0, rejected = 0;
  std::uint64_t superseded = 0;                            // of failed: a newer frame came
  std::uint64_t empty_answers = 0;                         // completed with no text
  std::uint64_t prompt_tokens = 0, completion_tokens = 0;  // of completed requests
  std::uint64_t cached_tokens = 0;                         // of prompt_tokens
  double total_ms = 0;                                     // sum over completed
  std::size_t queued = 0;
  std::size_t running = 0;
  std::size_t kv_reserved_bytes = 0;  // by running requests
  CacheStats prefixes, pictures, responses;
  // Only ModelHost's: all its models share these.
  ImageStoreStats stored_pictures;
  SharedResponsesStats shared_responses;
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
  // From the engine's thread, that of known answers, that of schemas, or (superseded) the one that
  // submits; one call at a time for each request.
  using OnText = std::function<void(const AnswerPiece&)>;
  using OnDone = std::function<void(Result<GenerateResult>)>;  // exactly once

  Service(std::shared_ptr<const LoadedModel> model, ServiceOptions options);
  ~Service();  // ends what runs and what waits with kUnavailable, joins

  const LoadedModel& model() const { return *model_; }
  // Any thread, callbacks included; tokenises and preprocesses the pictures there. A JSON schema
  // that is not known is compiled on a thread of the service's own, while the request waits in the
  // queue. kQueueFull,
  // kUnavailable and what is wrong with the request at once; otherwise done is called exactly once,
  // with kInternal if the job broke: the next one runs as if nothing had happened. Callbacks must
  // not block, must not throw and must not destroy the service.
  Result<std::shared_ptr<Job>> submit(GenerateRequest request, OnText text, OnDone done);
  void drain();  // no new requests; returns when the last one is answered. Not from a callback.
  ServiceStats stats() const;

 private:
  struct Entry;
  using EntryPtr = std::unique_ptr<Entry>;

  Result<bool> answer_if_known(EntryPtr& entry);
  Result<void> prepare(Entry& entry);
  Result<EntryPtr*> find_place(const GenerateRequest& request);
  Result<void> find_place_for_schema();
  Result<void> enqueue(EntryPtr entry);
  EntryPtr* older_frame(const GenerateRequest& request);
  void deliver(EntryPtr entry, GenerateResult known);

  void compile_grammars();
  bool compile_next();
  Entry* next_schema();
  void give(const std::string& scope, const std::string& schema,
            const Result<std::shared_ptr<const Grammar>>& grammar);

  void loop();
  bool wait_for_work();
  void sweep();
  void remember_encoded(const Session& session);
  void admit();
  EntryPtr take();
  std::optional<Error> too_long(const Entry& entry) const;
  void start(Entry& entry);
  bool fits(std::optional<MemoryClaim> another) const;
  bool give_memory(Entry& entry, Sequence& one);
  void give_places();
  std::vector<Sequence*> placed(const Entry& entry) const;
  std::vector<Entry*> by_turns(bool oldest) const;
  std::size_t kv_reserved() const;
  void note_memory(Entry& entry, std::size_t held) const;
  void keep_within_memory();
  RequestCaches caches(const GenerateRequest& request);
  void end_interrupted();
  void check_weights();
  void step();
  static bool usable(const Entry& entry);
  static bool ready(const EntryPtr& entry);  // to run: its schema is compiled, if it has one
  bool wants_prefill() const;
  bool encode_one();
  // One sequence's part of a step.
  struct Part {
    Entry* entry = nullptr;
    Sequence* sequence = nullptr;
    StepInput input;
  };
  void add_prefill(std::vector<Part>& parts);
  void forward(std::span<const Part> parts);
  void retire_done();
  Result<GenerateResult> take_result(Entry& entry);
  static Result<void> count_answer(Entry& entry, const AnswerMemory& answer, bool known);
  void finish(EntryPtr entry, Result<GenerateResult> result);
  void answer(Entry& entry, Result<GenerateResult> result);
  void count(const Result<GenerateResult>& result);
  void publish();
  bool stopping() const;
  std::size_t kv_bytes_of(std::int64_t tokens) const;

  std::shared_ptr<const LoadedModel> model_;
  ServiceOptions options_;
  const std::string computed_by_;  // what decides the bits of an answer, the request left out

  // Engine thread only.
  std::vector<EntryPtr> running_;
  PrefixCache prefixes_;
  ImageCache pictures_;
  bool encoded_last_ = false;  // encoding and prefill take turns between decode steps
  bool oldest_view_ = true, oldest_piece_ = true;  // whose turn it is
  std::vector<float> logits_;

  GrammarCache grammars_;
  ResponseCache responses_;
  std::atomic<std::size_t> preprocess_budget_;  // bytes left of options_.preprocess_bytes

  mutable std::mutex mutex_;  // guards everything below but the threads
  std::condition_variable wake_, idle_, schema_;
  std::deque<EntryPtr> queue_;
  std::optional<Error> broken_;  // why nothing is answered any more; the engine's thread sets it
  std::deque<std::string> encoded_;  // keys of the latest pictures that the image cache has
  std::size_t active_ = 0;           // taken from the queue and not answered
  ServiceStats stats_;
  bool draining_ = false, stopping_ = false;
  std::vector<std::string> compiled_for_;  // clients, the latest one last
  std::thread thread_, grammar_thread_;
};

}  // namespace oc
