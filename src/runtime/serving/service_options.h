// How a service serves: limits, caches, and what it is given to work with.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "runtime/cache/image_cache.h"
#include "runtime/cache/image_store.h"
#include "runtime/cache/response_cache.h"
#include "runtime/ending.h"
#include "runtime/grammar/grammar.h"

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
  std::shared_ptr<const Ending> ending = {};               // of the process; may be null
  std::shared_ptr<SharedResponses> shared_responses = {};  // with other instances; may be null
  // The longest answer of a request that sets no max_tokens; 0: what the context holds.
  int default_max_tokens = 0;
  // Of pictures that were resized and cut before their turn; what does not fit is done in its turn.
  std::size_t preprocess_bytes = std::size_t{256} << 20;
  // Tokens of a prompt that are computed in one step while others wait for their next token; fewer
  // where thousands stand in front of them.
  std::int64_t shared_chunk = 64;
};

}  // namespace oc
