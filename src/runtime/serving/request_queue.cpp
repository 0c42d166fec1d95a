#include "runtime/serving/request_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"

namespace oc {
namespace {

constexpr std::chrono::milliseconds kLook{50};
constexpr const char* kMayWait = "try again later, or let more wait (--max-queue)";

}  // namespace

RequestQueue::RequestQueue(RequestQueueOptions options, GrammarCache& grammars,
                           ServiceCounters& counters, Refuse refuse)
    : options_(std::move(options)),
      grammars_(grammars),
      counters_(counters),
      refuse_(std::move(refuse)),
      grammar_thread_([this] { compile_grammars(); }) {}

RequestQueue::~RequestQueue() {
  stop();
  grammar_thread_.join();  // a schema that is being compiled is compiled first
}

Result<void> RequestQueue::find_place(const GenerateRequest& request, std::size_t count) {
  const std::lock_guard lock(mutex_);
  OC_RETURN_IF_ERROR(place_for(request, count));
  return {};
}

// The waiting frame that the request replaces, or null: it goes to the end of the queue.
Result<EntryPtr*> RequestQueue::place_for(const GenerateRequest& request, std::size_t count) {
  OC_RETURN_IF_ERROR(check_open());
  if (EntryPtr* older = older_frame(request); older != nullptr) return older;
  // A free place among the running takes an entry at once: it does not wait.
  const std::size_t free = options_.max_running - std::min(active_, options_.max_running);
  if (queue_.size() + count <= options_.max_waiting + free) return static_cast<EntryPtr*>(nullptr);
  counters_.count_rejected();
  if (queue_.size() < options_.max_waiting + free)
    return Error{ErrorCode::kQueueFull,
                 fmt::format("{} requests wait already, and of {} prompts each takes a place; {} "
                             "are free",
                             queue_.size(), count, options_.max_waiting + free - queue_.size()),
                 "try again later or with fewer prompts, or let more wait (--max-queue)"};
  return Error{ErrorCode::kQueueFull,
               fmt::format("{} requests wait already, the most that may", queue_.size()), kMayWait};
}

// Half of the places stay for requests that need nothing compiled.
Result<void> RequestQueue::place_for_schema() {
  const auto wait =
      std::ranges::count_if(queue_, [](const EntryPtr& one) { return !one->ready(); });
  if (static_cast<std::size_t>(wait) < std::max<std::size_t>(options_.max_waiting / 2, 1))
    return {};
  counters_.count_rejected();
  return Error{ErrorCode::kQueueFull,
               fmt::format("{} requests wait already for their JSON schemas to be compiled, the "
                           "most that may",
                           wait),
               kMayWait};
}

// A waiting frame of the same camera, which the new one makes useless: it takes its place, not the
// last one, or a camera that is faster than the queue would never be answered.
EntryPtr* RequestQueue::older_frame(const GenerateRequest& request) {
  if (request.stream_key.empty() || !request.latest_wins) return nullptr;
  const auto older = std::find_if(queue_.begin(), queue_.end(), [&](const EntryPtr& entry) {
    return entry->request.latest_wins && entry->request.stream_key == request.stream_key &&
           entry->request.client == request.client;
  });
  return older == queue_.end() ? nullptr : &*older;
}

Result<void> RequestQueue::push(EntryPtr entry) {
  std::vector<EntryPtr> entries;
  entries.push_back(std::move(entry));
  return push(std::move(entries));
}

Result<void> RequestQueue::push(std::vector<EntryPtr> entries) {
  if (entries.empty()) return {};
  std::vector<std::string> ids;
  for (const EntryPtr& entry : entries) ids.push_back(entry->request.id);
  EntryPtr& first = entries.front();
  const std::size_t images = first->request.images.size();
  std::size_t ahead = 0;
  EntryPtr superseded;
  {
    const std::lock_guard lock(mutex_);
    ahead = queue_.size() + active_;
    OC_ASSIGN_OR_RETURN(EntryPtr* const older, place_for(first->request, entries.size()));
    // Several have one schema among them.
    if (!first->ready() && (older == nullptr || (*older)->ready()))
      OC_RETURN_IF_ERROR(place_for_schema());
    if (older != nullptr) {
      first->passed = (*older)->passed;
      superseded = std::exchange(*older, std::move(first));
      ++leaving_;
      counters_.count_superseded();
    } else {
      queue_.insert(queue_.end(), std::make_move_iterator(entries.begin()),
                    std::make_move_iterator(entries.end()));
    }
    for (std::size_t i = 0; i < ids.size(); ++i) counters_.count_accepted();
    tell_places();
  }
  for (const std::string& id : ids)
    log::event(log::Level::kInfo, "queued", {{"ahead", ahead++}, {"images", images}}, id);
  if (superseded != nullptr) {
    refuse_(*superseded,
            Error{ErrorCode::kSuperseded,
                  "a newer frame of the same stream came before this one was looked at",
                  "nothing to do: the newer frame's answer follows"});
    answered();
  }
  wake_.notify_one();
  schema_.notify_one();
  return {};
}

// Who listens hears how many come before it. Under the lock, or one of them could be on its way
// out.
void RequestQueue::tell_places() {
  std::size_t ahead = active_;
  for (const EntryPtr& entry : queue_) {
    if (entry->request.on_progress && std::exchange(entry->told_ahead, ahead) != ahead)
      entry->request.on_progress(
          {.phase = AnswerPhase::kQueued, .ahead = static_cast<std::int64_t>(ahead)});
    ++ahead;
  }
}

Result<void> RequestQueue::check_open() const {
  if (draining_) return going_away();
  return closed_ ? Result<void>(*closed_) : Result<void>();
}

Result<void> RequestQueue::open() const {
  const std::lock_guard lock(mutex_);
  return check_open();
}

Result<void> RequestQueue::enter(std::size_t count) {
  const std::lock_guard lock(mutex_);
  OC_RETURN_IF_ERROR(check_open());
  active_ += count;
  return {};
}

void RequestQueue::leave() {
  const std::lock_guard lock(mutex_);
  --active_;
  ++leaving_;
}

void RequestQueue::answered() {
  const std::lock_guard lock(mutex_);
  --leaving_;
  if (idle()) idle_.notify_all();
}

bool RequestQueue::idle() const { return queue_.empty() && active_ == 0 && leaving_ == 0; }

void RequestQueue::drain() {
  std::unique_lock lock(mutex_);
  draining_ = true;
  idle_.wait(lock, [this] { return idle(); });
}

void RequestQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = stopping_ = true;
  }
  wake_.notify_all();
  schema_.notify_all();
}

bool RequestQueue::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

std::size_t RequestQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

std::size_t RequestQueue::active() const {
  const std::lock_guard lock(mutex_);
  return active_;
}

bool RequestQueue::wait() {
  std::unique_lock lock(mutex_);
  // Not put off by whoever comes meanwhile.
  auto look = std::chrono::steady_clock::now() + kLook;
  while (true) {
    if (idle()) idle_.notify_all();
    if (stopping_ ||
        std::ranges::any_of(queue_, [](const EntryPtr& entry) { return entry->ready(); }))
      return !queue_.empty();
    // Those that wait for their schema may leave, or run out of time, meanwhile.
    if (queue_.empty()) {
      wake_.wait(lock);
      look = std::chrono::steady_clock::now() + kLook;
    } else if (wake_.wait_until(lock, look) == std::cv_status::timeout) {
      return true;
    }
  }
}

void RequestQueue::sweep() {
  std::vector<std::pair<EntryPtr, Error>> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.reserve(queue_.size());  // nothing may be thrown while entries move
    for (auto place = queue_.begin(); place != queue_.end();) {
      const Ending* const ending = options_.ending.get();
      const bool ends = stopping_ || (ending != nullptr &&
                                      (ending->over() || (ending->begun() && !(*place)->ready())));
      auto error = ends      ? going_away()
                   : closed_ ? *closed_
                             : expired((*place)->request, *(*place)->job);
      if (!error) {
        ++place;
        continue;
      }
      ended.emplace_back(std::move(*place), *std::move(error));
      place = queue_.erase(place);
    }
    leaving_ += ended.size();
    tell_places();
  }
  for (auto& [entry, error] : ended) {
    refuse_(*entry, std::move(error));
    answered();
  }
}

EntryPtr RequestQueue::take(const std::function<WaitingRequest(const RequestEntry&)>& describe) {
  const std::lock_guard lock(mutex_);
  std::vector<WaitingRequest> waiting;
  std::vector<std::size_t> places;  // of these in the queue
  for (std::size_t i = 0; i < queue_.size(); ++i) {
    if (!queue_[i]->ready()) continue;
    waiting.push_back(describe(*queue_[i]));
    places.push_back(i);
  }
  const std::optional<std::size_t> next = next_turn(waiting);
  if (!next) return nullptr;
  for (std::size_t i = 0; i < *next; ++i) ++queue_[places[i]]->passed;
  const auto place = queue_.begin() + static_cast<std::ptrdiff_t>(places[*next]);
  EntryPtr entry = std::move(*place);
  queue_.erase(place);
  ++active_;
  return entry;
}

void RequestQueue::close(const Error& reason) {
  const std::lock_guard lock(mutex_);
  if (!closed_) closed_ = reason;
}

bool RequestQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_.has_value();
}

}  // namespace oc
