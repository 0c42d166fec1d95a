#include "model_plan.h"

#include <algorithm>

#include "engines/registry.h"
#include "runtime/loader.h"

namespace oc {
namespace {

Result<ModelFootprint> measure(const std::filesystem::path& folder, EngineOptions options,
                               std::size_t max_running) {
  options.threads = 1;  // nothing is computed
  OC_ASSIGN_OR_RETURN(const std::shared_ptr<Engine> engine, make_engine(options));
  return measure_model(folder, *engine, step_of(max_running));
}

}  // namespace

MemoryRoom room_for(const Settings& settings, std::optional<std::size_t> ram) {
  MemoryRoom room = ram ? room_of(*ram) : room_now();
  room.count_weights = settings.model_memory_mb == 0;
  return room;
}

Result<MemoryPlan> plan_model(const std::string& source, const EngineOptions& engine,
                              const Settings& settings, const MemoryRoom& room) {
  OC_ASSIGN_OR_RETURN(const std::filesystem::path folder, resolve_model(source));
  const std::size_t running = settings.service.max_running;
  OC_ASSIGN_OR_RETURN(const ModelFootprint model, measure(folder, engine, running));
  MemoryPlan plan = plan_memory(model, settings.memory, room, running);
  std::vector<Alternative> others;
  if (engine.kv != "q8") {
    EngineOptions small = engine;
    small.kv = "q8";
    others.push_back({"--kv q8", [=] { return measure(folder, small, running); }});
  }
  advise(plan, settings.memory, others);
  return plan;
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
