#include "runtime/hub/installed.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/places.h"
#include "io/checkpoint.h"
#include "io/files.h"
#include "io/json.h"
#include "runtime/library/hf_cache.h"
#include "runtime/library/names.h"
#include "runtime/library/plain_name.h"

namespace oc::hub {
namespace {

namespace fs = std::filesystem;

// Embeddings and norms stay as they are in a quantised model, so that one packed matrix tells.
std::string describe_weights(const Checkpoint& checkpoint, const JsonReader& config) {
  const auto tensors = checkpoint.tensors();
  const auto packed = [](const TensorView* tensor) { return tensor->dtype == DType::kU32; };
  if (std::ranges::none_of(tensors, packed)) {
    const auto largest = std::ranges::max_element(
        tensors, {}, [](const TensorView* tensor) { return tensor->data.size(); });
    return largest == tensors.end() ? "" : std::string(to_string((*largest)->dtype));
  }
  const auto spec = config.object("quantization");
  const auto bits = spec.ok() ? spec->integer("bits", 1, 16) : Result<std::int64_t>(spec.error());
  return bits.ok() ? fmt::format("{}-bit", *bits) : std::string("quantised");
}

// ".NAME.pull" folders of `folder`.
void collect_unfinished(const fs::path& folder, const std::string& prefix,
                        std::vector<UnfinishedPull>& found) {
  constexpr std::string_view kEnd = ".pull";
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string file = it->path().filename().string();
    if (file.size() <= 1 + kEnd.size() || !file.starts_with('.') || !file.ends_with(kEnd)) continue;
    const std::string name = prefix + file.substr(1, file.size() - 1 - kEnd.size());
    if (is_plain_name(name)) found.push_back({name, folder_bytes(it->path())});
  }
}

}  // namespace

InstalledModel describe_model(std::string name, const fs::path& folder) {
  InstalledModel model{.name = std::move(name), .folder = folder, .bytes = model_bytes(folder)};
  model.built_in = is_demo_name(model.name);
  model.in_hf_cache = cached_name(folder).has_value();
  model.origin = read_manifest(folder);
  const auto config = read_json_object(folder / "config.json");
  if (!config.ok()) {
    model.problem = config.error().message;
    return model;
  }
  const JsonReader reader(*config, "config.json");
  if (const auto type = reader.string("model_type"); type.ok()) model.architecture = *type;
  if (const auto length = reader.integer_or("max_position_embeddings", 0, 0, 1 << 30); length.ok())
    model.context_length = *length;
  const auto checkpoint = Checkpoint::open(folder);
  if (!checkpoint.ok())
    model.problem = checkpoint.error().message;
  else if (!is_file(folder / "tokenizer.json"))
    model.problem = "tokenizer.json is missing";
  if (checkpoint.ok()) model.quantization = describe_weights(**checkpoint, reader);
  return model;
}

std::vector<InstalledModel> installed_models() {
  std::vector<InstalledModel> models;
  for (const std::string& name : available_models()) {
    const auto folder = resolve_model(name, NameFrom::kClient);
    if (!folder.ok()) continue;
    models.push_back(describe_model(name, *folder));
  }
  // Those that are not whole have no name for others.
  for (const CachedModel& cached : cached_models())
    if (!cached.problem.empty() &&
        std::ranges::find(models, cached.name, &InstalledModel::name) == models.end())
      models.push_back({.name = cached.name,
                        .folder = cached.folder,
                        .in_hf_cache = true,
                        .bytes = model_bytes(cached.folder),
                        .problem = cached.problem});
  return models;
}

std::vector<UnfinishedPull> unfinished_pulls() {
  std::vector<UnfinishedPull> found;
  const auto home = models_folder();
  if (!home) return found;
  collect_unfinished(*home, "", found);
  std::error_code error;
  for (fs::directory_iterator it(*home, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (is_plain_name(name) && it->is_directory(error))
      collect_unfinished(it->path(), name + "/", found);
  }
  std::ranges::sort(found, {}, &UnfinishedPull::name);
  return found;
}

}  // namespace oc::hub
