// What the classes of a running request read and none of them owns.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "models/model.h"
#include "runtime/cache/image_cache.h"
#include "runtime/cache/image_store.h"
#include "runtime/cache/prefix_cache.h"
#include "runtime/grammar/grammar.h"
#include "runtime/request.h"

namespace oc {

// What requests to one model share. Any may be null; they outlive the requests.
struct RequestCaches {
  PrefixCache* prefixes = nullptr;
  ImageCache* pictures = nullptr;
  GrammarCache* grammars = nullptr;
  bool compiles_later = false;        // prepare() leaves schemas that are not known to the caller
  ImageStore* stored = nullptr;       // pictures on disk
  std::string_view computed_by = {};  // for stored_image_key()

  // Of pictures or prefixes.
  bool any() const { return prefixes != nullptr || pictures != nullptr || stored != nullptr; }
};

// All that it refers to outlives the request.
struct RequestContext {
  const Model& model;
  const GenerateRequest& request;
  const GenerateHooks& hooks;
  RequestCaches caches = {};
  Stopwatch since_start = {};
};

}  // namespace oc
