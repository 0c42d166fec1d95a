#include "api/config/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <optional>
#include <utility>

#include "api/config/picture_settings.h"
#include "base/address_range.h"
#include "base/check.h"
#include "base/printable.h"
#include "models/registry.h"
#include "runtime/library/client_name.h"

namespace oc {
namespace {

using Strings = std::vector<std::string>;

std::size_t size(const Config& config, std::string_view path) {
  return static_cast<std::size_t>(config.get<std::int64_t>(path));
}

double number_of(const Config& config, std::string_view path) {
  const Value& value = config.value(path);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  return config.get<double>(path);
}

// Of keys that bound the same thing the one from the later layer counts; in one layer, the
// stricter. 0 stands for no bound. The path whose value counts; empty: none is set.
std::string_view stricter(const Config& config, std::initializer_list<std::string_view> paths) {
  constexpr double kNoBound = std::numeric_limits<double>::infinity();
  std::string_view best;
  double strictest_bound = kNoBound;
  for (const std::string_view path : paths) {
    if (!config.is_set(path)) continue;
    const double given = number_of(config, path), bound = given > 0 ? given : kNoBound;
    const SettingOrigin origin = config.source(path).origin;
    if (!best.empty() && origin < config.source(best).origin) continue;
    if (!best.empty() && origin == config.source(best).origin && bound >= strictest_bound) continue;
    best = path;
    strictest_bound = bound;
  }
  return best;
}

// False when any of them says so.
bool unless_false(const Config& config, std::initializer_list<std::string_view> paths) {
  return std::ranges::all_of(
      paths, [&](std::string_view path) { return config.get_or<bool>(path, true); });
}

ModelSettings model_settings(Config& config) {
  ModelSettings model;
  const bool only_mlx = config.source("model_path").origin == SettingOrigin::kDefault &&
                        config.is_set("mlx_config.model_id");
  model.path = config.get<std::string>(only_mlx ? "mlx_config.model_id" : "model_path");
  model.name = config.get_or<std::string>("server.served_name",
                                          config.get_or<std::string>("model_name", std::string()));
  model.id = config.get_or<std::string>("model_id", {});
  EngineOptions& engine = model.engine;
  engine.engine = config.get<std::string>("engine.name");
  engine.device = config.get<std::string>("device");
  if (engine.device == "mps") engine.device = "auto";
  if (engine.engine == "auto" && !unless_false(config, {"mlx_config.use_mlx"}))
    engine.engine = "cpu";
  engine.threads = static_cast<int>(config.get<std::int64_t>("engine.threads"));
  engine.activations = config.get<std::string>("engine.activations");
  engine.kv = config.get<std::string>("engine.kv");
  engine.isa = config.get<std::string>("engine.isa");
  if (config.get<bool>("engine.preload")) model.weights = LoadOptions::Weights::kPreload;
  if (config.get<bool>("engine.mlock")) model.weights = LoadOptions::Weights::kLock;
  const auto bits = static_cast<int>(config.get<std::int64_t>("engine.quantize"));
  const auto group = static_cast<int>(config.get<std::int64_t>("engine.quantize_group"));
  if (bits != 0) model.quantize = QuantSpec{bits, group};
  if (model.path.empty()) config.add_error("model_path", "must not be empty");
  return model;
}

FallbackSettings fallback_settings(const Config& config, const EngineOptions& engine) {
  FallbackSettings fallback;
  fallback.path = config.get_or<std::string>("fallback_config.fallback_model_path", {});
  fallback.enabled =
      !fallback.path.empty() &&
      unless_false(config, {"fallback_config.enabled", "mlx_config.fallback_to_transformers",
                            "optimization_flags.transformers_fallback"});
  fallback.engine = engine;
  fallback.engine.engine = config.get<std::string>("fallback_config.fallback_device");
  if (config.get<std::string>("fallback_config.fallback_dtype") == "float32")
    fallback.engine.activations = "f32";
  return fallback;
}

SamplingParams sampling(const Config& config) {
  SamplingParams params;
  // As in transformers: without sampling the temperature below is not looked at. What a flag or
  // variable says counts over a file's do_sample.
  constexpr std::string_view kTemperature = "generation_config.temperature";
  const bool greedy =
      !config.get_or<bool>("generation_config.do_sample", true) &&
      config.source(kTemperature).origin <= config.source("generation_config.do_sample").origin;
  params.temperature = greedy ? 0 : config.get<double>(kTemperature);
  params.top_p = config.get<double>("generation_config.top_p");
  params.top_k = static_cast<int>(config.get<std::int64_t>("generation_config.top_k"));
  params.min_p = config.get<double>("generation_config.min_p");
  params.repetition_penalty = config.get<double>("generation_config.repetition_penalty");
  return params;
}

ImageBox image_box(const Config& config) {
  ImageBox box;
  const auto bound = [](int& side, std::int64_t max) {
    side = side > 0 ? std::min(side, static_cast<int>(max)) : static_cast<int>(max);
  };
  if (config.is_set("image_processing.size")) {
    const auto& both = config.get<std::vector<std::int64_t>>("image_processing.size");
    bound(box.width, both[0]);
    bound(box.height, both[1]);
  }
  for (const std::string_view path :
       {"image_processing.max_size", "limits.max_image_size", "inference.max_image_size"})
    if (config.is_set(path)) {
      bound(box.width, config.get<std::int64_t>(path));
      bound(box.height, config.get<std::int64_t>(path));
    }
  box.keep_aspect = config.get<bool>("image_processing.preserve_aspect_ratio");
  return box;
}

ImageReading image_reading(Config& config) {
  constexpr std::string_view kBackground = "image_processing.background";
  ImageReading reading;
  auto background = ImageReading::background_named(config.get<std::string>(kBackground));
  if (background.ok())
    reading.background = *background;
  else
    config.add_error(kBackground, background.error().message);
  reading.convert_profiles =
      config.get<std::string>("image_processing.colour_profiles") == "convert";
  return reading;
}

ImageLimits image_limits(const Config& config) {
  ImageLimits limits;
  limits.max_bytes = config.bytes("limits.max_picture_mb");
  limits.max_pixels = config.get<std::int64_t>("limits.max_picture_megapixels") * 1'000'000;
  limits.max_memory = config.bytes("limits.max_picture_memory_mb");
  limits.max_aspect = static_cast<int>(config.get<std::int64_t>("limits.max_picture_aspect"));
  return limits;
}

// "longest_edge=512"
KnobValues picture_knobs(Config& config) {
  constexpr std::string_view kPath = "image_processing.knobs";
  const std::vector<ImageKnob> known = image_knobs();
  KnobValues values;
  for (const std::string_view text : config.get_or<Strings>(kPath, {})) {
    const std::string_view name = text.substr(0, text.find('='));
    const std::string_view digits = text.substr(std::min(name.size() + 1, text.size()));
    const auto knob = std::ranges::find(known, name, &ImageKnob::name);
    int value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [behind, error] = std::from_chars(digits.data(), end, value);
    const bool number = error == std::errc() && behind == end;
    if (knob == known.end()) {
      std::vector<std::string_view> names;
      for (const ImageKnob& one : known) names.push_back(one.name);
      config.add_error(kPath, fmt::format("holds {}, and not NAME=NUMBER with one of {}",
                                          excerpt(text), fmt::join(names, ", ")));
    } else if (!number || value < knob->min || value > knob->max) {
      config.add_error(kPath, fmt::format("holds {}; {} must be {} to {}", excerpt(text),
                                          knob->name, knob->min, knob->max));
    } else {
      values[std::string(knob->name)] = value;
    }
  }
  return values;
}

RequestDefaults request_defaults(Config& config) {
  RequestDefaults defaults;
  defaults.knobs = picture_knobs(config);
  defaults.sampling = sampling(config);
  defaults.pictures = {image_limits(config), image_reading(config), image_box(config)};
  if (config.is_set("limits.max_tokens_cap"))
    defaults.max_tokens_cap = static_cast<int>(config.get<std::int64_t>("limits.max_tokens_cap"));
  if (config.is_set("limits.max_sequence_length"))
    defaults.max_sequence = config.get<std::int64_t>("limits.max_sequence_length");
  for (const std::string_view path : {"special_tokens.end_token", "special_tokens.endoftext_token"})
    if (auto token = config.get_or<std::string>(path, {}); !token.empty())
      defaults.stop.push_back(std::move(token));
  defaults.image_token = config.get_or<std::string>("special_tokens.image_token", {});
  defaults.time_limit =
      config.milliseconds(stricter(config, {"timeout", "limits.timeout_seconds", "api.timeout"}));
  return defaults;
}

bool images_are_kept(const Config& config) {
  return unless_false(
      config, {"image_processing.cache_enabled", "image_processing.enable_cache",
               "performance.image_caching", "optimization_flags.cache_image_preprocessing"});
}

constexpr std::string_view kResponseCache = "cache_settings.response_cache";

// What --response-cache says when it is a number, as it may have been before it could name a
// server.
std::optional<std::size_t> plain_megabytes(const Config& config) {
  const std::string text = config.get_or<std::string>(kResponseCache, {});
  const Key& key = *find_key("cache_settings.response_cache_mb");
  const auto number = value_from_text(key, std::vector<std::string>{text});
  if (text.empty() || !number.ok()) return std::nullopt;
  return static_cast<std::size_t>(std::get<std::int64_t>(*number));
}

std::size_t response_cache_mb(const Config& config) {
  constexpr std::string_view kResponseCacheMb = "cache_settings.response_cache_mb";
  const auto plain = plain_megabytes(config);
  const bool later = config.source(kResponseCacheMb).origin > config.source(kResponseCache).origin;
  return plain && !later ? *plain : size(config, kResponseCacheMb);
}

std::optional<RedisAddress> shared_responses(Config& config) {
  const std::string text = config.get_or<std::string>(kResponseCache, {});
  if (text.empty() || plain_megabytes(config)) return std::nullopt;
  Result<RedisAddress> address = parse_redis_address(text);
  if (address.ok()) return *std::move(address);
  config.add_error(kResponseCache, address.error().message + "; or a number of MiB");
  return std::nullopt;
}

ServiceOptions service_options(const Config& config) {
  ServiceOptions service;
  service.max_queue = size(config, "limits.max_queue");
  service.max_running = size(config, "limits.max_running");
  service.max_n = static_cast<int>(config.get<std::int64_t>("limits.max_n"));
  service.image_cache_bytes = config.bytes("cache_settings.image_cache_mb");
  if (!images_are_kept(config)) service.image_cache_bytes = 0;
  for (const std::string_view path :
       {"image_processing.cache_size", "cache_settings.image_cache_size"})
    if (config.is_set(path))
      service.image_cache_entries = std::min(service.image_cache_entries, size(config, path));
  service.response_cache_bytes = response_cache_mb(config) << 20;
  if (config.is_set("cache_settings.response_cache_size"))
    service.response_cache_entries = size(config, "cache_settings.response_cache_size");
  service.response_cache_age = std::chrono::seconds(
      std::llround(number_of(config, "cache_settings.response_cache_seconds")));
  const std::string_view length = stricter(
      config,
      {"generation_config.max_new_tokens", "max_tokens", "api.max_tokens", "inference.max_tokens"});
  service.default_max_tokens = static_cast<int>(config.get<std::int64_t>(length));
  if (config.is_set("limits.max_tokens_cap")) {
    const int cap = static_cast<int>(config.get<std::int64_t>("limits.max_tokens_cap"));
    const int answer = service.default_max_tokens;
    service.default_max_tokens = answer == 0 ? cap : std::min(answer, cap);
  }
  return service;
}

// Sizes that somebody has set. 0 of --kv-memory asks for the default, as leaving it out does.
MemorySizes memory_sizes(const Config& config, const ServiceOptions& service) {
  const auto set = [&](std::string_view path) -> std::optional<std::size_t> {
    if (config.source(path).origin == SettingOrigin::kDefault) return std::nullopt;
    return config.bytes(path);
  };
  MemorySizes sizes;
  sizes.kv = set("limits.kv_memory_mb");
  if (sizes.kv == std::size_t{0}) sizes.kv.reset();
  sizes.images = set("cache_settings.image_cache_mb");
  sizes.responses = set("cache_settings.response_cache_mb");
  if (plain_megabytes(config)) sizes.responses = service.response_cache_bytes;
  sizes.requests = set("limits.max_memory_mb");
  sizes.prefix_share = config.get<double>("cache_settings.prefix_cache_share");
  sizes.image_cache = service.image_cache_bytes > 0;
  sizes.max_body = config.bytes("limits.max_body_mb");
  return sizes;
}

bool is_printable(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

// "*", "null", or scheme and host as a browser sends them: no path, no '/' at the end.
bool is_origin(std::string_view text) {
  if (text == "*" || text == "null") return true;
  const std::size_t scheme = text.find("://");
  return is_printable(text) && scheme != std::string_view::npos && scheme > 0 &&
         text.size() > scheme + 3 && text.find('/', scheme + 3) == std::string_view::npos &&
         text.find('*') == std::string_view::npos;
}

ServerSettings server_settings(Config& config) {
  ServerSettings server;
  server.host = config.get<std::string>("server.host");
  server.host_is_from_file = config.source("server.host").origin == SettingOrigin::kFile;
  server.port = static_cast<std::uint16_t>(config.get<std::int64_t>("server.port"));
  server.backend_port = static_cast<std::uint16_t>(config.get<std::int64_t>("server.backend_port"));
  server.backend_port_is_default =
      config.source("server.backend_port").origin == SettingOrigin::kDefault;
  server.api_keys = config.get_or<Strings>("server.api_keys", {});
  server.admin_keys = config.get_or<Strings>("server.admin_keys", {});
  for (const auto& [path, keys] : {std::pair{"server.api_keys", &server.api_keys},
                                   std::pair{"server.admin_keys", &server.admin_keys}})
    if (!std::ranges::all_of(*keys, is_printable))
      config.add_error(path, "may only hold printable ASCII without spaces");
  server.allowed_hosts = config.get_or<Strings>("server.allowed_hosts", {});
  server.trusted_proxies = config.get_or<Strings>("server.trusted_proxies", {});
  for (const std::string& proxy : server.trusted_proxies)
    if (!AddressRange::parse(proxy))
      config.add_error("server.trusted_proxies",
                       "must hold addresses or networks such as \"192.168.1.5\" or "
                       "\"10.0.0.0/8\"");
  server.insecure = config.get<bool>("server.insecure");
  const Strings origins = config.get_or<Strings>("server.cors_origins", {});
  for (const std::string& origin : origins)
    if (!is_origin(origin))
      config.add_error("server.cors_origins",
                       "must hold \"*\" or origins such as \"https://example.org\" or "
                       "\"http://localhost:5500\", without a path");
  // Naming origins asks for it, unless something in the same layer or a later one says no.
  const bool named = !origins.empty() && config.source("server.cors_origins").origin >
                                             config.source("server.cors_enabled").origin;
  if (config.get<bool>("server.cors_enabled") || named)
    server.cors_origins = origins.empty() ? Strings{"local"} : origins;
  const bool closed = !config.get<bool>("server.cors_enabled") &&
                      config.source("server.cors_enabled").origin > SettingOrigin::kFile;
  server.guests = config.is_stock() && !closed;
  return server;
}

// "gpt-4o-mini=smolvlm2-500m". Of one name in two places the later counts, and the model is no
// alias itself.
std::vector<ModelAlias> model_aliases(Config& config) {
  constexpr std::string_view kPath = "server.served_names";
  constexpr std::size_t kLongest = 200;
  std::vector<ModelAlias> out;
  for (const std::string_view text : config.get_or<Strings>(kPath, {})) {
    const std::string_view name = text.substr(0, text.find('='));
    const std::string_view model = text.substr(std::min(name.size() + 1, text.size()));
    if (!is_printable(name) || !is_printable(model) || name.size() > kLongest) {
      config.add_error(
          kPath, fmt::format("holds {}, and not NAME=MODEL, each of printable ASCII without spaces",
                             excerpt(text)));
      continue;
    }
    // --set takes a list as text with commas, not as JSON.
    if (text.find_first_of("[]\"'") != text.npos) {
      config.add_error(kPath, fmt::format("holds {}: write --alias NAME=MODEL, or "
                                          "server.served_names=NAME=MODEL,NAME=MODEL",
                                          excerpt(text)));
      continue;
    }
    std::erase_if(out, [&](const ModelAlias& alias) { return is_same_name(alias.name, name); });
    out.push_back({std::string(name), std::string(model)});
  }
  for (const ModelAlias& alias : out)
    if (std::ranges::any_of(
            out, [&](const ModelAlias& other) { return is_same_name(other.name, alias.model); }))
      config.add_error(kPath, fmt::format("says that {} means {}, which is an alias itself",
                                          excerpt(alias.name), excerpt(alias.model)));
  return out;
}

UiSettings ui_settings(const Config& config) {
  UiSettings ui;
  ui.description = config.get_or<std::string>("description", {});
  ui.default_instruction = config.get_or<std::string>("ui.default_instruction", {});
  ui.capture_intervals = config.get_or<std::vector<std::int64_t>>("ui.capture_intervals", {});
  const auto if_set = [&config](std::string_view path, std::optional<std::int64_t>& value) {
    if (config.is_set(path)) value = config.get<std::int64_t>(path);
  };
  if_set("ui.default_interval", ui.default_interval);
  if_set("frontend.video_width", ui.video_width);
  if_set("frontend.video_height", ui.video_height);
  return ui;
}

}  // namespace

Settings make_settings(Config& config) {
  Settings settings;
  settings.model = model_settings(config);
  settings.fallback = fallback_settings(config, settings.model.engine);
  settings.active_model = config.get_or<std::string>("active_model", {});
  settings.aliases = model_aliases(config);
  settings.defaults = request_defaults(config);
  settings.ui = ui_settings(config);
  settings.server = server_settings(config);
  check_picture_sources(config);
  settings.service = service_options(config);
  settings.memory = memory_sizes(config, settings.service);
  settings.shared_responses = shared_responses(config);
  if (images_are_kept(config))
    settings.image_cache_dir = config.get_or<std::string>("cache_settings.image_cache_dir", {});
  settings.config = config;
  return settings;
}

}  // namespace oc
