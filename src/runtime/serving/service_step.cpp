// The service's engine thread: what each step computes. service_shares.cpp says for whom.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "runtime/prefill_chunk.h"
#include "runtime/serving/service.h"

namespace oc {

void Service::loop() {
  while (!running_.empty() || queue_.wait()) {
    // Each part keeps what is wrong with a request to the request. What is thrown beside that, for
    // want of memory, costs a round and not the process.
    const Result<void> round = guarded([&]() -> Result<void> {
      queue_.sweep();
      admit();
      end_interrupted();
      step();
      check_weights();
      retire_done();
      publish();
      return {};
    });
    if (!round.ok()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void Service::end_interrupted() {
  const bool over = options_.ending && options_.ending->over();
  for (const EntryPtr& entry : running_) {
    if (entry->failure) continue;
    if (over)
      entry->failure = going_away();
    else if (const Result<void> state = entry->session->interrupted(); !state.ok())
      entry->failure = state.error().code == ErrorCode::kCancelled && !entry->job->cancelled()
                           ? going_away()
                           : state.error();
  }
}

// Once a file that the model is read from is not what was loaded, nothing is answered from it any
// more. What step() has handed out was computed before.
void Service::check_weights() {
  const Result<void> whole = model_->model->intact();
  if (whole.ok()) return;
  for (const EntryPtr& entry : running_)
    if (entry->usable()) entry->failure = whole.error();
  queue_.close(whole.error());
}

// One step of everything that runs: the next token of every answer that has a place and memory, and
// between these by turns one view of a picture, a chunk of a prompt, or some layers of a block of
// one that cannot be divided.
void Service::step() {
  give_places();
  const bool encoded = !(encoded_last_ && wants_prefill()) && encode_one();
  encoded_last_ = encoded;
  batch_.clear();
  for (const EntryPtr& entry : running_)
    for (Sequence* const one : placed(*entry)) {
      if (!one->answering()) continue;
      if (kv_memory_.give(running_, *entry, *one))
        batch_.add(*entry, *one, one->next(1));
      else if (one->kv_given() == 0)
        break;  // answers begin in order
    }
  const bool layered = !encoded && prefill();
  keep_within_memory();
  if (!batch_.empty()) batch_.run(*model_->model);
  if (!batch_.empty() || layered) account();
}

// Adds a prompt's next chunk, or as many choices to score as have its size together. A block that
// is longer than a chunk is computed at once, as many layers as a chunk takes; true: so it was.
bool Service::prefill() {
  const std::int64_t limit = batch_.empty() ? kPrefillChunk : options_.shared_chunk;
  std::int64_t room = 0;  // of the first one's
  bool scored = false;
  for (RequestEntry* const entry : by_turns(oldest_chunk_)) {
    for (Sequence* const one : placed(*entry)) {
      if (one->answering() || one->needs_images()) continue;
      if (scored && !one->scoring()) return false;
      if (!kv_memory_.give(running_, *entry, *one)) break;
      if (!scored) {
        room = one->chunk(limit);
        oldest_chunk_ = !oldest_chunk_;
      }
      if (one->next_is_layered(room)) {
        if (scored) return false;  // the next step's
        const Result<void> done = guarded([&] { return entry->session->step_layers(*one, room); });
        if (!done.ok()) entry->failure = done.error();
        return true;
      }
      const StepInput input = one->next(room);
      batch_.add(*entry, *one, input);
      room -= std::ssize(input.ids);
      scored = one->scoring();
      if (!scored || room <= 0) return false;
    }
  }
  return false;
}

bool Service::wants_prefill() const {
  return std::ranges::any_of(running_, [this](const EntryPtr& entry) {
    return std::ranges::any_of(placed(*entry), [](const Sequence* one) {
      return !one->answering() && !one->needs_images();
    });
  });
}

bool Service::encode_one() {
  for (RequestEntry* const entry : by_turns(oldest_view_)) {
    for (Sequence* const one : placed(*entry)) {
      if (!one->needs_images()) continue;
      oldest_view_ = !oldest_view_;
      const Result<void> done = guarded([&] { return entry->session->encode_step(); });
      if (!done.ok())
        entry->failure = done.error();
      else if (!one->needs_images())
        encoded_.remember(entry->session->pictures().keys(), pictures_);
      return true;
    }
  }
  return false;
}

// What a step has made of answers and memory.
void Service::account() {
  for (const EntryPtr& entry : running_) {
    if (!entry->failure)
      if (auto counted = entry->count_answer(entry->session->answer_memory(), /*known=*/false);
          !counted.ok())
        entry->failure = counted.error();
    const std::int64_t tokens = entry->session->answer_tokens();
    counters_.count_generated(tokens - std::exchange(entry->told_tokens, tokens));
    entry->session->drop_ended();
    kv_memory_.note_held(running_, *entry);
  }
  keep_within_memory();  // a computed prompt may have been kept
}

void Service::retire_done() {
  std::vector<EntryPtr> ended;
  ended.reserve(running_.size());  // nothing may be thrown while entries move
  std::erase_if(running_, [&](EntryPtr& entry) {
    if (entry->usable()) return false;
    ended.push_back(std::move(entry));
    return true;
  });
  for (EntryPtr& entry : ended) {
    Result<GenerateResult> result = Error{};
    // What is thrown here is this request's trouble: the others get their answers.
    const Result<void> taken = guarded([&]() -> Result<void> {
      result = take_result(*entry);
      return {};
    });
    if (!taken.ok()) result = taken.error();
    entry->session.reset();
    publish();  // before anybody hears of the answer
    queue_.leave();
    answer(*entry, std::move(result));
    entry.reset();
    queue_.answered();
  }
}

void Service::publish() { counters_.publish(kv_memory_.reserved(running_), prefixes_, pictures_); }

Result<GenerateResult> Service::take_result(RequestEntry& entry) {
  kv_memory_.note_given_back(running_, entry);
  Result<GenerateResult> result =
      entry.failure ? Result<GenerateResult>(*entry.failure) : entry.session->take_result();
  // What broke in the middle of a step has left nothing behind that could be gone on with.
  if (!queue_.closed() && (!entry.failure || (entry.failure->code != ErrorCode::kInternal &&
                                              entry.failure->code != ErrorCode::kUnavailable))) {
    entry.session->retire();
    keep_within_memory();
  }
  if (!result.ok()) return result;
  const double waited = entry.since_submit.ms() - result->timings.total_ms;
  result->timings.queue_ms = entry.queue_ms;
  result->timings.ttft_ms += std::max(waited, 0.0);
  result->timings.total_ms += std::max(waited, 0.0);
  // A rehearsal says little: it reads the weights for the first time.
  if (!entry.request.compute_anew) speed_.count(*result, entry.session->pictures().views_encoded());
  if (entry.response_key) responses_.insert(*entry.response_key, *result);
  log::step("response cache", entry.request.id, "kept", entry.response_key.has_value());
  result->memory = std::make_shared<Reservation>(std::move(entry.memory));
  return result;
}

}  // namespace oc
