// How the memory of a machine is shared out before a model is loaded: what must be there, and how
// large the pools and caches may be. `ocellus plan` prints it; `serve` runs by it or refuses.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/footprint.h"
#include "runtime/serving/service.h"

namespace oc {

// What an operator asks for, in bytes; nullopt: a default, made smaller where it does not fit.
struct MemorySizes {
  std::optional<std::size_t> kv;                 // --kv-memory
  std::optional<std::size_t> images;             // --image-cache
  std::optional<std::size_t> responses;          // --response-cache
  std::optional<std::size_t> requests;           // --max-memory-mb
  double prefix_share = 0.5;                     // of kv, for finished conversations
  bool image_cache = true;                       // false: none, whatever its default
  std::size_t max_body = std::size_t{64} << 20;  // requests are never less than twice that
};

// Bytes that this process may use for all that it does; 0 of `usable`: not known, everything fits.
struct MemoryRoom {
  std::size_t machine = 0;    // memory_of_machine(), or --ram
  std::size_t usable = 0;     // of that, now
  std::size_t taken = 0;      // promised to models that are loaded, and to the server itself
  bool count_weights = true;  // false: the operator has set a limit of their own (--model-memory)
};
// What the system says: nine tenths of memory_of_machine(), or what is free where that is less.
MemoryRoom room_now();
// As of a machine with so many bytes and nothing else to do.
MemoryRoom room_of(std::size_t machine);

struct MemoryPlan {
  ModelFootprint model;
  MemoryRoom room;
  std::size_t machine_default_kv = 0;  // before anything was made smaller
  std::size_t max_running = 0;

  // Fixed.
  std::size_t weights = 0;   // mapped and copied, as far as they count
  std::size_t program = 0;   // code, threads, tokenizer
  std::size_t pictures = 0;  // workspace of the vision tower, one picture at a time
  std::size_t step = 0;      // activations of a step
  // Pools, each with what it may at least be where nobody has set it.
  std::size_t kv = 0, prefixes = 0;  // prefixes: of kv
  std::size_t images = 0, responses = 0, requests = 0, preprocess = 0, grammars = 0;
  std::size_t minimum = 0;  // what would do, with every default at its smallest

  bool fits = false;
  bool smaller = false;             // a default was made smaller
  std::vector<std::string> advice;  // flags that would make it fit, most useful first

  std::size_t total() const;
  std::size_t model_bytes() const;                     // of total(), without the server's own
  std::size_t longest_context() const;                 // tokens of one sequence
  std::size_t sequences_of(std::size_t tokens) const;  // at one time, of max_running
  std::size_t images_cached(std::size_t which) const;  // of model.pictures[which]
  void apply(ServiceOptions& service) const;
  // kUnavailable with the numbers and the advice, where it does not fit.
  Result<void> check() const;
  std::string table() const;  // for people
  boost::json::object json() const;
};

// The plan for one more model. `max_running` sequences run at a time.
MemoryPlan plan_memory(const ModelFootprint& model, const MemorySizes& sizes,
                       const MemoryRoom& room, std::size_t max_running);

// The same with other options, for the advice of a plan that does not fit.
struct Alternative {
  std::string flag;  // "--kv q8"
  std::function<Result<ModelFootprint>()> measure;
};
void advise(MemoryPlan& plan, const MemorySizes& sizes, const std::vector<Alternative>& others);

// Of a step that the service makes with so many sequences.
StepShape step_of(std::size_t max_running);

}  // namespace oc
