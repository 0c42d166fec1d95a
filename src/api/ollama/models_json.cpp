#include "api/ollama/models_json.h"

#include <fmt/format.h>

#include <sys/stat.h>
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <vector>

#include "base/clock.h"
#include "io/digest.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;
using Time = std::chrono::system_clock::time_point;

constexpr std::string_view kApiVersion = "0.13.0";

// What is known of one, from the host, from the disk, or from both.
struct KnownToOllama {
  const ServedModel* served = nullptr;
  const hub::InstalledModel* installed = nullptr;
  std::string alias = {};  // that it is listed by; empty: its own name

  std::string name() const { return served != nullptr ? served->name : installed->name; }
  std::string family() const {
    if (served != nullptr && !served->architecture.empty()) return served->architecture;
    return installed != nullptr ? installed->architecture : std::string();
  }
  std::uint64_t bytes() const {
    return installed != nullptr ? installed->bytes : served->weights_bytes;
  }
  std::string weights() const {
    if (served != nullptr && served->context_length > 0)
      return std::string(to_string(served->weights));
    return installed != nullptr ? installed->quantization : std::string();
  }
  std::int64_t context_length() const {
    if (served != nullptr && served->context_length > 0) return served->context_length;
    return installed != nullptr ? installed->context_length : 0;
  }
  // The same whether it is loaded or not, where it lies on the disk.
  std::string digest() const {
    Digest digest;
    if (installed == nullptr)
      digest.add(served->fingerprint.empty() ? served->name : served->fingerprint);
    else if (installed->origin)
      digest.add(fmt::format("{}@{}", installed->origin->repo, installed->origin->commit));
    else
      digest.add(fmt::format("{} {}", installed->name, installed->bytes));
    return digest.finish_hex();
  }
  Time modified() const {
    struct stat status = {};
    if (installed != nullptr && ::stat((installed->folder / "config.json").c_str(), &status) == 0)
      return std::chrono::system_clock::from_time_t(status.st_mtime);
    return std::chrono::system_clock::from_time_t(served != nullptr ? served->created : 0);
  }

  json::object details() const {
    json::object out;
    out["parent_model"] = "";
    out["format"] = "safetensors";
    out["family"] = family();
    out["families"] = json::array{json::value(family())};
    out["parameter_size"] = "";  // nobody has counted
    out["quantization_level"] = weights();
    return out;
  }
  json::object head() const {
    json::object out;
    out["name"] = alias.empty() ? name() : alias;
    out["model"] = out["name"];
    out["size"] = bytes();
    out["digest"] = digest();
    out["details"] = details();
    return out;
  }
};

const hub::InstalledModel* find_installed(std::span<const hub::InstalledModel> installed,
                                          const ServedModel& served) {
  const auto found = std::ranges::find_if(
      installed, [&](const hub::InstalledModel& one) { return served.answers_to(one.name); });
  return found == installed.end() ? nullptr : &*found;
}

std::string list_of(json::array models) {
  json::object out;
  out["models"] = std::move(models);
  return json_text(out);
}

}  // namespace

std::string ollama_tags_json(std::span<const ServedModel> served,
                             std::span<const hub::InstalledModel> installed,
                             std::span<const ModelAlias> aliases) {
  std::vector<KnownToOllama> all;
  const auto add = [&](KnownToOllama known) { all.push_back(std::move(known)); };
  for (const ServedModel& model : served) {
    const hub::InstalledModel* lies = find_installed(installed, model);
    const bool whole = lies != nullptr && lies->problem.empty();
    // The host remembers those that have been removed since.
    if (whole || model.active || model.state == "ready") add({&model, lies});
  }
  for (const hub::InstalledModel& model : installed) {
    const auto is_it = [&](const ServedModel& one) { return one.answers_to(model.name); };
    if (model.problem.empty() && std::ranges::none_of(served, is_it)) add({nullptr, &model});
  }
  for (const ModelAlias& alias : aliases) {
    const auto of = std::ranges::find(all, alias.model, &KnownToOllama::name);
    if (of != all.end()) add({of->served, of->installed, alias.name});
  }
  json::array out;
  for (const KnownToOllama& known : all) {
    json::object one = known.head();
    one["modified_at"] = utc_timestamp(known.modified());
    out.push_back(std::move(one));
  }
  return list_of(std::move(out));
}

std::string ollama_ps_json(std::span<const ServedModel> served,
                           std::span<const hub::InstalledModel> installed, Time now) {
  constexpr std::chrono::hours kForEver{24 * 365 * 100};
  json::array out;
  for (const ServedModel& model : served) {
    if (model.loaded_bytes == 0) continue;
    const std::chrono::duration<double> left(model.keep_alive_s - model.idle_s);
    json::object one = KnownToOllama{&model, find_installed(installed, model)}.head();
    one["size"] = model.loaded_bytes;
    one["size_vram"] = model.engine.name == "mlx" ? model.loaded_bytes : 0;
    one["context_length"] = model.context_length;
    one["expires_at"] = utc_timestamp(
        model.keep_alive_s > 0
            ? now + std::chrono::duration_cast<std::chrono::system_clock::duration>(left)
            : now + kForEver);
    out.push_back(std::move(one));
  }
  return list_of(std::move(out));
}

std::string ollama_show_json(const ServedModel* served, const hub::InstalledModel* installed) {
  const KnownToOllama known{served, installed};
  json::object info;
  info["general.architecture"] = known.family();
  info[fmt::format("{}.context_length", known.family())] = known.context_length();
  json::object out;
  out["license"] = "";
  out["modelfile"] = fmt::format("FROM {}\n", known.name());
  out["parameters"] = "";
  out["template"] = "";
  out["details"] = known.details();
  out["model_info"] = std::move(info);
  // Of all that this program knows. Tools are not among them: none is ever called unforced.
  out["capabilities"] = json::array{"completion", "vision"};
  out["modified_at"] = utc_timestamp(known.modified());
  return json_text(out);
}

std::string ollama_version_json(std::string_view program) {
  return json_text(json::object{{"version", kApiVersion}, {"ocellus", program}});
}

}  // namespace oc
