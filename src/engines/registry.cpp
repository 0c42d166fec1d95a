#include "engines/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engines/cpu/cpu_engine.h"
#include "engines/reference/reference_engine.h"

namespace oc {
namespace {

constexpr int kMostThreads = 1024;

Error wrong(std::string_view option, std::string_view value, std::string allowed) {
  return {ErrorCode::kInvalidArgument, fmt::format("{} is \"{}\"", option, value),
          "it must be one of: " + std::move(allowed), std::string(option)};
}

// f16 is the default and rounds as int8 activations do, so full precision leaves it out; q8 is only
// ever asked for.
kernels::Storage cache_of(const EngineOptions& options) {
  if (options.kv == "q8") return kernels::Storage::kQ8;
  return options.kv == "f16" && options.activations == "int8" ? kernels::Storage::kF16
                                                              : kernels::Storage::kF32;
}

}  // namespace

Result<std::shared_ptr<Engine>> make_engine(const EngineOptions& options) {
  if (options.engine != "auto" && options.engine != "cpu" && options.engine != "reference")
    return wrong("engine", options.engine, "auto, cpu, reference");
  if (options.activations != "int8" && options.activations != "f32")
    return wrong("activations", options.activations, "int8, f32");
  if (options.kv != "f16" && options.kv != "q8" && options.kv != "f32")
    return wrong("kv", options.kv, "f16, q8, f32");
  if (options.threads < 0 || options.threads > kMostThreads)
    return wrong("threads", std::to_string(options.threads),
                 fmt::format("0 (all) to {}", kMostThreads));
  const kernels::Table* table = kernels::find_table(options.isa);
  if (table == nullptr)
    return wrong("isa", options.isa,
                 fmt::format("auto, {} (what this machine has; --isa or $OCELLUS_ISA)",
                             fmt::join(kernels::available_targets(), ", ")));
  if (options.engine == "reference") return make_reference_engine();
  return std::shared_ptr<Engine>(std::make_shared<CpuEngine>(
      CpuEngine::Options{.threads = options.threads > 0 ? options.threads : usable_cores(),
                         .int8_activations = options.activations == "int8",
                         .kv = cache_of(options),
                         .table = table}));
}

}  // namespace oc
