#include "api/openai/models_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <utility>

#include "api/model_states.h"
#include "base/ascii.h"
#include "image/image.h"
#include "io/json_text.h"
#include "runtime/library/client_name.h"

namespace oc {
namespace {

namespace json = boost::json;

// As OpenRouter describes what goes in and what comes out.
json::object modalities() {
  json::object out;
  out["modality"] = "text+image->text";
  out["input_modalities"] = json::array{"text", "image"};
  out["output_modalities"] = json::array{"text"};
  out["tokenizer"] = "Other";
  out["instruct_type"] = nullptr;
  return out;
}

json::object head_of(std::string_view name, std::int64_t created, std::string_view state) {
  json::object out;
  out["id"] = name;
  out["object"] = "model";
  out["created"] = created;
  out["owned_by"] = "ocellus";
  out["state"] = state;
  out["architecture"] = modalities();  // of all that this program knows
  return out;
}

// Each server calls it otherwise, and programs look where theirs has it.
void add_context_length(json::object& out, const ServedModel& model) {
  out["context_length"] = model.context_length;         // OpenRouter
  out["context_window"] = model.context_length;         // Groq
  out["max_model_len"] = model.context_length;          // vLLM
  out["max_context_length"] = model.context_length;     // LM Studio
  out["loaded_context_length"] = model.context_length;  // LM Studio
  json::object meta;                                    // llama.cpp
  meta["n_ctx"] = model.context_length;
  meta["n_ctx_train"] = model.context_length;
  meta["size"] = model.weights_bytes;
  out["meta"] = std::move(meta);
}

json::array image_formats() {
  json::array out;
  for (const ImageFormat format : kImageFormats)
    if (is_built_in(format)) out.emplace_back(lower(to_string(format)));
  return out;
}

// As the last part of their routes.
json::array task_names(const TaskSupport& tasks) {
  json::array out;
  for (const std::string_view name : names_of(tasks)) out.emplace_back(name);
  return out;
}

// A model that has never been loaded has a name, and that is all there is to say.
json::object model_object(const ServedModel& model) {
  json::object out = head_of(model.name, model.created, model.state);
  out["active"] = model.active;
  if (model.loading) out["loading"] = loading_state(*model.loading);
  if (!model.why.empty()) out["why"] = model.why;
  if (!model.fallback.empty()) out["fallback_reason"] = model.fallback;
  if (model.context_length == 0) return out;
  json::object capabilities;
  capabilities["input"] = json::array{"text", "image"};
  if (model.frames) {
    capabilities["input"].as_array().emplace_back("video_frames");
    capabilities["max_frames"] = model.frames->max_frames;
  }
  capabilities["image_formats"] = image_formats();
  if (model.tasks.any()) capabilities["tasks"] = task_names(model.tasks);
  capabilities["context_length"] = model.context_length;
  for (const ImageKnob& knob : model.knobs)
    capabilities[fmt::format("default_{}", knob.name)] = knob.fallback;
  capabilities["streaming"] = true;
  out["arch"] = model.architecture;
  add_context_length(out, model);
  out["quantization"] = to_string(model.weights);
  out["weights_bytes"] = model.weights_bytes;
  out["engine"] = model.engine.text();
  out["capabilities"] = std::move(capabilities);
  if (model.certificate) out["certificate"] = *model.certificate;
  return out;
}

}  // namespace

std::string model_json(const ServedModel& model) { return json_text(model_object(model)); }

ModelList::ModelList(std::span<const ServedModel> models, std::vector<std::string> installed,
                     std::vector<ModelAlias> aliases)
    : aliases_(std::move(aliases)) {
  for (const ServedModel& model : models) entries_.push_back({model.name, &model});
  for (std::string& name : installed)
    if (std::ranges::none_of(models, [&](const auto& model) { return model.answers_to(name); }))
      entries_.push_back({std::move(name)});
  for (const ModelAlias& alias : aliases_)
    if (const auto of = std::ranges::find(entries_, alias.model, &Entry::name);
        of != entries_.end())
      entries_.push_back({of->name, of->model, alias.name});
}

json::object ModelList::object_of(const Entry& entry) const {
  json::object out =
      entry.model != nullptr ? model_object(*entry.model) : head_of(entry.name, 0, "absent");
  out["aliases"] = aliases_of(entry);
  if (entry.alias.empty()) return out;
  out["id"] = entry.alias;
  out["alias_of"] = entry.name;
  return out;
}

// Each once.
json::array ModelList::aliases_of(const Entry& entry) const {
  std::vector<std::string_view> names;
  const auto add = [&](std::string_view name) {
    if (!name.empty() && name != entry.name && std::ranges::count(names, name) == 0)
      names.push_back(name);
  };
  if (entry.model != nullptr) std::ranges::for_each(entry.model->aliases, add);
  for (const ModelAlias& alias : aliases_)
    if (alias.model == entry.name) add(alias.name);
  return json::array(names.begin(), names.end());
}

std::string ModelList::json() const {
  json::array data;
  for (const Entry& entry : entries_) data.push_back(object_of(entry));
  json::object out;
  out["object"] = "list";
  out["data"] = std::move(data);
  return json_text(out);
}

std::optional<std::string> ModelList::json_of(std::string_view written,
                                              std::string_view meant) const {
  const auto is_meant = [&](const Entry& entry) {
    if (!entry.alias.empty()) return entry.name == meant && is_same_name(entry.alias, written);
    return entry.name == meant || (entry.model != nullptr && entry.model->answers_to(meant));
  };
  // What is written is the alias itself: its entry says so.
  auto found = std::ranges::find_if(
      entries_, [&](const Entry& entry) { return !entry.alias.empty() && is_meant(entry); });
  if (found == entries_.end()) found = std::ranges::find_if(entries_, is_meant);
  if (found == entries_.end()) return std::nullopt;
  return json_text(object_of(*found));
}

std::vector<std::string> ModelList::names() const {
  std::vector<std::string> out;
  for (const Entry& entry : entries_) out.push_back(entry.alias.empty() ? entry.name : entry.alias);
  return out;
}

}  // namespace oc
