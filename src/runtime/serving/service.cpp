#include "runtime/serving/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory_full.h"
#include "runtime/cache/could_answer.h"
#include "runtime/serving/prompt_answers.h"

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
                log::rounded("queue_ms", t.queue_ms, 0),
                log::rounded("ttft_ms", t.ttft_ms, 0),
                log::rounded("total_ms", t.total_ms, 0),
                log::rounded("tok_s", t.decode_tokens_per_second, 1)},
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

constexpr std::size_t kWordsOfFrame = 32;  // bytes that a family writes around one, about

// Bytes that a request's text takes on its way to tokens, and those of the tokens, at most.
struct Footing {
  std::size_t preparing = 0, prepared = 0;
};
Footing footing(const GenerateRequest& request, const Tokenizer& tokenizer, std::int64_t context) {
  // From where text is sure to be too long it is not tokenised.
  const std::size_t max_text_bytes = static_cast<std::size_t>(context) * tokenizer.longest_token();
  std::size_t bytes = 0, counted = 0, merging = 0;
  const auto count = [&](std::string_view text) {
    const std::size_t normalised = tokenizer.normalised_bytes(text);
    if (normalised > max_text_bytes - counted) return;
    counted += normalised;
    bytes += text.size();
    merging += tokenizer.encode_memory(text);
  };
  for (const Message& message : request.messages)
    for (const Part& part : message.parts)
      if (const auto* text = std::get_if<TextPart>(&part))
        count(text->text);
      else if (const auto* frames = std::get_if<FramesPart>(&part))
        bytes += kWordsOfFrame * static_cast<std::size_t>(frames->count + 4);
  if (request.task) count(text_of(*request.task));
  if (request.raw_prompt) {
    count(request.raw_prompt->text);
    bytes += request.raw_prompt->ids.size();
  }
  // The text of a turn in one piece, its ids and those of the prompt; a vector that grows is there
  // twice.
  const std::size_t ids = std::min(bytes, static_cast<std::size_t>(context)) * sizeof(TokenId);
  return {3 * bytes + merging + 3 * bytes * sizeof(TokenId) + ids, 2 * ids};
}

Error no_memory(const GenerateRequest& request, const Reservation& memory, std::size_t wanted) {
  if (wanted > memory.limit())
    return {ErrorCode::kTooLarge,
            fmt::format("to read the text takes {} MB, over the {} MB that are set aside for all "
                        "requests",
                        wanted >> 20, memory.limit() >> 20),
            "shorten it, or give the server more (--max-memory-mb)",
            request.raw_prompt ? "prompt" : "messages"};
  return memory_full();
}

// Choices are scored, however long they are.
bool asks_for_no_token(const GenerateRequest& request) {
  return request.max_tokens == 0 && request.choices.empty();
}

// To who asks for no token: what the prompt holds, and nothing is run.
GenerateResult no_answer(const RequestPlan& plan, int n) {
  GenerateResult out;
  out.stop_cause = StopCause::kMaxTokens;
  out.finish_reason = finish_reason_of(out.stop_cause);
  out.more.assign(static_cast<std::size_t>(n - 1), out);
  out.warning = "no token was asked for, so the answer is empty";
  out.prompt_tokens = plan.prompt_tokens;
  out.image_tokens = plan.image_tokens;
  for (const PlannedImage& image : plan.images) out.images.push_back(image.plan);
  return out;
}

}  // namespace

Service::Service(std::shared_ptr<const LoadedModel> model, ServiceOptions options)
    : model_(std::move(model)),
      options_(std::move(options)),
      computed_by_(model_->model->info().fingerprint + ' ' + model_->model->engine().arithmetic()),
      kv_memory_(options_.kv_bytes, model_->model->info()),
      prefixes_(options_.prefix_cache_bytes),
      pictures_(options_.image_cache_bytes, options_.image_cache_entries),
      grammars_({model_->model->tokenizer(), model_->model->info().vocab_size,
                 model_->model->info().stop_ids},
                options_.grammar_cache_bytes, options_.make_grammar_compiler),
      responses_(options_.response_cache_bytes, options_.response_cache_age,
                 options_.response_cache_entries, options_.shared_responses),
      preprocess_budget_(options_.preprocess_bytes),
      queue_({options_.max_queue, options_.max_running, options_.ending}, grammars_, counters_,
             [this](RequestEntry& entry, Error error) { answer(entry, std::move(error)); }),
      thread_([this] { loop(); }) {}

Service::~Service() {
  queue_.stop();
  thread_.join();
  responses_.finish();
}

// Holds the request to what this server gives, and fills in what it leaves open.
Result<void> Service::complete(GenerateRequest& request) const {
  OC_RETURN_IF_ERROR(check_request(request));
  if (const std::size_t max_answers =
          std::min(static_cast<std::size_t>(options_.max_n), options_.max_running);
      static_cast<std::size_t>(request.n) > max_answers)
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("n is {}, this server gives at most {} answers", request.n, max_answers),
        fmt::format(
            "ask again for more, or raise {}",
            max_answers < static_cast<std::size_t>(options_.max_n) ? "--max-running" : "--max-n"),
        "n"};
  const std::size_t prompts = request.more_prompts.size() + 1;
  if (const std::size_t most = options_.max_queue + options_.max_running;
      prompts > 1 && prompts > most && !asks_for_no_token(request))
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"prompt\" holds {} prompts; this server has places for {} requests "
                             "in all, and each prompt takes one",
                             prompts, most),
                 "send fewer in one request, or let more wait (--max-queue)", "prompt"};
  if (!request.max_tokens && options_.default_max_tokens > 0)
    request.max_tokens = options_.default_max_tokens;
  return {};
}

// For caches to look pictures up by.
void Service::add_digests(GenerateRequest& request) {
  if (!responses_.enabled() && !caches(request).any()) return;
  for (RequestImage& picture : request.images) picture.pixels = pixel_digest(*picture.image);
}

// Whatever needs no engine is done here, on the client's thread: the engine's has streams to keep
// flowing.
Result<std::shared_ptr<Job>> Service::submit(GenerateRequest request, OnText text, OnDone done) {
  OC_RETURN_IF_ERROR(complete(request));
  add_digests(request);
  std::vector<EntryPtr> entries = take_apart(std::move(request), std::move(text), std::move(done));
  const bool several = entries.size() > 1;
  std::shared_ptr<Job> job = entries.front()->job;
  std::vector<EntryPtr> known, waiting;
  std::vector<GenerateResult> answers;  // of those that are known
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto answer = know_or_prepare(*entries[i], waiting.size() + 1);
    if (!answer.ok()) return several ? of_prompt(answer.error(), i) : answer.error();
    (*answer ? known : waiting).push_back(std::move(entries[i]));
    if (*answer) answers.push_back(**std::move(answer));
  }
  OC_RETURN_IF_ERROR(queue_.enter(known.size()));
  const Result<void> pushed = guarded([&] { return queue_.push(std::move(waiting)); });
  std::size_t sent = 0;  // of the known ones
  const Result<void> delivered = guarded([&]() -> Result<void> {
    OC_RETURN_IF_ERROR(pushed);
    for (; sent < known.size(); ++sent) {
      counters_.count_accepted();
      deliver(std::move(known[sent]), std::move(answers[sent]));
    }
    return {};
  });
  if (delivered.ok()) return job;
  job->cancel();  // some of them may be on their way
  for (; sent < known.size(); ++sent) {
    queue_.leave();
    queue_.answered();
  }
  return delivered.error();
}

EntryPtr Service::make_entry(GenerateRequest request, std::shared_ptr<Job> job, OnText text,
                             OnDone done) {
  auto entry = std::make_unique<RequestEntry>(preprocess_budget_);
  RequestEntry* self = entry.get();
  entry->request = std::move(request);
  entry->job = std::move(job);
  entry->done = std::move(done);
  entry->hooks.on_piece = std::move(text);
  entry->hooks.cancelled = [this, self] {
    return self->job->cancelled() || queue_.stopping() ||
           (self->request.abandoned && self->request.abandoned());
  };
  return entry;
}

// Its answer where it takes no engine; else it is prepared, the `count`th of its request to wait.
Result<std::optional<GenerateResult>> Service::know_or_prepare(RequestEntry& entry,
                                                               std::size_t count) {
  if (asks_for_no_token(entry.request)) {
    OC_RETURN_IF_ERROR(queue_.open());
    OC_RETURN_IF_ERROR(guarded([&] { return prepare_prompt(entry); }));
    return std::optional(no_answer(entry.session->plan(), entry.request.n));
  }
  OC_ASSIGN_OR_RETURN(std::optional<GenerateResult> known, known_answer(entry));
  if (known) return known;
  // Before the work, not only behind it.
  OC_RETURN_IF_ERROR(queue_.find_place(entry.request, count));
  if (Result<void> prepared = guarded([&] { return prepare(entry); }); !prepared.ok()) {
    log_end(entry.request.id, prepared.error());
    counters_.count_accepted();
    counters_.count_end(prepared.error());
    return prepared.error();
  }
  return known;
}

// From the response cache.
Result<std::optional<GenerateResult>> Service::known_answer(RequestEntry& entry) {
  std::optional<GenerateResult> known;
  if (!responses_.enabled()) return known;
  std::vector<ImagePlan> plans;
  if (auto planned = plan_images(*model_->model, entry.request); planned.ok()) {
    plans = *std::move(planned);  // else prepare() says what is wrong
    if (!entry.request.compute_anew)
      entry.response_key = oc::response_key(entry.request, plans, computed_by_);
  }
  if (entry.response_key) {
    std::int64_t image_tokens = 0;
    for (const ImagePlan& plan : plans) image_tokens += plan.tokens;
    known = responses_.find(*entry.response_key, [&](const GenerateResult& result) {
      return could_answer(entry.request, image_tokens, result);
    });
    if (known) known->images = std::move(plans);
    if (known) known->cached = true;
    log::step("response cache", entry.request.id, "hit", known.has_value());
  }
  OC_RETURN_IF_ERROR(queue_.open());
  if (entry.response_key) counters_.count_lookup(known.has_value());
  if (!known) return known;
  entry.memory = Reservation(entry.request.memory, entry.request.id);
  OC_RETURN_IF_ERROR(entry.count_answer(memory_of(*known), /*known=*/true));
  known->memory = std::make_shared<Reservation>(std::move(entry.memory));
  return known;
}

// Tokens and plan.
Result<void> Service::prepare_prompt(RequestEntry& entry) {
  const auto& tokenizer = *model_->model->tokenizer();
  const Footing needed = footing(entry.request, tokenizer, model_->model->info().context_length);
  entry.memory = Reservation(entry.request.memory, entry.request.id);
  if (!entry.memory.grow_to(needed.preparing))
    return no_memory(entry.request, entry.memory, needed.preparing);
  entry.session =
      std::make_unique<Session>(*model_->model, entry.request, entry.hooks, caches(entry.request));
  OC_RETURN_IF_ERROR(entry.session->prepare());
  if (auto error = kv_memory_.too_long(*entry.session)) return *std::move(error);
  entry.memory.shrink_to(needed.prepared);
  entry.prepared_bytes = entry.memory.bytes();
  return {};
}

// Then the pictures that are not known to be encoded already, as far as there is room to keep them
// until their turn.
Result<void> Service::prepare(RequestEntry& entry) {
  OC_RETURN_IF_ERROR(prepare_prompt(entry));
  return entry.session->preprocess([&](const std::string& key, std::size_t bytes) {
    if (encoded_.contains(key)) return false;
    std::size_t room = preprocess_budget_;
    do {
      if (room < bytes) return false;
    } while (!preprocess_budget_.compare_exchange_weak(room, room - bytes));
    entry.preprocessed += bytes;
    return true;
  });
}

RequestCaches Service::caches(const GenerateRequest& request) {
  // A model that does not tell the width of its pictures' rows could not check what it reads.
  const bool stored = model_->model->info().width > 0 && !request.compute_anew;
  return {options_.prefix_cache_bytes > 0 ? &prefixes_ : nullptr,
          options_.image_cache_bytes > 0 ? &pictures_ : nullptr,
          &grammars_,
          /*compiles_later=*/true,
          stored ? options_.image_store.get() : nullptr,
          computed_by_};
}

// An answer that is known already, from a thread that nothing keeps waiting.
void Service::deliver(EntryPtr entry, GenerateResult known) {
  known.timings = {};
  known.timings.ttft_ms = known.timings.total_ms = entry->since_submit.ms();
  const std::shared_ptr<RequestEntry> shared = std::move(entry);
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
    queue_.leave();
    answer(*shared, told.ok() ? Result<GenerateResult>(std::move(known)) : told.error());
    queue_.answered();
  });
}

void Service::drain() { queue_.drain(); }

ServiceStats Service::stats() const {
  ServiceStats stats = counters_.stats();
  stats.queued = queue_.waiting();
  stats.running = queue_.active();
  stats.responses.entries = responses_.entries();
  stats.responses.bytes = responses_.bytes();
  return stats;
}

void Service::answer(RequestEntry& entry, Result<GenerateResult> result) {
  entry.memory = Reservation();  // before anybody hears of it: the next request may be on its way
  try {
    log_end(entry.request.id, result);
  } catch (const std::bad_alloc&) {
    // A line for which there is no memory is left out; the answer is not.
  }
  counters_.count_end(result);
  entry.done(std::move(result));
}

}  // namespace oc
