#include "runtime/serving/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/cache/could_answer.h"
#include "runtime/serving/service_entry.h"

namespace oc {
namespace {

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

// Bytes that a request's text takes on its way to tokens, and those of the tokens, at most.
struct Footing {
  std::size_t preparing = 0, prepared = 0;
};
Footing footing(const GenerateRequest& request, const Tokenizer& tokenizer, std::int64_t context) {
  // From where text is sure to be too long it is not tokenised.
  const std::size_t most = static_cast<std::size_t>(context) * tokenizer.longest_token();
  std::size_t bytes = 0, merging = 0;
  for (const Message& message : request.messages)
    for (const Part& part : message.parts)
      if (const auto* text = std::get_if<TextPart>(&part)) {
        if (text->text.size() > most - bytes) continue;
        bytes += text->text.size();
        merging += tokenizer.encode_memory(text->text);
      }
  // The text of a turn in one piece, its ids and those of the prompt; a vector that grows is there
  // twice.
  const std::size_t ids = std::min(bytes, static_cast<std::size_t>(context)) * sizeof(TokenId);
  return {3 * bytes + merging + 3 * bytes * sizeof(TokenId) + ids, 2 * ids};
}

Error no_memory(const Reservation& memory, std::size_t wanted) {
  if (wanted > memory.limit())
    return {ErrorCode::kTooLarge,
            fmt::format("to read the text takes {} MB, over the {} MB that are set aside for all "
                        "requests",
                        wanted >> 20, memory.limit() >> 20),
            "shorten it, or give the server more (--max-memory-mb)", "messages"};
  return {ErrorCode::kMemoryFull, "the server holds as many request bytes as it may",
          "try again later"};
}

}  // namespace

Service::Service(std::shared_ptr<const LoadedModel> model, ServiceOptions options)
    : model_(std::move(model)),
      options_(options),
      computed_by_(model_->model->info().fingerprint + ' ' + model_->model->engine().arithmetic()),
      prefixes_(options.prefix_cache_bytes),
      pictures_(options.image_cache_bytes, options.image_cache_entries),
      grammars_({model_->model->tokenizer(), model_->model->info().vocab_size,
                 model_->model->info().stop_ids},
                options.grammar_cache_bytes, options.make_grammar_compiler),
      responses_(options.response_cache_bytes, options.response_cache_age,
                 options.response_cache_entries, options.shared_responses),
      preprocess_budget_(options.preprocess_bytes),
      thread_([this] { loop(); }),
      grammar_thread_([this] { compile_grammars(); }) {}

Service::~Service() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = stopping_ = true;
  }
  wake_.notify_all();
  schema_.notify_all();
  thread_.join();
  grammar_thread_.join();  // a schema that is being compiled is compiled first
  responses_.finish();
}

// Whatever needs no engine is done here, on the client's thread: the engine's has streams to keep
// flowing.
Result<std::shared_ptr<Job>> Service::submit(GenerateRequest request, OnText text, OnDone done) {
  OC_RETURN_IF_ERROR(check_request(request));
  if (const std::size_t most =
          std::min(static_cast<std::size_t>(options_.max_n), options_.max_running);
      static_cast<std::size_t>(request.n) > most)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("n is {}, this server gives at most {} answers", request.n, most),
                 "ask again for more", "n"};
  if (!request.max_tokens && options_.default_max_tokens > 0)
    request.max_tokens = options_.default_max_tokens;
  auto entry = std::make_unique<Entry>(preprocess_budget_);
  Entry* self = entry.get();
  entry->request = std::move(request);
  entry->done = std::move(done);
  entry->hooks.on_piece = std::move(text);
  entry->hooks.cancelled = [this, self] {
    return self->job->cancelled() || stopping() ||
           (self->request.abandoned && self->request.abandoned());
  };
  std::shared_ptr<Job> job = entry->job;
  if (responses_.enabled() || caches(entry->request).any())
    for (RequestImage& picture : entry->request.images)
      picture.pixels = pixel_digest(*picture.image);
  OC_ASSIGN_OR_RETURN(const bool known, answer_if_known(entry));
  if (known) return job;
  {
    const std::lock_guard lock(mutex_);
    OC_RETURN_IF_ERROR(find_place(entry->request));  // before the work, not only behind it
  }
  if (Result<void> prepared = guarded([&] { return prepare(*entry); }); !prepared.ok()) {
    log_end(entry->request.id, prepared.error());
    const std::lock_guard lock(mutex_);
    ++stats_.accepted;
    ++(prepared.error().code == ErrorCode::kCancelled ? stats_.cancelled : stats_.failed);
    return prepared.error();
  }
  OC_RETURN_IF_ERROR(enqueue(std::move(entry)));
  return job;
}

// True when the response cache had the answer, which then is on its way; takes the entry.
Result<bool> Service::answer_if_known(EntryPtr& entry) {
  if (!responses_.enabled()) return false;
  if (!entry->request.compute_anew)
    entry->response_key = oc::response_key(entry->request, computed_by_);
  std::optional<GenerateResult> known;
  if (entry->response_key) {
    known = responses_.find(*entry->response_key, [&](const GenerateResult& result) {
      return could_answer(entry->request, result);
    });
    log::step("response cache", entry->request.id, "hit", known.has_value());
  }
  const std::lock_guard lock(mutex_);
  if (draining_) return going_away();
  if (broken_) return *broken_;
  if (entry->response_key) ++(known ? stats_.responses.hits : stats_.responses.misses);
  if (!known) return false;
  entry->memory = Reservation(entry->request.memory, entry->request.id);
  OC_RETURN_IF_ERROR(count_answer(*entry, memory_of(*known), true));
  known->memory = std::make_shared<Reservation>(std::move(entry->memory));
  ++stats_.accepted;
  ++active_;
  deliver(std::move(entry), *std::move(known));
  return true;
}

// Tokens and plan, then the pictures that are not known to be encoded already, as far as there is
// room to keep them until their turn.
Result<void> Service::prepare(Entry& entry) {
  const auto& tokenizer = *model_->model->tokenizer();
  const Footing most = footing(entry.request, tokenizer, model_->model->info().context_length);
  entry.memory = Reservation(entry.request.memory, entry.request.id);
  if (!entry.memory.grow_to(most.preparing)) return no_memory(entry.memory, most.preparing);
  entry.session =
      std::make_unique<Session>(*model_->model, entry.request, entry.hooks, caches(entry.request));
  OC_RETURN_IF_ERROR(entry.session->prepare());
  if (auto error = too_long(entry)) return *std::move(error);
  entry.memory.shrink_to(most.prepared);
  entry.prepared_bytes = entry.memory.bytes();
  return entry.session->preprocess([&](const std::string& key, std::size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      if (std::find(encoded_.begin(), encoded_.end(), key) != encoded_.end()) return false;
    }
    std::size_t room = preprocess_budget_;
    do {
      if (room < bytes) return false;
    } while (!preprocess_budget_.compare_exchange_weak(room, room - bytes));
    entry.preprocessed += bytes;
    return true;
  });
}

// A request that could never be admitted.
std::optional<Error> Service::too_long(const Entry& entry) const {
  const std::int64_t tokens = entry.session->kv_claim().most;
  const std::size_t needed = kv_bytes_of(tokens);
  if (options_.kv_bytes == 0 || needed <= options_.kv_bytes) return std::nullopt;
  return Error{
      ErrorCode::kContextLength,
      fmt::format("{} tokens of prompt and answer need {} MB of keys and values; this server "
                  "has {} MB for them",
                  tokens, needed >> 20, options_.kv_bytes >> 20),
      "ask for a smaller max_tokens, use fewer pictures or crops, or give the server more "
      "(--kv-memory)",
      "max_tokens"};
}

// The waiting frame that the request replaces, or null: it goes to the end of the queue. Holding
// the lock.
Result<Service::EntryPtr*> Service::find_place(const GenerateRequest& request) {
  if (draining_) return going_away();
  if (broken_) return *broken_;
  if (EntryPtr* older = older_frame(request); older != nullptr) return older;
  // A free place among the running takes an entry at once: it does not wait.
  const std::size_t free = options_.max_running - std::min(active_, options_.max_running);
  if (queue_.size() < options_.max_queue + free) return static_cast<EntryPtr*>(nullptr);
  ++stats_.rejected;
  return Error{ErrorCode::kQueueFull,
               fmt::format("{} requests wait already, the most that may", queue_.size()),
               "try again later"};
}

// Half of the places stay for requests that need nothing compiled. Holding the lock.
Result<void> Service::find_place_for_schema() {
  const auto wait = std::ranges::count_if(queue_, [](const EntryPtr& one) { return !ready(one); });
  if (static_cast<std::size_t>(wait) < std::max<std::size_t>(options_.max_queue / 2, 1)) return {};
  ++stats_.rejected;
  return Error{ErrorCode::kQueueFull,
               fmt::format("{} requests wait already for their JSON schemas to be compiled, the "
                           "most that may",
                           wait),
               "try again later"};
}

Result<void> Service::enqueue(EntryPtr entry) {
  const std::string id = entry->request.id;
  const std::size_t images = entry->request.images.size();
  std::size_t ahead = 0;
  EntryPtr superseded;
  {
    const std::lock_guard lock(mutex_);
    ahead = queue_.size() + active_;
    OC_ASSIGN_OR_RETURN(EntryPtr* const older, find_place(entry->request));
    if (!ready(entry) && (older == nullptr || ready(*older)))
      OC_RETURN_IF_ERROR(find_place_for_schema());
    if (older != nullptr) {
      entry->passed = (*older)->passed;
      superseded = std::exchange(*older, std::move(entry));
      ++stats_.superseded;
    } else {
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
  schema_.notify_one();
  return {};
}

// A waiting frame of the same camera, which the new one makes useless: it takes its place, not the
// last one, or a camera that is faster than the queue would never be answered. Holding the lock.
Service::EntryPtr* Service::older_frame(const GenerateRequest& request) {
  if (request.stream_key.empty() || !request.latest_wins) return nullptr;
  const auto older = std::find_if(queue_.begin(), queue_.end(), [&](const EntryPtr& entry) {
    return entry->request.latest_wins && entry->request.stream_key == request.stream_key &&
           entry->request.client == request.client;
  });
  return older == queue_.end() ? nullptr : &*older;
}

// An answer that is known already, from a thread that nothing keeps waiting.
void Service::deliver(EntryPtr entry, GenerateResult known) {
  known.cached = true;
  known.timings = {};
  known.timings.ttft_ms = known.timings.total_ms = entry->since_submit.ms();
  const std::shared_ptr<Entry> shared = std::move(entry);
  responses_.post([this, shared, known = std::move(known)]() mutable {
    const Result<void> told = guarded([&]() -> Result<void> {
      if (!shared->hooks.on_piece) return {};
      shared->hooks.on_piece(
          {.text = known.text, .choice = 0, .tokens = known.logprobs, .whole = true});
      for (std::size_t i = 0; i < known.more.size(); ++i)
        shared->hooks.on_piece({.text = known.more[i].text,
                                .choice = i + 1,
                                .tokens = known.more[i].logprobs,
                                .whole = true});
      return {};
    });
    answer(*shared, told.ok() ? Result<GenerateResult>(std::move(known)) : told.error());
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

// The last word to a request that was taken from the queue.
void Service::finish(EntryPtr entry, Result<GenerateResult> result) {
  answer(*entry, std::move(result));
  entry.reset();
  const std::lock_guard lock(mutex_);
  --active_;
}

void Service::answer(Entry& entry, Result<GenerateResult> result) {
  entry.memory = Reservation();  // before anybody hears of it: the next request may be on its way
  try {
    log_end(entry.request.id, result);
  } catch (const std::bad_alloc&) {
    // A line for which there is no memory is left out; the answer is not.
  }
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
  for (const Answer& answer : result->more)
    if (answer.text.empty()) ++stats_.empty_answers;
  stats_.prompt_tokens += static_cast<std::uint64_t>(result->prompt_tokens);
  stats_.cached_tokens += static_cast<std::uint64_t>(result->cached_tokens);
  stats_.completion_tokens += static_cast<std::uint64_t>(result->completion_tokens);
  stats_.total_ms += result->timings.total_ms;
}

bool Service::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

}  // namespace oc
