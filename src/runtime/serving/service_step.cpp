// The service's engine thread: what each step computes. service_shares.cpp says for whom.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "runtime/serving/service_entry.h"

namespace oc {
namespace {

constexpr std::chrono::milliseconds kLook{50};

}  // namespace

void Service::loop() {
  while (wait_for_work()) {
    // Each part keeps what is wrong with a request to the request. What is thrown beside that, for
    // want of memory, costs a round and not the process.
    const Result<void> round = guarded([&]() -> Result<void> {
      sweep();
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

// False when the service ends and everything is answered.
bool Service::wait_for_work() {
  if (!running_.empty()) return true;
  std::unique_lock lock(mutex_);
  // Not put off by whoever comes meanwhile.
  auto look = std::chrono::steady_clock::now() + kLook;
  while (true) {
    if (queue_.empty() && active_ == 0) idle_.notify_all();
    if (stopping_ || std::ranges::any_of(queue_, ready)) return !queue_.empty();
    // Those that wait for their schema may leave, or run out of time, meanwhile.
    if (queue_.empty()) {
      wake_.wait(lock);
      look = std::chrono::steady_clock::now() + kLook;
    } else if (wake_.wait_until(lock, look) == std::cv_status::timeout) {
      return true;
    }
  }
}

// Answers waiting requests that were cancelled or ran out of time, so that they neither wait nor
// take a place in the queue.
void Service::sweep() {
  std::vector<std::pair<EntryPtr, Error>> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.reserve(queue_.size());  // nothing may be thrown while entries move
    for (auto place = queue_.begin(); place != queue_.end();) {
      const bool ends = stopping_ || (options_.ending && *options_.ending && !ready(*place));
      auto error = ends      ? going_away()
                   : broken_ ? *broken_
                             : expired((*place)->request, *(*place)->job);
      if (!error) {
        ++place;
        continue;
      }
      ended.emplace_back(std::move(*place), *std::move(error));
      place = queue_.erase(place);
    }
  }
  for (auto& [entry, error] : ended) answer(*entry, std::move(error));
}

void Service::end_interrupted() {
  for (const EntryPtr& entry : running_) {
    if (entry->failure) continue;
    if (const Result<void> state = entry->session->interrupted(); !state.ok())
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
    if (usable(*entry)) entry->failure = whole.error();
  const std::lock_guard lock(mutex_);
  if (!broken_) broken_ = whole.error();
}

// One step of everything that runs: the next token of every answer that has a place and memory, and
// between these by turns one tile of a picture or a piece of a prompt.
void Service::step() {
  give_places();
  const bool encoded = !(encoded_last_ && wants_prefill()) && encode_one();
  encoded_last_ = encoded;
  std::vector<Part> parts;
  for (const EntryPtr& entry : running_)
    for (Sequence* const one : placed(*entry)) {
      if (!one->answering()) continue;
      if (give_memory(*entry, *one))
        parts.push_back({entry.get(), one, one->next(1)});
      else if (one->kv_given() == 0)
        break;  // answers begin in order
    }
  if (!encoded) add_prefill(parts);
  keep_within_memory();
  if (!parts.empty()) forward(parts);
}

// A prompt's next piece, or as many choices to score as have its size together.
void Service::add_prefill(std::vector<Part>& parts) {
  const std::int64_t most = parts.empty() ? Session::kPrefillChunk : options_.shared_chunk;
  std::int64_t room = 0;  // of the first one's
  bool scored = false;
  for (Entry* const entry : by_turns(oldest_piece_)) {
    for (Sequence* const one : placed(*entry)) {
      if (one->answering() || one->needs_pictures()) continue;
      if (scored && !one->scoring()) return;
      if (!give_memory(*entry, *one)) break;
      if (!scored) {
        room = one->chunk(most);
        oldest_piece_ = !oldest_piece_;
      }
      parts.push_back({entry, one, one->next(room)});
      room -= std::ssize(parts.back().input.ids);
      scored = one->scoring();
      if (!scored || room <= 0) return;
    }
  }
}

bool Service::ready(const EntryPtr& entry) { return !entry->session->needs_grammar(); }
bool Service::usable(const Entry& entry) { return !entry.failure && !entry.session->done(); }

bool Service::wants_prefill() const {
  return std::ranges::any_of(running_, [this](const EntryPtr& entry) {
    return std::ranges::any_of(placed(*entry), [](const Sequence* one) {
      return !one->answering() && !one->needs_pictures();
    });
  });
}

bool Service::encode_one() {
  for (Entry* const entry : by_turns(oldest_view_)) {
    for (Sequence* const one : placed(*entry)) {
      if (!one->needs_pictures()) continue;
      oldest_view_ = !oldest_view_;
      const Result<void> done = guarded([&] { return entry->session->encode_step(); });
      if (!done.ok())
        entry->failure = done.error();
      else if (!one->needs_pictures())
        remember_encoded(*entry->session);
      return true;
    }
  }
  return false;
}

// A hint for submit(): what leaves the cache until its turn is preprocessed in it.
void Service::remember_encoded(const Session& session) {
  constexpr std::size_t kMost = 256;
  if (options_.image_cache_bytes == 0) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(encoded_, [&](const std::string& key) { return !pictures_.contains(key); });
  for (const std::string& key : session.pictures().keys()) {
    std::erase(encoded_, key);
    if (!pictures_.contains(key)) continue;
    encoded_.push_back(key);
    if (encoded_.size() > kMost) encoded_.pop_front();
  }
}

void Service::forward(std::span<const Part> parts) {
  const auto width = static_cast<std::size_t>(model_->model->info().vocab_size);
  std::vector<StepInput> inputs;
  std::vector<bool> wanted;
  for (const Part& part : parts) {
    inputs.push_back(part.input);
    wanted.push_back(part.sequence->wants_logits(part.input));
  }
  const Result<void> computed = guarded([&]() -> Result<void> {
    const Tensor rows = model_->model->forward(inputs, nullptr);
    logits_.resize(static_cast<std::size_t>(rows.rows()) * width);
    model_->model->engine().read(rows, logits_);
    return model_->model->intact();
  });
  std::size_t first = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!computed.ok()) {  // whose fault it was is not known
      parts[i].entry->failure = computed.error();
      continue;
    }
    const std::size_t count = std::max<std::size_t>(inputs[i].logit_rows.size(), 1);
    const auto row = wanted[i]
                         ? std::span<const float>(logits_).subspan(first * width, count * width)
                         : std::span<const float>();
    first += count;
    const Result<void> taken =
        guarded([&] { return parts[i].entry->session->accept(*parts[i].sequence, row); });
    if (!taken.ok()) parts[i].entry->failure = taken.error();
  }
  for (const EntryPtr& entry : running_) {
    if (!entry->failure)
      if (auto counted = count_answer(*entry, entry->session->answer_memory(), false);
          !counted.ok())
        entry->failure = counted.error();
    entry->session->drop_ended();
    note_memory(*entry, kv_bytes_of(entry->session->kv_claim().held));
  }
  keep_within_memory();  // a computed prompt may have been kept
}

void Service::retire_done() {
  std::vector<EntryPtr> ended;
  ended.reserve(running_.size());  // nothing may be thrown while entries move
  std::erase_if(running_, [&](EntryPtr& entry) {
    if (usable(*entry)) return false;
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
    finish(std::move(entry), std::move(result));
  }
}

// A part that is too small to matter is not counted: what few words take is always there.
Result<void> Service::count_answer(Entry& entry, const AnswerMemory& answer, bool known) {
  constexpr std::size_t kStep = 64u << 10;
  // What is sent piece by piece is not kept as JSON.
  const bool json = known || !entry.hooks.on_piece;
  const std::size_t bytes = (answer.values + (json ? answer.json : 0)) / kStep * kStep;
  if (entry.memory.grow_to(entry.prepared_bytes + bytes)) return {};
  const std::size_t most = entry.memory.limit();
  if (entry.prepared_bytes + bytes > most)
    return Error{ErrorCode::kTooLarge,
                 fmt::format("the answer takes more than the {} MB that are set aside for all "
                             "requests",
                             most >> 20),
                 "ask for fewer answers, tokens or top_logprobs, or give the server more "
                 "(--max-memory-mb)"};
  return Error{ErrorCode::kMemoryFull,
               fmt::format("the answer takes {} MB, more than other requests leave of {} MB",
                           bytes >> 20, most >> 20),
               "try again later, or ask for fewer answers, tokens or top_logprobs"};
}

Result<GenerateResult> Service::take_result(Entry& entry) {
  note_memory(entry, 0);
  Result<GenerateResult> result =
      entry.failure ? Result<GenerateResult>(*entry.failure) : entry.session->take_result();
  // What broke in the middle of a step has left nothing behind that could be gone on with.
  if (!broken_ && (!entry.failure || (entry.failure->code != ErrorCode::kInternal &&
                                      entry.failure->code != ErrorCode::kUnavailable))) {
    entry.session->retire();
    keep_within_memory();
  }
  if (!result.ok()) return result;
  const double waited = entry.since_submit.ms() - result->timings.total_ms;
  result->timings.queue_ms = entry.queue_ms;
  result->timings.ttft_ms += std::max(waited, 0.0);
  result->timings.total_ms += std::max(waited, 0.0);
  if (entry.response_key) responses_.insert(*entry.response_key, *result);
  log::step("response cache", entry.request.id, "kept", entry.response_key.has_value());
  result->memory = std::make_shared<Reservation>(std::move(entry.memory));
  return result;
}

// What this thread alone knows, for stats().
void Service::publish() {
  const std::lock_guard lock(mutex_);
  stats_.kv_reserved_bytes = kv_reserved();
  stats_.prefixes.entries = prefixes_.entries();
  stats_.prefixes.bytes = prefixes_.bytes();
  stats_.prefixes.hits = prefixes_.hits();
  stats_.prefixes.misses = prefixes_.misses();
  stats_.pictures.entries = pictures_.entries();
  stats_.pictures.bytes = pictures_.bytes();
  stats_.pictures.hits = pictures_.hits();
  stats_.pictures.misses = pictures_.misses();
}

}  // namespace oc
