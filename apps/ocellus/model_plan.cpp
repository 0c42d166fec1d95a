#include "model_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "engines/registry.h"
#include "runtime/library/names.h"
#include "runtime/quantize/on_load.h"

namespace oc {
namespace {

using Quantize = std::optional<QuantSpec>;

Result<ModelFootprint> measure(const std::filesystem::path& folder, EngineOptions options,
                               std::size_t max_running, const Quantize& quantize) {
  options.threads = 1;  // nothing is computed
  OC_ASSIGN_OR_RETURN(const std::shared_ptr<Engine> engine, make_engine(options));
  return measure_model(folder, *engine, step_of(max_running), quantize);
}

}  // namespace

MemoryRoom room_for(const Settings& settings, std::optional<std::size_t> ram) {
  MemoryRoom room = ram ? room_of(*ram) : room_now();
  room.count_weights = settings.config.bytes("limits.model_memory_mb") == 0;
  return room;
}

Result<MemoryPlan> plan_model(const std::string& source, const EngineOptions& engine,
                              const Settings& settings, const MemoryRoom& room) {
  OC_ASSIGN_OR_RETURN(const std::filesystem::path folder, resolve_model(source));
  const std::size_t running = settings.service.max_running;
  // Only what is in full precision is quantised.
  OC_ASSIGN_OR_RETURN(const bool quantised, is_quantised_folder(folder));
  const Quantize quantize = quantised ? std::nullopt : settings.model.quantize;
  OC_ASSIGN_OR_RETURN(const ModelFootprint model, measure(folder, engine, running, quantize));
  MemoryPlan plan = plan_memory(model, settings.memory, room, running);
  std::vector<Alternative> others;
  EngineOptions small = engine;
  small.kv = "q8";
  const bool q8 = engine.kv == "q8", full = !quantised && !quantize;
  if (!q8) others.push_back({"--kv q8", [=] { return measure(folder, small, running, quantize); }});
  if (full)
    others.push_back(
        {"--quantize 4", [=] { return measure(folder, engine, running, QuantSpec{}); }});
  if (!q8 && full)
    others.push_back(
        {"--quantize 4 --kv q8", [=] { return measure(folder, small, running, QuantSpec{}); }});
  advise(plan, settings.memory, others);
  return plan;
}

Result<void> check_quantize(const Settings& settings) {
  // With a fallback the full-precision one is meant.
  if (!settings.model.quantize || settings.fallback.enabled) return {};
  const auto folder = resolve_model(settings.model.path);
  const auto quantised = folder.ok() ? is_quantised_folder(*folder) : Result<bool>(false);
  if (!quantised.ok() || !*quantised) return {};
  return Error{ErrorCode::kUnsupported, fmt::format("{} is quantised already", folder->string()),
               "leave --quantize out, or name the checkpoint in full precision"};
}

Result<FirstPlan> plan_first_model(const Settings& settings) {
  const MemoryRoom room = room_for(settings);
  FirstPlan first;
  // For a model that cannot be looked at now; loading will say why.
  first.request_bytes = settings.memory.requests.value_or(
      std::clamp<std::size_t>(room.usable / 8, std::size_t{128} << 20, std::size_t{1} << 30));
  if (!settings.active_model.empty()) return first;
  auto plan = plan_model(settings.model.path, settings.model.engine, settings, room);
  if (!plan.ok()) return first;
  OC_RETURN_IF_ERROR(plan->check());
  first.request_bytes = plan->requests;
  first.plan = *std::move(plan);
  return first;
}

}  // namespace oc
