// The models of `ocellus serve`: which ones, how they are loaded, what each is called.
#pragma once

#include <memory>
#include <string>

#include "api/config/settings.h"
#include "config_flags.h"
#include "http/hosted_models.h"
#include "runtime/hosting/model_host.h"

namespace oc {

// What clients call the first model, whether it is there or not.
std::string first_model_name(const ModelSettings& model);

// What answers at first: the configuration's model, or the one that a switch has left as active.
// Nothing of it need be installed. `flags` as of make_model_host().
ModelRecipe first_recipe(const Settings& settings, const ConfigFlags& flags);

// With the first model known and nothing loaded. Installed models are loaded when a client names
// them; the original's names mean what the catalogue's configuration of that name says, those of
// its first model in a request the active one. `flags` count over that, too. `request_bytes` are
// taken for what clients send.
std::shared_ptr<ModelHost> make_model_host(const Settings& settings, const ConfigFlags& flags,
                                           std::size_t request_bytes);

// What is told to who names a model so and gets another; empty: nothing.
std::string note_of_name(const std::string& name);

// The first model's is the configuration; a model of the catalogue has its own; others have what
// the environment and the flags say.
http::ProfileOf profiles(const Settings& settings, const ConfigFlags& flags);

}  // namespace oc
