// What Ollama's clients are told about models: GET /api/tags, /api/ps and /api/version, POST
// /api/show.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/model_alias.h"
#include "api/served_model.h"
#include "runtime/hub/installed.h"

namespace oc {

// {"models": […]}: those of `served` that are loaded or on the disk, then those of `installed` that
// are none of them and whole, and the operator's aliases of all these.
std::string ollama_tags_json(std::span<const ServedModel> served,
                             std::span<const hub::InstalledModel> installed,
                             std::span<const ModelAlias> aliases = {});
// {"models": […]}: those that are loaded.
std::string ollama_ps_json(std::span<const ServedModel> served,
                           std::span<const hub::InstalledModel> installed,
                           std::chrono::system_clock::time_point now);
// One that is served, installed, or both.
std::string ollama_show_json(const ServedModel* served, const hub::InstalledModel* installed);
// {"version"}: of the API that is kept to, since clients ask for it before they use what is newer;
// and that of this program.
std::string ollama_version_json(std::string_view program);

}  // namespace oc
