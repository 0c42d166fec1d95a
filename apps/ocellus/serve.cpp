// ocellus serve: the OpenAI API over HTTP. The port opens first; the model is loaded and warmed up
// behind it, and /health says 503 until that is done.
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <future>
#include <thread>
#include <utility>

#include "base/log.h"
#include "http/app.h"
#include "http/server.h"
#include "verbs.h"

namespace oc {
namespace {

struct ServeOptions {
  std::string model = "demo";
  EngineOptions engine;
  LoadOptions loading;
  std::string host = "127.0.0.1";
  int port = 8080;
  std::vector<std::string> api_keys, allowed_hosts;
  bool insecure = false;
  std::string served_name;
  std::size_t max_queue = 64, max_images = 16, max_body_mb = 64, max_memory_mb = 1024;
  std::size_t max_connections = 1024;
  std::size_t max_running = 8, kv_memory_mb = 0, image_cache_mb = 256, response_cache_mb = 64;
  double prefix_share = 0.5, response_age_s = 3600;
  int max_answer = 4096;
  bool shared_cache = false;
  double time_limit_s = 0;
  double drain_s = 120;
  bool warm_up = true;
  std::string log_level, log_format = "text";
};

void configure_log(const ServeOptions& options) {
  log::Level level = log::Level::kInfo;
  const char* environment = std::getenv("LOG_LEVEL");
  const std::string name = !options.log_level.empty() ? options.log_level
                           : environment != nullptr   ? environment
                                                      : "info";
  if (!log::level_from_string(name, &level))
    throw ExitError{2, "unknown log level \"" + name + "\"", "debug, info, warning, error or off"};
  log::configure(level, options.log_format == "json" ? log::Format::kJson : log::Format::kText);
}

// --api-key, and $OCELLUS_API_KEY (several with commas), which `ps` does not show.
std::vector<std::string> api_keys(const ServeOptions& options) {
  std::vector<std::string> keys = options.api_keys;
  if (const char* environment = std::getenv("OCELLUS_API_KEY")) {
    std::string_view rest(environment);
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (comma > 0) keys.emplace_back(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  for (const std::string& key : keys)
    for (const char c : key)
      if (c <= ' ' || c > '~')
        throw ExitError{2, "an API key may only hold printable ASCII without spaces"};
  return keys;
}

void check_exposure(const ServeOptions& options, bool has_keys) {
  const bool local = options.host == "localhost" || http::is_loopback(options.host);
  if (local || has_keys || options.insecure) return;
  throw ExitError{2, "refusing to listen on " + options.host + " without an API key",
                  "anybody in the network could use the model; set OCELLUS_API_KEY, or --insecure "
                  "if that is what you want"};
}

// A thousand connections need as many descriptors; many systems start with a soft limit of 1024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65536);
  setrlimit(RLIMIT_NOFILE, &limit);
}

// One short answer with a picture before the first client's: threads, buffers. Where that is quick:
// what makes a large model's first answer slow are the pages of its weights, and load() has seen to
// those.
Result<void> warm_up(http::Backend& backend) {
  constexpr std::size_t kQuick = 512u << 20;
  if (backend.model().weights_bytes >= kQuick) return {};
  GenerateRequest request;
  request.id = "warm-up";
  request.max_tokens = 2;
  Message message;
  auto image = std::make_shared<Image>();
  image->width = image->height = 336;
  image->rgb.assign(std::size_t{336} * 336 * 3, 128);
  request.images.push_back({std::move(image), 1});
  message.parts.emplace_back(std::in_place_type<ImagePart>, 0);
  message.parts.emplace_back(std::in_place_type<TextPart>, "Hello");
  request.messages.push_back(std::move(message));
  std::promise<Result<GenerateResult>> promise;
  OC_ASSIGN_OR_RETURN(const auto job,
                      backend.submit(std::move(request), {}, [&](Result<GenerateResult> result) {
                        promise.set_value(std::move(result));
                      }));
  const Result<GenerateResult> result = promise.get_future().get();
  if (!result) return result.error();
  return {};
}

// A quarter of this machine's memory, unless told otherwise.
std::size_t kv_bytes(const ServeOptions& options) {
  if (options.kv_memory_mb > 0) return options.kv_memory_mb << 20;
  const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || size <= 0) return std::size_t{1} << 30;
  return static_cast<std::size_t>(pages) / 4 * static_cast<std::size_t>(size);
}

ServiceOptions service_options(const ServeOptions& options) {
  ServiceOptions service;
  service.max_queue = options.max_queue;
  service.max_running = options.max_running;
  service.kv_bytes = kv_bytes(options);
  service.prefix_cache_bytes =
      static_cast<std::size_t>(static_cast<double>(service.kv_bytes) * options.prefix_share);
  service.image_cache_bytes = options.image_cache_mb << 20;
  service.response_cache_bytes = options.response_cache_mb << 20;
  service.response_cache_age = std::chrono::seconds(std::llround(options.response_age_s));
  service.default_max_tokens = options.max_answer;
  return service;
}

Result<std::shared_ptr<http::ServiceBackend>> make_backend(const ServeOptions& options) {
  LoadOptions loading = options.loading;
  if (!options.warm_up) loading.patience = {};
  loading.progress = [last = std::size_t{0}](std::size_t done, std::size_t total) mutable {
    if (const std::size_t quarter = done * 4 / total; std::exchange(last, quarter) != quarter)
      log::event(log::Level::kInfo, "reading weights", {{"mb", done >> 20}, {"of", total >> 20}});
  };
  OC_ASSIGN_OR_RETURN(auto loaded, load(options.model, options.engine, loading));
  auto backend = std::make_shared<http::ServiceBackend>(
      std::move(loaded), service_options(options), options.served_name);
  if (options.warm_up) OC_RETURN_IF_ERROR(warm_up(*backend));
  return backend;
}

std::string address(const ServeOptions& options, std::uint16_t port) {
  const bool ipv6 = options.host.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}", ipv6 ? "[" : "", options.host, ipv6 ? "]" : "", port);
}

struct Loading {
  std::atomic<bool> done{false};
  std::optional<Error> error;
};

void load_model(const ServeOptions& options, http::App& app, http::Server& server,
                Loading& loading) {
  try {
    auto backend = make_backend(options);
    if (backend) {
      const std::string name = (*backend)->model().name;
      app.set_backend(std::move(*backend));
      std::cout << "ocellus serving " << name << " at " << address(options, server.port())
                << std::endl;
    } else {
      loading.error = backend.error();
    }
  } catch (const std::exception& failure) {
    loading.error = Error{ErrorCode::kInternal, failure.what()};
  }
  loading.done = true;
  if (loading.error) server.stop();
}

void serve(const ServeOptions& options) {
  configure_log(options);
  const std::vector<std::string> keys = api_keys(options);
  check_exposure(options, !keys.empty());
  offer_pull(options.model);
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more must not end the server

  const auto memory = std::make_shared<http::MemoryBudget>(options.max_memory_mb << 20);
  http::AppOptions app_options;
  app_options.chat.max_images = options.max_images;
  app_options.time_limit =
      std::chrono::milliseconds(static_cast<std::int64_t>(options.time_limit_s * 1000));
  app_options.memory = memory;
  app_options.version = OCELLUS_VERSION;
  app_options.shared_cache = options.shared_cache;
  const auto app = std::make_shared<http::App>(std::move(app_options));

  http::ServerOptions server_options;
  server_options.host = options.host;
  server_options.port = static_cast<std::uint16_t>(options.port);
  server_options.handle_signals = true;
  server_options.memory = memory;
  server_options.limits.message.max_body_bytes = options.max_body_mb << 20;
  server_options.limits.max_connections = options.max_connections;
  server_options.limits.drain =
      std::chrono::milliseconds(static_cast<std::int64_t>(options.drain_s * 1000));
  auto server = http::Server::open(server_options, app->routes(),
                                   http::AccessPolicy(keys, options.allowed_hosts), app->hooks());
  if (!server) fail(server.error());
  log::event(log::Level::kInfo, "listening",
             {{"address", address(options, (*server)->port())}, {"keys", keys.size()}});

  Loading loading;
  std::thread loader([&] { load_model(options, *app, **server, loading); });
  const bool drained = (*server)->run();
  if (!loading.done) {
    // Told to stop while loading, which cannot be interrupted; nothing is written, nothing is lost.
    std::cout.flush();
    std::_Exit(drained ? 0 : 130);
  }
  loader.join();
  app->set_backend(nullptr);  // cancels what still runs and joins the engine's thread
  if (loading.error) fail(*loading.error);
  if (!drained) throw ExitError{130, "stopped before every request was answered"};
}

}  // namespace

void add_serve(CLI::App& app) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* verb = app.add_subcommand("serve", "Answer over HTTP, with OpenAI's API");
  add_model_flag(*verb, options->model);
  verb->add_option("--host", options->host, "Address to listen on")->capture_default_str();
  verb->add_option("--port", options->port, "Port to listen on; 0: any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  verb->add_option("--api-key", options->api_keys,
                   "Key that clients must send (repeatable); better: $OCELLUS_API_KEY");
  verb->add_option("--allow-host", options->allowed_hosts,
                   "Host name that requests may be addressed to (repeatable); *: any");
  verb->add_flag("--insecure", options->insecure, "Listen beyond this machine without a key");
  verb->add_option("--served-name", options->served_name, "What clients call the model");
  verb->add_option("--max-queue", options->max_queue, "Waiting requests; more are told 429")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  verb->add_option("--max-running", options->max_running, "Requests that are answered together")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  verb->add_option("--kv-memory", options->kv_memory_mb,
                   "MiB for keys and values of running and kept requests; 0: a quarter of the "
                   "machine's memory")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  verb->add_option("--prefix-cache", options->prefix_share,
                   "Share of --kv-memory that finished conversations may keep; 0: none")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb->add_option("--image-cache", options->image_cache_mb, "MiB of encoded pictures; 0: none")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  verb->add_option("--response-cache", options->response_cache_mb,
                   "MiB of answers that would come out the same again; 0: none")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  verb->add_option("--response-cache-age", options->response_age_s, "Seconds that they stay valid")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  verb->add_flag("--shared-cache", options->shared_cache,
                 "One cache for all API keys, not one a key");
  verb->add_option("--max-answer", options->max_answer,
                   "Tokens of an answer whose request sets no max_tokens; 0: what the context holds")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  verb->add_option("--max-images", options->max_images, "Pictures in one request")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  verb->add_option("--max-body-mb", options->max_body_mb, "MiB of one request")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  verb->add_option("--max-memory-mb", options->max_memory_mb,
                   "MiB of bodies and decoded pictures of all requests")
      ->check(CLI::Range(16, 1 << 20))
      ->capture_default_str();
  verb->add_option("--max-connections", options->max_connections, "Open connections")
      ->check(CLI::Range(1, 60000))
      ->capture_default_str();
  verb->add_option("--time-limit", options->time_limit_s, "Seconds for one answer; 0: none")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  verb->add_option("--drain-seconds", options->drain_s, "To finish what runs after SIGTERM")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  verb->add_flag("!--no-warm-up", options->warm_up, "Be ready without a first answer");
  verb->add_option("--log-level", options->log_level,
                   "debug, info, warning, error, off (else $LOG_LEVEL)");
  verb->add_option("--log-format", options->log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  add_engine_flags(*verb, options->engine);
  add_load_flags(*verb, options->loading);
  verb->callback([options] { serve(*options); });
}

}  // namespace oc
