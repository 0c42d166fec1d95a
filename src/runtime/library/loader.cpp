#include "runtime/library/loader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "base/system/processor.h"
#include "engines/registry.h"
#include "models/registry.h"
#include "runtime/library/names.h"
#include "runtime/quantize/on_load.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

Result<void> bring_weights(LoadedModel& loaded, const LoadOptions& options) {
  using Weights = LoadOptions::Weights;
  const MappedRanges ranges = loaded.model->mapped_weights();
  if (options.weights == Weights::kBackground) {
    constexpr int kMaxThreads = 4;  // more wait for each other in the kernel
    if (ranges.empty()) return {};
    loaded.reader = std::make_unique<WeightReader>(ranges, std::min(kMaxThreads, usable_cores()));
    loaded.reader->wait(options.patience);
    return {};
  }
  if (options.weights == Weights::kLock) {
    const Result<void> locked = lock_in_memory(ranges);
    OC_RETURN_IF_ERROR(loaded.model->intact());  // the better reason, if there is one
    OC_RETURN_IF_ERROR(locked);
  }
  const auto all = populate(ranges, [&](std::size_t done, std::size_t total) {
    if (options.progress) options.progress(done, total);
    return true;
  });
  OC_RETURN_IF_ERROR(loaded.model->intact());
  if (!all.ok()) return all.error();
  return {};
}

// The folder to load in place of one in full precision.
Result<fs::path> quantised(const fs::path& folder, const std::string& name,
                           const LoadOptions& options) {
  OC_ASSIGN_OR_RETURN(const bool already, is_quantised_folder(folder));
  if (already && options.only_full_precision) return folder;
  if (already)
    return Error{ErrorCode::kUnsupported, fmt::format("{} is quantised already", folder.string()),
                 "leave --quantize out, or name the checkpoint in full precision"};
  QuantizeRun run;
  if (options.quantize_progress)
    run.progress = [&](const QuantizeProgress& progress) {
      options.quantize_progress(progress.done, progress.total);
    };
  return quantised_copy(folder, name, {options.quantize_bits, options.quantize_group}, run);
}

}  // namespace

Result<std::shared_ptr<const LoadedModel>> load(const std::string& name_or_path,
                                                const EngineOptions& options,
                                                const LoadOptions& load_options) {
  const Stopwatch watch;
  OC_ASSIGN_OR_RETURN(fs::path folder, resolve_model(name_or_path));
  auto loaded = std::make_shared<LoadedModel>();
  loaded->name = model_name(name_or_path, folder);
  if (load_options.quantize_bits != 0) {
    OC_ASSIGN_OR_RETURN(folder, quantised(folder, loaded->name, load_options));
  }
  OC_ASSIGN_OR_RETURN(loaded->engine, make_engine(options));
  OC_ASSIGN_OR_RETURN(loaded->model, load_model(folder, loaded->engine));
  OC_RETURN_IF_ERROR(bring_weights(*loaded, load_options));
  loaded->load_ms = watch.ms();
  const ModelInfo& info = loaded->model->info();
  for (const std::string& note : info.notes)
    log::event(log::Level::kWarning, "model", {{"model", loaded->name}, {"note", note}});
  log::event(log::Level::kInfo, "loaded",
             {{"model", loaded->name},
              {"architecture", info.architecture},
              {"weights", to_string(info.weights)},
              {"mb", info.weights_bytes >> 20},
              {"engine", loaded->engine->info().text()},
              log::rounded("load_ms", loaded->load_ms, 0)});
  return std::shared_ptr<const LoadedModel>(std::move(loaded));
}

}  // namespace oc
