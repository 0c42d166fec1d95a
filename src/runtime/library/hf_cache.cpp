#include "runtime/library/hf_cache.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/environment.h"
#include "io/files.h"
#include "io/json.h"
#include "models/registry.h"
#include "runtime/library/plain_name.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "models--", kBetween = "--";
constexpr std::size_t kMaxText = 64u << 20;

// A variable's folder; "~" as the programs that fill the cache read it.
std::optional<fs::path> variable(const char* name) {
  const auto text = environment(name);
  if (!text) return std::nullopt;
  const auto home = environment("HOME");
  if (home && (*text == "~" || text->starts_with("~/"))) return fs::path(*home + text->substr(1));
  const fs::path folder(*text);
  return folder.has_filename() ? folder : folder.parent_path();  // no '/' at the end
}

// "models--org--name" to "org/name"; empty: no model's folder.
std::string name_of(std::string_view folder) {
  if (!folder.starts_with(kPrefix)) return {};
  folder.remove_prefix(kPrefix.size());
  std::string name(folder);
  if (const std::size_t at = name.find(kBetween); at != name.npos)
    name.replace(at, kBetween.size(), "/");
  return is_plain_name(name) ? name : std::string();
}

fs::path newest_of(const fs::path& folder) {
  fs::path newest;
  fs::file_time_type when{};
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const auto written = it->last_write_time(ignored);
    if (is_folder(it->path()) && (newest.empty() || written > when)) {
      newest = it->path();
      when = written;
    }
  }
  return newest;
}

fs::path snapshot_of(const fs::path& repo) {
  if (const auto ref = read_file(repo / "refs/main", 200); ref.ok()) {
    const std::string commit = ref->substr(0, ref->find_last_not_of(" \r\n") + 1);
    const fs::path folder = repo / "snapshots" / commit;
    if (is_safe_file_name(commit) && is_folder(folder)) return folder;
  }
  return newest_of(repo / "snapshots");
}

// The first file that is not there. Which ones there are to be, the index says.
std::string missing_file(const fs::path& folder) {
  for (const char* name : {"config.json", "tokenizer.json"})
    if (!is_file(folder / name)) return name;
  constexpr const char* kIndex = "model.safetensors.index.json";
  if (const auto index = read_json_object(folder / kIndex, kMaxText); index.ok()) {
    const auto map = JsonReader(*index, kIndex).object("weight_map");
    if (!map.ok()) return kIndex;
    for (const auto& member : **map->object())
      if (const auto* shard = member.value().if_string();
          shard == nullptr || !is_safe_file_name(*shard) || !is_file(folder / std::string(*shard)))
        return shard == nullptr ? kIndex : std::string(*shard);
    return {};
  }
  const std::vector<std::string> names = file_names(folder);
  const auto weights = [](const std::string& name) { return name.ends_with(".safetensors"); };
  return std::ranges::any_of(names, weights) ? "" : "*.safetensors";
}

bool has_unfinished_blobs(const fs::path& repo) {
  const std::vector<std::string> names = file_names(repo / "blobs");
  return std::ranges::any_of(names, [](const auto& name) { return name.ends_with(".incomplete"); });
}

// Whether there may be something to run here: a repository whose configuration has not come yet
// may be anything.
bool may_be_ours(const fs::path& snapshot) {
  if (snapshot.empty()) return false;
  const auto config = read_json_object(snapshot / "config.json", kMaxText);
  return config.ok() ? architecture_of(*config).ok() : config.error().code == ErrorCode::kNotFound;
}

CachedModel describe(std::string name, const fs::path& repo) {
  CachedModel model{.name = std::move(name), .folder = snapshot_of(repo)};
  model.commit = model.folder.filename().string();
  model.ours = may_be_ours(model.folder);
  if (!model.ours && !model.folder.empty()) return model;  // loading it says what it is
  const std::string missing = model.folder.empty() ? "everything" : missing_file(model.folder);
  if (!missing.empty())
    model.problem =
        fmt::format("in the Hugging Face cache, and not whole: {} is missing{}", missing,
                    has_unfinished_blobs(repo) ? ", a download is not finished" : "");
  return model;
}

template <class Wanted>
std::vector<CachedModel> collect(const Wanted& wanted) {
  std::vector<CachedModel> found;
  const auto cache = hf_cache();
  if (!cache) return found;
  std::error_code error;
  for (fs::directory_iterator it(*cache, error), end; !error && it != end; it.increment(error)) {
    std::string name = name_of(it->path().filename().string());
    if (!name.empty() && wanted(name)) found.push_back(describe(std::move(name), it->path()));
  }
  std::ranges::sort(found, {}, &CachedModel::name);
  return found;
}

}  // namespace

std::optional<fs::path> hf_cache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (auto folder = variable(name)) return folder;
  if (auto home = variable("HF_HOME")) return *home / "hub";
  if (auto cache = variable("XDG_CACHE_HOME")) return *cache / "huggingface/hub";
  if (auto home = variable("HOME")) return *home / ".cache/huggingface/hub";
  return std::nullopt;
}

std::vector<CachedModel> cached_models() {
  auto found = collect([](const std::string&) { return true; });
  std::erase_if(found, [](const CachedModel& model) { return !model.ours; });
  return found;
}

std::vector<CachedModel> find_cached(std::string_view name) {
  if (!is_plain_name(name)) return {};
  const bool whole = name.find('/') != name.npos;
  auto found = collect([&](const std::string& one) {
    return one == name || (!whole && one.ends_with("/" + std::string(name)));
  });
  // What cannot run here is in nobody's way.
  if (std::ranges::any_of(found, &CachedModel::ours))
    std::erase_if(found, [](const CachedModel& model) { return !model.ours; });
  return found;
}

Error may_be_any_of(std::string_view name, const std::vector<CachedModel>& models) {
  std::vector<std::string> names;
  for (const CachedModel& model : models) names.push_back(model.name);
  return {ErrorCode::kInvalidArgument,
          fmt::format("\"{}\" may be any of {}", name, fmt::join(names, ", ")),
          "say the whole name", "model"};
}

std::optional<std::string> cached_name(const fs::path& folder) {
  const fs::path snapshots = folder.parent_path();
  const auto cache = hf_cache();
  if (!cache || snapshots.filename() != "snapshots" ||
      snapshots.parent_path().parent_path() != *cache)
    return std::nullopt;
  std::string name = name_of(snapshots.parent_path().filename().string());
  return name.empty() ? std::nullopt : std::optional(std::move(name));
}

}  // namespace oc
