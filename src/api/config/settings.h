// The configuration as the parts of the program want it: typed, and with the keys that say one
// thing in two places brought together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/config/config.h"
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
  LoadOptions::Weights weights = LoadOptions::Weights::kBehind;
  std::optional<QuantSpec> quantize;  // of checkpoints in full precision
  double keep_alive_s = 0;            // 0: never unloaded
};

// The model to load when the first one cannot be.
struct FallbackSettings {
  bool enabled = false;
  std::string path;
  EngineOptions engine;  // its device and precision
};

// What the backend's API tells pages.
struct FrontendSettings {
  std::int64_t video_width = 0, video_height = 0;
  std::string api_base_url;  // empty: the backend's own address
};

struct ServerSettings {
  std::string host;
  bool host_is_from_file = false;
  std::uint16_t port = 0, backend_port = 0;  // backend_port 0: no backend's API
  bool backend_port_is_default = true;       // nobody has set it
  std::vector<std::string> api_keys, admin_keys, allowed_hosts, trusted_proxies;
  bool insecure = false;
  std::vector<std::string>
      cors_origins;  // empty: CORS is off; "*": any; "local": pages of this machine
  // The original's pages may use its routes: the file comes with the program, and nobody said no.
  bool guests = false;
  std::string log_level, log_format;
  bool warm_up = true;
  double drain_seconds = 0;
  bool shared_cache = false;
  std::size_t max_images = 0, max_body_mb = 0, max_memory_mb = 0, max_connections = 0;
};

struct Settings {
  ModelSettings model;
  FallbackSettings fallback;
  std::string active_model;  // which one is activated first; empty: `model`
  std::size_t model_memory_mb =
      0;  // for the weights of all loaded models; 0: most of the machine's
  RequestDefaults defaults;
  UiSettings ui;
  FrontendSettings frontend;
  ServerSettings server;
  // Without what a memory plan says, and without what has to be opened.
  ServiceOptions service;
  MemorySizes memory;
  std::optional<RedisAddress> shared_responses;
  std::string image_cache_dir;  // empty: encoded pictures are not kept on disk
  std::size_t image_cache_dir_mb = 0;
};

// Values that are wrong in a way that only their meaning tells become errors of `config`.
Settings make_settings(Config& config);

}  // namespace oc
