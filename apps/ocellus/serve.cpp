// ocellus serve: the OpenAI API over HTTP, and the original backend's API on a second port. The
// ports open first; the model is loaded and warmed up behind them, and /health says 503 until that
// is done.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "base/log.h"
#include "http/app.h"
#include "http/backend_api.h"
#include "http/hosted_models.h"
#include "http/server.h"
#include "serve_models.h"
#include "verbs.h"

namespace oc {
namespace {

struct ServeOptions {
  ModelFlags models;
  std::string host = "127.0.0.1";
  int port = 8080, backend_port = 8000;
  std::vector<std::string> api_keys, allowed_hosts;
  bool insecure = false;
  std::size_t max_queue = 64, max_images = 16, max_body_mb = 64, max_memory_mb = 1024;
  std::size_t max_connections = 1024;
  std::size_t max_running = 8, kv_memory_mb = 0, image_cache_mb = 256, response_cache_mb = 64;
  double prefix_share = 0.5, response_age_s = 3600;
  int max_answer = 4096;
  bool shared_cache = false;
  double time_limit_s = 0;
  double drain_s = 120;
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

std::string address(const ServeOptions& options, std::uint16_t port) {
  const bool ipv6 = options.host.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}", ipv6 ? "[" : "", options.host, ipv6 ? "]" : "", port);
}

http::ServerOptions server_options(const ServeOptions& options,
                                   const std::shared_ptr<http::MemoryBudget>& memory) {
  http::ServerOptions out;
  out.host = options.host;
  out.port = static_cast<std::uint16_t>(options.port);
  out.handle_signals = true;
  out.memory = memory;
  out.limits.message.max_body_bytes = options.max_body_mb << 20;
  out.limits.max_connections = options.max_connections;
  out.limits.drain = std::chrono::milliseconds(static_cast<std::int64_t>(options.drain_s * 1000));
  return out;
}

std::shared_ptr<http::App> make_app(const ServeOptions& options,
                                    const std::shared_ptr<http::MemoryBudget>& memory) {
  http::AppOptions out;
  out.chat.max_images = options.max_images;
  out.time_limit =
      std::chrono::milliseconds(static_cast<std::int64_t>(options.time_limit_s * 1000));
  out.memory = memory;
  out.version = OCELLUS_VERSION;
  out.shared_cache = options.shared_cache;
  return std::make_shared<http::App>(std::move(out));
}

// The sockets: the model server, and the backend where one is wanted. Each has a thread that runs
// it, and hears the signals itself.
struct Ports {
  std::unique_ptr<http::Server> model, backend;

  bool run() const {
    std::atomic<bool> drained{true};
    std::thread second;
    if (backend) second = std::thread([&] { drained = backend->run(); });
    const bool first = model->run();
    if (second.joinable()) second.join();
    return first && drained;
  }
  void stop() const {
    model->stop();
    if (backend) backend->stop();
  }
};

std::unique_ptr<http::Server> open_port(const http::ServerOptions& options, http::Router routes,
                                        const http::AccessPolicy& access, http::ServerHooks hooks) {
  auto server = http::Server::open(options, std::move(routes), access, std::move(hooks));
  if (!server) fail(server.error());
  return std::move(*server);
}

Ports open_ports(const ServeOptions& options, const std::vector<std::string>& keys,
                 const std::shared_ptr<http::MemoryBudget>& memory,
                 const std::shared_ptr<http::App>& app) {
  const http::AccessPolicy access(keys, options.allowed_hosts);
  http::ServerOptions wanted = server_options(options, memory);
  Ports ports;
  ports.model = open_port(wanted, app->routes(), access, app->hooks());
  log::event(log::Level::kInfo, "listening",
             {{"address", address(options, ports.model->port())}, {"keys", keys.size()}});
  if (options.backend_port == 0) return ports;
  http::BackendApiOptions backend;
  backend.config.host = options.host;
  backend.config.port = ports.model->port();
  backend.config.api_base_url = address(options, static_cast<std::uint16_t>(options.backend_port));
  const auto api = std::make_shared<http::BackendApi>(app, std::move(backend));
  wanted.port = static_cast<std::uint16_t>(options.backend_port);
  wanted.port_hint = "choose another one with --backend-port, or 0 to do without the backend's API";
  ports.backend = open_port(wanted, api->routes(), access, api->hooks());
  log::event(log::Level::kInfo, "backend listening",
             {{"address", address(options, ports.backend->port())}});
  return ports;
}

void serve(const ServeOptions& options) {
  configure_log(options);
  const std::vector<std::string> keys = api_keys(options);
  check_exposure(options, !keys.empty());
  if (options.models.fallback.empty()) offer_pull(options.models.model);
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more must not end the server

  const auto memory = std::make_shared<http::MemoryBudget>(options.max_memory_mb << 20);
  const auto app = make_app(options, memory);
  Ports ports = open_ports(options, keys, memory, app);

  const auto host = make_model_host(options.models, service_options(options));
  const auto models = http::hosted_models(host);
  app->set_models(models);
  const std::string name = first_model_name(options.models);
  std::atomic<bool> loaded{false};
  std::promise<void> told;
  std::optional<Error> failure;
  host->activate(name, [&](const Result<void>& result) {
    if (result.ok()) {
      std::cout << "ocellus serving " << name << " at " << address(options, ports.model->port())
                << std::endl;
    } else {
      failure = result.error();
    }
    loaded = true;
    if (failure) ports.stop();
    told.set_value();
  });
  const bool drained = ports.run();
  if (!loaded || host->busy()) {
    // Told to stop while loading, which cannot be interrupted; nothing is written, nothing is lost.
    std::cout.flush();
    std::_Exit(drained ? 0 : 130);
  }
  told.get_future().wait();
  // No worker is in the middle of a request when the models go.
  ports = {};
  app->set_models(nullptr);
  host->shutdown();  // cancels what still runs and joins the engines' threads
  if (failure) fail(*failure);
  if (!drained) throw ExitError{130, "stopped before every request was answered"};
}

}  // namespace

void add_serve(CLI::App& app) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* verb = app.add_subcommand("serve", "Answer over HTTP, with OpenAI's API");
  add_model_flag(*verb, options->models.model);
  verb->add_option("--host", options->host, "Address to listen on")->capture_default_str();
  verb->add_option("--port", options->port, "Port to listen on; 0: any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  verb->add_option("--backend-port", options->backend_port,
                   "Port of the backend's API (status, configuration, switching); 0: none")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  verb->add_option("--api-key", options->api_keys,
                   "Key that clients must send (repeatable); better: $OCELLUS_API_KEY");
  verb->add_option("--allow-host", options->allowed_hosts,
                   "Host name that requests may be addressed to (repeatable); *: any");
  verb->add_flag("--insecure", options->insecure, "Listen beyond this machine without a key");
  verb->add_option("--served-name", options->models.served_name, "What clients call the model");
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
  verb->add_option(
          "--max-answer", options->max_answer,
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
  verb->add_flag("!--no-warm-up", options->models.warm_up, "Be ready without a first answer");
  verb->add_option("--log-level", options->log_level,
                   "debug, info, warning, error, off (else $LOG_LEVEL)");
  verb->add_option("--log-format", options->log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  add_model_host_flags(*verb, options->models);
  add_engine_flags(*verb, options->models.engine);
  add_load_flags(*verb, options->models.loading);
  verb->callback([options] { serve(*options); });
}

}  // namespace oc
