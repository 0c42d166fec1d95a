// The configuration as the parts of the program want it: the keys that say one thing in two places
// brought together, and what else has to be derived. Whatever is used as it was said is asked of
// `Settings::config` where it is used (schema.h: to add a setting).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/config/config.h"
#include "api/model_alias.h"
#include "api/served_model.h"
#include "ops/engine.h"
#include "runtime/hosting/memory_plan.h"
#include "runtime/library/loader.h"
#include "runtime/serving/service.h"

namespace oc {

struct ModelSettings {
  std::string path;  // for load()
  std::string name;  // as clients call it; empty: the model's own
  std::string id;    // another name; may be empty
  EngineOptions engine;
  LoadOptions::Weights weights = LoadOptions::Weights::kBackground;
  std::optional<QuantSpec> quantize;  // of checkpoints in full precision
};

// The model to load when the first one cannot be.
struct FallbackSettings {
  bool enabled = false;
  std::string path;
  EngineOptions engine;  // its device and precision
};

struct ServerSettings {
  std::string host;
  bool host_is_from_file = false;
  std::uint16_t port = 0, backend_port = 0;  // backend_port 0: no backend's API
  bool backend_port_is_default = true;       // nobody has set it
  std::vector<std::string> api_keys, admin_keys, allowed_hosts, trusted_proxies;
  bool insecure = false;
  // Empty: CORS is off; "*": any; "local": pages of this machine.
  std::vector<std::string> cors_origins;
  // The original's pages may use its routes: the file comes with the program, and nobody said no.
  bool guests = false;
};

struct Settings {
  Config config;
  ModelSettings model;
  FallbackSettings fallback;
  std::string active_model;         // which one is activated first; empty: `model`
  std::vector<ModelAlias> aliases;  // the operator's names for models
  RequestDefaults defaults;
  UiSettings ui;
  ServerSettings server;
  // Without what a memory plan says, and without what has to be opened.
  ServiceOptions service;
  MemorySizes memory;
  std::optional<RedisAddress> shared_responses;
  std::string image_cache_dir;  // empty: encoded pictures are not kept on disk
};

// Values that are wrong in a way that only their meaning tells become errors of `config`.
Settings make_settings(Config& config);

}  // namespace oc
