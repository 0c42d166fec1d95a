// The memory plan of a model that is named on the command line or by a client.
#pragma once

#include <optional>
#include <string>

#include "api/config/settings.h"
#include "runtime/hosting/memory_plan.h"

namespace oc {

// With advice where it does not fit. Errors: as of loading, as far as headers tell.
Result<MemoryPlan> plan_model(const std::string& source, const EngineOptions& engine,
                              const Settings& settings, const MemoryRoom& room);

// kUnsupported: --quantize for a model that is quantised, without a fallback that is not.
Result<void> check_quantize(const Settings& settings);

// Bytes that a client's requests may hold at one time, and the plan of the first model, where its
// folder can be read. kUnavailable: it does not fit.
struct FirstPlan {
  std::size_t request_bytes = 0;
  std::optional<MemoryPlan> plan;
};
Result<FirstPlan> plan_first_model(const Settings& settings);

// room_now(), or that of a machine with `ram` bytes; and what the operator's limit means for it.
MemoryRoom room_for(const Settings& settings, std::optional<std::size_t> ram = std::nullopt);

}  // namespace oc
