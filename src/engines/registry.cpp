#include "engines/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/system/processor.h"
#include "engines/cpu/cpu_engine.h"
#include "engines/reference/reference_engine.h"
#ifdef OC_HAS_MLX
#include "engines/mlx/mlx_engine.h"
#endif

namespace oc {
namespace {

constexpr int kMaxThreads = 1024;

Error wrong(std::string_view option, std::string_view value, std::string allowed) {
  return {ErrorCode::kInvalidArgument, fmt::format("{} is \"{}\"", option, value),
          "it must be one of: " + std::move(allowed), std::string(option)};
}

Result<void> one_of(std::string_view option, const std::string& value,
                    std::initializer_list<std::string_view> allowed) {
  if (std::ranges::find(allowed, value) != allowed.end()) return {};
  return wrong(option, value, fmt::format("{}", fmt::join(allowed.begin(), allowed.end(), ", ")));
}

Result<void> check_names(const EngineOptions& options) {
  OC_RETURN_IF_ERROR(one_of("engine", options.engine, {"auto", "cpu", "mlx", "reference"}));
  OC_RETURN_IF_ERROR(one_of("device", options.device, {"auto", "cpu", "gpu"}));
  OC_RETURN_IF_ERROR(one_of("activations", options.activations, {"auto", "int8", "half", "f32"}));
  OC_RETURN_IF_ERROR(one_of("kv", options.kv, {"f16", "q8", "f32"}));
  if (options.threads < 0 || options.threads > kMaxThreads)
    return wrong("threads", std::to_string(options.threads),
                 fmt::format("0 (all) to {}", kMaxThreads));
  return {};
}

// f16 is the default and rounds as int8 activations do, so full precision leaves it out; q8 is only
// ever asked for.
kernels::Storage cache_of(const EngineOptions& options) {
  if (options.kv == "q8") return kernels::Storage::kQ8;
  return options.kv == "f16" && options.activations != "f32" ? kernels::Storage::kF16
                                                             : kernels::Storage::kF32;
}

std::shared_ptr<Engine> make_cpu(const EngineOptions& options, const kernels::Table* table) {
  return std::make_shared<CpuEngine>(
      CpuEngine::Options{.threads = options.threads > 0 ? options.threads : usable_cores(),
                         .int8_activations = options.activations != "f32",
                         .kv = cache_of(options),
                         .table = table});
}

#ifdef OC_HAS_MLX
Result<std::shared_ptr<Engine>> make_mlx(const EngineOptions& options) {
  const std::string hint = "these belong to --engine cpu";
  if (options.activations == "int8")
    return Error{ErrorCode::kUnsupported, "the engine mlx has no int8 activations", hint,
                 "activations"};
  if (options.kv == "q8")
    return Error{ErrorCode::kUnsupported, "the engine mlx has no int8 cache", hint, "kv"};
  const bool gpu = options.device == "gpu" || (options.device == "auto" && mlx_has_gpu());
  return make_mlx_engine(
      {.gpu = gpu,
       // MLX's CPU device sums in 16 bits, and is the slower for it.
       .f32_activations = options.activations == "f32" || (options.activations == "auto" && !gpu),
       .f32_kv = options.kv == "f32",
       .fuse = gpu});
}
bool prefers_mlx(const EngineOptions& options) {
  return options.device != "cpu" && options.activations != "int8" && options.kv != "q8" &&
         options.isa == "auto" && mlx_has_gpu();
}
#else
Result<std::shared_ptr<Engine>> make_mlx(const EngineOptions&) {
  return Error{ErrorCode::kUnsupported, "this ocellus was built without the engine mlx",
               "install MLX and build again (docs/mlx.md), or use --engine cpu", "engine"};
}
bool prefers_mlx(const EngineOptions&) { return false; }
#endif

}  // namespace

Result<std::shared_ptr<Engine>> make_engine(const EngineOptions& options) {
  OC_RETURN_IF_ERROR(check_names(options));
  const kernels::Table* table = kernels::find_table(options.isa);
  if (table == nullptr)
    return wrong("isa", options.isa,
                 fmt::format("auto, {} (what this machine has; --isa or $OCELLUS_ISA)",
                             fmt::join(kernels::available_targets(), ", ")));
  if (options.engine == "mlx" || (options.engine == "auto" && prefers_mlx(options)))
    return make_mlx(options);
  if (options.activations == "half")
    return Error{ErrorCode::kUnsupported,
                 fmt::format("the engine {} has no 16-bit activations",
                             options.engine == "auto" ? "cpu" : options.engine),
                 "these belong to --engine mlx", "activations"};
  if (options.device == "gpu")
    return Error{ErrorCode::kUnavailable,
                 options.engine == "auto"
                     ? "device is \"gpu\", and no engine has one here"
                     : fmt::format("device is \"gpu\", and the engine {} has none", options.engine),
                 "GPUs are used through MLX (docs/mlx.md); --device auto or cpu works everywhere",
                 "device"};
  if (options.engine == "reference") return make_reference_engine();
  return make_cpu(options, table);
}

std::optional<std::string> other_instruction_set(const EngineOptions& options) {
  const std::vector<std::string> targets = kernels::available_targets();
  const kernels::Table* const used = kernels::find_table(options.isa);
  if (used == nullptr || targets.size() < 2) return std::nullopt;
  const auto at = std::ranges::find(targets, used->name);
  return at + 1 != targets.end() ? *(at + 1) : *(at - 1);
}

bool has_mlx_engine() {
#ifdef OC_HAS_MLX
  return true;
#else
  return false;
#endif
}

}  // namespace oc
