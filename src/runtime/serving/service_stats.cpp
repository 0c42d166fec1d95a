#include "runtime/serving/service_stats.h"

namespace oc {

void ServiceCounters::count_accepted() {
  const std::lock_guard lock(mutex_);
  ++stats_.accepted;
}

void ServiceCounters::count_rejected() {
  const std::lock_guard lock(mutex_);
  ++stats_.rejected;
}

void ServiceCounters::count_superseded() {
  const std::lock_guard lock(mutex_);
  ++stats_.superseded;
}

void ServiceCounters::count_lookup(bool hit) {
  const std::lock_guard lock(mutex_);
  ++(hit ? stats_.responses.hits : stats_.responses.misses);
}

void ServiceCounters::count_generated(std::int64_t tokens) {
  const std::lock_guard lock(mutex_);
  stats_.generated_tokens += static_cast<std::uint64_t>(tokens);
}

void ServiceCounters::count_end(const Result<GenerateResult>& result) {
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

void ServiceCounters::publish(std::size_t kv_reserved_bytes, const PrefixCache& prefixes,
                              const ImageCache& pictures) {
  const std::lock_guard lock(mutex_);
  stats_.kv_reserved_bytes = kv_reserved_bytes;
  stats_.prefixes = {prefixes.hits(), prefixes.misses(), prefixes.entries(), prefixes.bytes()};
  stats_.pictures = {pictures.hits(), pictures.misses(), pictures.entries(), pictures.bytes()};
}

ServiceStats ServiceCounters::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace oc
