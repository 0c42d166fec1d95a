// What a service has done so far, counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "runtime/cache/image_cache.h"
#include "runtime/cache/image_store.h"
#include "runtime/cache/prefix_cache.h"
#include "runtime/cache/response_cache.h"
#include "runtime/request.h"

namespace oc {

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
  std::uint64_t generated_tokens = 0;  // computed, of answers that are under way or were cut, too
  double total_ms = 0;                 // sum over completed
  std::size_t queued = 0;
  std::size_t running = 0;
  std::size_t kv_reserved_bytes = 0;  // by running requests
  CacheStats prefixes, pictures, responses;
  // Only ModelHost's: all its models share these.
  ImageStoreStats stored_images;
  SharedResponsesStats shared_responses;
};

// Any thread.
class ServiceCounters {
 public:
  void count_accepted();
  void count_rejected();
  void count_superseded();      // besides what it ends with
  void count_lookup(bool hit);  // of the response cache
  void count_generated(std::int64_t tokens);
  void count_end(const Result<GenerateResult>& result);
  // What the engine's thread alone knows.
  void publish(std::size_t kv_reserved_bytes, const PrefixCache& prefixes,
               const ImageCache& pictures);
  ServiceStats stats() const;  // but what the queue and the response cache know

 private:
  mutable std::mutex mutex_;
  ServiceStats stats_;
};

}  // namespace oc
