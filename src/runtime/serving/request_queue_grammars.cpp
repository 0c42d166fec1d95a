// The queue's thread for JSON schemas: compiles what waiting requests need, one after the other.
// Nothing can interrupt the library, so whoever has left or is out of time is not compiled for.
#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/log.h"
#include "runtime/serving/request_queue.h"

namespace oc {

void RequestQueue::compile_grammars() {
  bool more = true;
  while (more) {
    // What is thrown, for want of memory, costs a round and not the process.
    const Result<void> round = guarded([&]() -> Result<void> {
      more = compile_next();
      return {};
    });
    if (!round.ok()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// False when the service ends.
bool RequestQueue::compile_next() {
  std::string scope, schema;  // the request itself may be answered and gone meanwhile
  {
    std::unique_lock lock(mutex_);
    const RequestEntry* next = nullptr;
    schema_.wait(lock, [&] { return stopping_ || (next = next_schema()) != nullptr; });
    if (stopping_) return false;
    scope = next->request.cache_scope;
    schema = *next->request.json_schema;
  }
  Result<std::shared_ptr<const Grammar>> grammar = Error{};
  const Result<void> compiled = guarded([&]() -> Result<void> {
    grammar = grammars_.get(scope, schema);
    return {};
  });
  give(scope, schema, compiled.ok() ? std::move(grammar) : compiled.error());
  return true;
}

// The oldest of the asker for whom it is longest ago: a camera's newest frame has the place of its
// first one, and is gone when its schema is compiled. Holding the lock.
RequestEntry* RequestQueue::next_schema() {
  if (options_.ending && options_.ending->begun()) return nullptr;
  RequestEntry* next = nullptr;
  std::ptrdiff_t longest = 0;
  for (const EntryPtr& entry : queue_) {
    if (entry->ready() || expired(entry->request, *entry->job)) continue;
    const auto latest = std::ranges::find(compiled_for_, entry->request.asker);
    const std::ptrdiff_t ago =
        latest == compiled_for_.end() ? -1 : std::distance(compiled_for_.begin(), latest);
    if (next != nullptr &&
        (ago > longest || (ago == longest && entry->since_submit.ms() <= next->since_submit.ms())))
      continue;
    next = entry.get();
    longest = ago;
  }
  if (next == nullptr) return nullptr;
  std::erase(compiled_for_, next->request.asker);
  compiled_for_.push_back(next->request.asker);
  if (compiled_for_.size() > options_.max_waiting) compiled_for_.erase(compiled_for_.begin());
  return next;
}

// To all that wait for it.
void RequestQueue::give(const std::string& scope, const std::string& schema,
                        const Result<std::shared_ptr<const Grammar>>& grammar) {
  std::vector<std::pair<EntryPtr, Error>> failed;
  {
    const std::lock_guard lock(mutex_);
    failed.reserve(queue_.size());  // nothing may be thrown while entries move
    for (auto place = queue_.begin(); place != queue_.end();) {
      RequestEntry& entry = **place;
      Result<void> given;
      if (!(*place)->ready() && entry.request.cache_scope == scope &&
          *entry.request.json_schema == schema)
        given = guarded([&]() -> Result<void> {
          if (!grammar.ok()) return grammar.error();
          entry.session->use(**grammar);
          log::step("grammar", entry.request.id, "waited_ms", entry.since_submit.ms());
          return {};
        });
      if (given.ok()) {
        ++place;
        continue;
      }
      failed.emplace_back(std::move(*place), given.error());
      place = queue_.erase(place);
    }
    active_ += failed.size();
  }
  wake_.notify_one();
  for (auto& [entry, error] : failed) refuse_(*entry, std::move(error));
  const std::lock_guard lock(mutex_);
  active_ -= failed.size();
  if (queue_.empty() && active_ == 0) idle_.notify_all();
}

}  // namespace oc
