#include "runtime/hosting/memory_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/system/memory.h"
#include "base/units.h"
#include "runtime/hosting/model_memory.h"
#include "runtime/prefill_chunk.h"

namespace oc {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// Measured on an idle server without its model: code, libraries, stacks, heap.
constexpr std::size_t kProgramBytes = 24 * kMiB;

// A pool below this many tokens answers no question about a picture as models usually see one.
constexpr std::int64_t kMinTokens = 2048;
constexpr std::size_t kMinImages = 8 * kMiB, kMinResponses = kMiB, kMinRequests = 128 * kMiB,
                      kMinGrammars = 8 * kMiB;
constexpr std::size_t kDefaultImages = 256 * kMiB, kDefaultResponses = 64 * kMiB,
                      kDefaultRequests = 1024 * kMiB, kDefaultPreprocess = 256 * kMiB;

std::size_t kv_of(const ModelFootprint& model, std::int64_t tokens) {
  return static_cast<std::size_t>(whole_kv_blocks(std::min(tokens, model.context_length))) *
         model.kv_token_bytes;
}

// One that may be made smaller as long as nobody has set it.
struct Pool {
  std::size_t* bytes;
  std::size_t wanted;
};

// A quarter of the machine, as before there was a plan; but no more than twice what all running
// requests can reserve. Without that bound a small model's finished conversations would fill
// gigabytes that nobody will ask for again, and it would look like a leak.
std::size_t default_kv(const ModelFootprint& model, std::size_t machine, std::size_t max_running) {
  const std::size_t bound = 2 * max_running * kv_of(model, model.context_length);
  const std::size_t share = machine > 0 ? machine / 4 : 1024 * kMiB;
  return std::min(bound, std::max(share, kv_of(model, kMinTokens)));
}

}  // namespace

MemoryRoom room_now() {
  MemoryRoom room = room_of(memory_of_machine());
  // What this process holds by itself was free before, and is counted in its plans.
  if (const std::size_t available = memory_available(); available > 0)
    room.usable = std::min(room.usable, available + memory_of_process());
  return room;
}

MemoryRoom room_of(std::size_t machine) {
  return {.machine = machine, .usable = machine - machine / 10};
}

StepShape step_of(std::size_t max_running) {
  const auto running = static_cast<std::int64_t>(max_running);
  return {.rows = std::max<std::int64_t>(kPrefillChunk, running + 64), .logit_rows = running};
}

std::size_t MemoryPlan::total() const {
  return weights + program + pictures + step + kv + images + responses + requests + preprocess +
         grammars;
}

std::size_t MemoryPlan::model_bytes() const { return total() - requests - kProgramBytes; }

MemoryPlan plan_memory(const ModelFootprint& model, const MemorySizes& sizes,
                       const MemoryRoom& room, std::size_t max_running) {
  MemoryPlan plan;
  plan.model = model;
  plan.room = room;
  plan.max_running = max_running;
  plan.weights = room.count_weights ? model.mapped_bytes + model.copied_bytes : 0;
  plan.program = model.tokenizer_bytes + kProgramBytes;
  for (const ImageFootprint& picture : model.pictures)
    plan.pictures = std::max(plan.pictures, picture.workspace_bytes);
  plan.step = model.step_bytes;

  // Those that nobody has set, in the order in which they get what is left.
  std::vector<Pool> pools;
  const auto pool = [&](std::size_t& bytes, const std::optional<std::size_t>& set,
                        std::size_t wanted, std::size_t minimum) {
    bytes = set.value_or(std::min(wanted, minimum));
    if (!set) pools.push_back({&bytes, wanted});
  };
  plan.machine_default_kv = default_kv(model, room.machine, max_running);
  std::size_t pixels = 0;
  for (const ImageFootprint& picture : model.pictures)
    pixels = std::max(pixels, picture.pixel_bytes);
  pool(plan.preprocess, std::nullopt, kDefaultPreprocess, pixels);
  pool(plan.requests, sizes.requests, kDefaultRequests, std::max(kMinRequests, 2 * sizes.max_body));
  pool(plan.images, sizes.image_cache ? sizes.images : std::optional<std::size_t>(0),
       kDefaultImages, kMinImages);
  pool(plan.responses, sizes.responses, kDefaultResponses, kMinResponses);
  pool(plan.grammars, has_grammar_library() ? std::nullopt : std::optional<std::size_t>(0),
       GrammarCache::kDefaultBytes, kMinGrammars);
  pool(plan.kv, sizes.kv, plan.machine_default_kv, kv_of(model, kMinTokens));

  plan.minimum = plan.total();
  const std::size_t left = room.usable > room.taken ? room.usable - room.taken : std::size_t{0};
  plan.fits = room.machine == 0 || plan.minimum <= left;
  // Keys and values come last and get all that the others leave them; before that each of the
  // others may have an eighth of what is spare.
  std::size_t spare = room.machine == 0 ? std::size_t(-1) / 2 : plan.fits ? left - plan.minimum : 0;
  const std::size_t eighth = spare / 8;
  for (std::size_t round = 0; round < 2; ++round)  // the second gives out what is left over
    for (const Pool& one : pools) {
      const bool capped = round == 0 && one.bytes != &plan.kv;
      const std::size_t missing = one.wanted - std::min(one.wanted, *one.bytes);
      const std::size_t more = std::min({missing, spare, capped ? eighth : spare});
      *one.bytes += more;
      spare -= more;
    }
  plan.smaller =
      std::ranges::any_of(pools, [](const Pool& one) { return *one.bytes < one.wanted; });
  plan.prefixes = static_cast<std::size_t>(static_cast<double>(plan.kv) * sizes.prefix_share);
  return plan;
}

void MemoryPlan::apply(ServiceOptions& service) const {
  service.kv_bytes = kv;
  service.prefix_cache_bytes = prefixes;
  service.image_cache_bytes = images;
  service.response_cache_bytes = responses;
  service.preprocess_bytes = preprocess;
  service.grammar_cache_bytes = grammars;
}

std::size_t MemoryPlan::longest_context() const {
  if (model.kv_token_bytes == 0) return static_cast<std::size_t>(model.context_length);
  const auto blocks = kv / model.kv_token_bytes / static_cast<std::size_t>(kKvBlockTokens);
  return std::min(static_cast<std::size_t>(model.context_length),
                  blocks * static_cast<std::size_t>(kKvBlockTokens));
}

std::size_t MemoryPlan::sequences_of(std::size_t tokens) const {
  const std::size_t each = kv_of(model, static_cast<std::int64_t>(tokens));
  return each == 0 ? max_running : std::min(max_running, kv / each);
}

std::size_t MemoryPlan::images_cached(std::size_t which) const {
  const std::size_t each = model.pictures.at(which).cached_bytes;
  return each == 0 ? 0 : images / each;
}

Result<void> MemoryPlan::check() const {
  if (fits) return {};
  const std::size_t left = room.usable > room.taken ? room.usable - room.taken : 0;
  return Error{
      ErrorCode::kUnavailable,
      fmt::format("not enough memory for the model: it needs {} at least (weights {}, keys and "
                  "values {}, all else {}), and {} of the machine's {} can be had{}",
                  human_bytes(minimum), human_bytes(weights), human_bytes(kv),
                  human_bytes(minimum - weights - kv), human_bytes(left), human_bytes(room.machine),
                  room.taken > 0 ? fmt::format(" beside the {} in use", human_bytes(room.taken))
                                 : std::string()),
      advice.empty()
          ? std::string("take a smaller model (4-bit), end other programs, or set --model-memory "
                        "to try all the same")
          : fmt::format("it would fit with {}", fmt::join(advice, ", or with "))};
}

void advise(MemoryPlan& plan, const MemorySizes& sizes, const std::vector<Alternative>& others) {
  if (plan.fits) return;
  const auto retry = [&](const ModelFootprint& model, const MemorySizes& with) {
    return plan_memory(model, with, plan.room, plan.max_running);
  };
  // A size that the operator has set, as large as it may be.
  struct SetSize {
    std::string_view flag;
    std::optional<std::size_t> MemorySizes::*size;
    std::size_t MemoryPlan::*planned;
  };
  constexpr std::array kSettable = {
      SetSize{"--kv-memory", &MemorySizes::kv, &MemoryPlan::kv},
      SetSize{"--image-cache", &MemorySizes::images, &MemoryPlan::images},
      SetSize{"--max-memory-mb", &MemorySizes::requests, &MemoryPlan::requests},
      SetSize{"--response-cache", &MemorySizes::responses, &MemoryPlan::responses}};
  MemorySizes none = sizes;
  bool any_set = false;
  for (const SetSize& one : kSettable) {
    if (!(sizes.*one.size)) continue;
    any_set = true;
    none.*one.size = std::nullopt;
    MemorySizes with = sizes;
    with.*one.size = std::nullopt;
    if (const MemoryPlan other = retry(plan.model, with); other.fits)
      plan.advice.push_back(fmt::format("{} {}", one.flag, other.*one.planned / kMiB));
  }
  for (const Alternative& other : others)
    if (const auto model = other.measure(); model.ok()) {
      if (retry(*model, sizes).fits) plan.advice.push_back(other.flag);
    }
  if (!plan.advice.empty()) return;
  if (any_set && retry(plan.model, none).fits)
    plan.advice.push_back("the defaults in place of the sizes that were set");
  for (std::size_t i = 0; i < others.size() && plan.advice.empty(); ++i)
    if (const auto model = others[i].measure(); model.ok() && any_set && retry(*model, none).fits)
      plan.advice.push_back(others[i].flag +
                            " and the defaults in place of the sizes that were set");
}

}  // namespace oc
