// ocellus serve: the OpenAI API over HTTP, and the original backend's API on a second port. The
// ports open first; the model is loaded and warmed up behind them, and /health says 503 until that
// is done.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "api/config/picture_settings.h"
#include "base/check.h"
#include "base/line_writer.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/system/heap.h"
#include "base/system/limits.h"
#include "config_flags.h"
#include "config_keeper.h"
#include "http/app.h"
#include "http/backend_api.h"
#include "http/hosted_models.h"
#include "http/server.h"
#include "model_plan.h"
#include "runtime/ending.h"
#include "serve_models.h"
#include "verbs.h"
#include "version.h"

namespace oc {
namespace {

constexpr std::chrono::milliseconds kFlush{300};  // at the end, for a reader that is slow

void configure_log(const Config& config) {
  log::Level level = log::Level::kInfo;
  const auto& name = config.get<std::string>("server.log_level");
  OC_CHECK(log::level_from_string(name, &level), "log level {}", name);
  const bool json = config.get<std::string>("server.log_format") == "json";
  log::configure(level, json ? log::Format::kJson : log::Format::kText);
}

// Each reason once, with the keys it stands for.
void report(const Config& config) {
  for (const Finding& finding : config.findings())
    log::event(log::Level::kWarning, "config", {{"warning", finding.message}});
  for (const auto& [reason, keys] : config.without_effect())
    log::event(log::Level::kInfo, "config",
               {{"without_effect", fmt::format("{}", fmt::join(keys, ", "))}, {"reason", reason}});
}

// A file made for the original system listens everywhere and knows no keys: here it is served to
// this machine. Whoever types the address means it, and is told what is missing.
void check_exposure(ServerSettings& server) {
  if (!is_exposed(server, server.host)) return;
  if (server.host_is_from_file) {
    log::event(log::Level::kWarning, "config",
               {{"without_effect", "server.host"},
                {"reason", fmt::format("there is no API key, so it is 127.0.0.1 and not {}; set "
                                       "OCELLUS_API_KEY, or --insecure",
                                       server.host)}});
    server.host = "127.0.0.1";
    return;
  }
  throw ExitError{2, "refusing to listen on " + server.host + " without an API key",
                  "anybody in the network could use the model; set OCELLUS_API_KEY, or --insecure "
                  "if that is what you want"};
}

// A thousand connections need as many descriptors; many systems start with a soft limit of 1024.
// Where there are not enough, each port takes fewer connections, so that models and caches can
// always be opened. Returns how many a port takes.
std::size_t connections_for(const Settings& settings) {
  const auto wanted =
      static_cast<std::size_t>(settings.config.get<std::int64_t>("limits.max_connections"));
  const auto limit = raise_descriptor_limit(65536);
  if (!limit) return wanted;
  constexpr std::size_t kOthers = 64;
  const std::size_t descriptors = *limit;
  const std::size_t ports = settings.server.backend_port == 0 ? 1 : 2;
  // An eighth more are told that there are too many.
  const std::size_t room =
      std::max<std::size_t>(1, (descriptors - std::min(kOthers, descriptors / 2)) / ports * 8 / 9);
  if (wanted <= room) return wanted;
  log::event(log::Level::kWarning, "config",
             {{"without_effect", "limits.max_connections"},
              {"reason", fmt::format("`ulimit -n` is {}, so each port has {} connections and not "
                                     "{}; raise it, or set --max-connections",
                                     descriptors, room, wanted)}});
  return room;
}

std::string address(const ServerSettings& server, std::uint16_t port) {
  const bool ipv6 = server.host.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}", ipv6 ? "[" : "", server.host, ipv6 ? "]" : "", port);
}

http::ServerOptions server_options(const Settings& settings, std::size_t connections,
                                   const std::shared_ptr<MemoryBudget>& memory) {
  http::ServerOptions out;
  out.host = settings.server.host;
  out.port = settings.server.port;
  out.handle_signals = true;
  out.memory = memory;
  // Others' requests have room, whoever does not read their answers.
  out.unsent = std::make_shared<MemoryBudget>(memory->limit() / 2);
  out.limits.message.max_body_bytes = settings.config.bytes("limits.max_body_mb");
  out.limits.max_connections = connections;
  out.limits.drain = settings.config.milliseconds("server.drain_seconds");
  return out;
}

// Null: pictures come with requests only.
std::shared_ptr<const PictureSources> open_sources(const PictureSourcesOptions& options) {
  if (!options.remote.fetches() && options.media_root.empty()) return nullptr;
  auto sources = PictureSources::open(options);
  if (!sources) fail(sources.error());
  return *std::move(sources);
}

std::shared_ptr<http::App> make_app(const Config& config,
                                    const std::shared_ptr<MemoryBudget>& memory,
                                    const std::shared_ptr<const Ending>& ending) {
  http::AppOptions out;
  out.sources = open_sources(picture_sources(config));
  out.chat.sources = out.sources.get();
  out.chat.max_images = static_cast<std::size_t>(config.get<std::int64_t>("limits.max_images"));
  out.chat.max_frames = static_cast<std::size_t>(config.get<std::int64_t>("limits.max_frames"));
  out.chat.max_image_bytes = config.bytes("limits.max_picture_mb");
  out.kept_answers = config.bytes("cache_settings.kept_answers_mb");
  out.memory = memory;
  out.version = OCELLUS_VERSION;
  out.ending = ending;
  out.shared_cache = config.get<bool>("cache_settings.shared");
  return std::make_shared<http::App>(std::move(out));
}

// What outlives the process, or is shared with others.
void open_caches(Settings& settings) {
  if (const auto age = settings.service.response_cache_age;
      settings.shared_responses && age.count() > 0)
    settings.service.shared_responses = std::make_shared<SharedResponses>(
        SharedResponsesOptions{.address = *settings.shared_responses, .max_age = age});
  if (settings.image_cache_dir.empty()) return;
  auto store = ImageStore::open(settings.image_cache_dir,
                                settings.config.bytes("cache_settings.image_cache_dir_mb"));
  if (!store.ok()) fail(store.error());
  settings.service.image_store = *std::move(store);
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

http::BackendApiOptions backend_options(const Settings& settings, const ConfigFlags& flags,
                                        std::uint16_t model_port) {
  http::BackendApiOptions out;
  BackendConfig& config = out.config;
  config.host = settings.server.host;
  config.port = model_port;
  config.video_width = settings.config.get<std::int64_t>("frontend.video_width");
  config.video_height = settings.config.get<std::int64_t>("frontend.video_height");
  config.api_base_url = settings.config.get_or<std::string>("frontend.api_base_url", {});
  if (config.api_base_url.empty())
    config.api_base_url = address(settings.server, settings.server.backend_port);
  const UiSettings& ui = settings.ui;
  if (!ui.default_instruction.empty()) config.default_instruction = ui.default_instruction;
  if (!ui.capture_intervals.empty()) config.capture_intervals = ui.capture_intervals;
  if (ui.default_interval) config.capture_interval = *ui.default_interval;
  out.keeper = config_keeper(flags, {model_port, settings.server.backend_port});
  return out;
}

http::AccessPolicy access_policy(const ServerSettings& server) {
  http::AccessPolicy access(server.api_keys, server.allowed_hosts, server.cors_origins,
                            server.trusted_proxies);
  access.set_admin_keys(server.admin_keys);
  if (std::ranges::find(server.cors_origins, "null") != server.cors_origins.end())
    log::event(log::Level::kWarning, "cors-origin null",
               {{"who", "every site's sandboxed frame has this origin"},
                {"may", "then PATCH the configuration and load models"},
                {"better", http::how_to_name("null")}});
  if (!server.guests) return access;
  access.let_guests_in();
  log::event(log::Level::kInfo, "guests",
             {{"who",
               "pages of this machine: of other ports, and files opened in its browsers, "
               "whose origin is null as that of any site's sandboxed frame is"},
              {"may", "use /status, /config and chat with loaded models"},
              {"more", "--cors-origin ORIGIN"},
              {"nothing", "OCELLUS_CORS=false"}});
  return access;
}

Ports open_ports(const Settings& settings, const ConfigFlags& flags, std::size_t connections,
                 const std::shared_ptr<MemoryBudget>& memory, const std::shared_ptr<http::App>& app,
                 const std::shared_ptr<Ending>& ending) {
  const ServerSettings& server = settings.server;
  const http::AccessPolicy access = access_policy(server);
  const auto told = [&ending](http::ServerHooks hooks) {
    hooks.on_drain = [ending] { ending->begin(); };
    hooks.on_drain_over = [ending] { ending->cut_off(); };
    return hooks;
  };
  http::ServerOptions wanted = server_options(settings, connections, memory);
  wanted.arrivals = std::make_shared<http::Arrivals>(memory);
  Ports ports;
  ports.model = open_port(wanted, app->routes(), access, told(app->hooks()));
  log::event(log::Level::kInfo, "listening",
             {{"address", address(server, ports.model->port())},
              {"keys", server.api_keys.size()},
              {"admin_keys", server.admin_keys.size()}});
  if (server.backend_port == 0) return ports;
  const auto api = std::make_shared<http::BackendApi>(
      app, backend_options(settings, flags, ports.model->port()));
  wanted.port = server.backend_port;
  wanted.port_hint = "choose another one with --backend-port, or 0 to do without the backend's API";
  auto backend = http::Server::open(wanted, api->routes(), access, told(api->hooks()));
  if (!backend && !server.backend_port_is_default) fail(backend.error());
  if (!backend) {
    // Nobody asked for this port, so it is no reason to leave the main one unserved.
    log::event(log::Level::kWarning, "backend",
               {{"warning", backend.error().message + "; serving without the backend's API"},
                {"hint", wanted.port_hint}});
    return ports;
  }
  ports.backend = std::move(*backend);
  log::event(log::Level::kInfo, "backend listening",
             {{"address", address(server, ports.backend->port())}});
  return ports;
}

void serve(const ConfigFlags& flags) {
  Config config = read_config(flags);
  Settings settings = make_settings(config);
  require_valid(config);
  configure_log(config);
  std::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more must not end the server,
  log::never_wait();              // nor one whose reader stands still stop it
  LineWriter standard_output(STDOUT_FILENO, {});
  report(config);
  check_exposure(settings.server);
  const ModelRecipe first = first_recipe(settings, flags);
  offer_pull(first.source, first.fallback);
  const std::size_t connections = connections_for(settings);
  heap::give_back_large_blocks();
  open_caches(settings);
  std::signal(SIGXFSZ, SIG_IGN);  // nor must a file of encoded pictures that may not grow so large

  if (const auto sensible = check_quantize(settings); !sensible.ok()) fail(sensible.error());
  const auto planned = plan_first_model(settings);
  if (!planned.ok()) fail(planned.error());
  const auto memory = std::make_shared<MemoryBudget>(planned->request_bytes);
  const auto ending = std::make_shared<Ending>();
  const auto app = make_app(config, memory, ending);
  settings.service.ending = ending;
  Ports ports = open_ports(settings, flags, connections, memory, app, ending);

  const auto host = make_model_host(settings, flags, planned->request_bytes);
  app->set_models(
      http::hosted_models(host, profiles(settings, flags), this_build(), settings.aliases));
  const std::string name =
      settings.active_model.empty() ? first_model_name(settings.model) : settings.active_model;
  std::atomic<bool> loaded{false};
  std::promise<void> told;
  std::optional<Error> failure;
  host->activate(name, [&](const Result<void>& result) {
    if (result.ok()) {
      const auto active = host->active();
      standard_output.write(fmt::format("ocellus serving {} at {}\n",
                                        printable(active ? active->name : name, Lines::kOne),
                                        address(settings.server, ports.model->port())));
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
    standard_output.flush(kFlush);
    log::flush(kFlush);
    std::_Exit(drained ? 0 : 130);
  }
  told.get_future().wait();
  // No worker is in the middle of a request when the models go.
  ports = {};
  app->finish();
  host->shutdown();  // cancels what still runs and joins the engines' threads
  standard_output.flush(kFlush);
  if (failure) fail(*failure);
  if (!drained) throw ExitError{130, "stopped before every request was answered"};
}

}  // namespace

void add_serve(CLI::App& app) {
  auto flags = std::make_shared<ConfigFlags>();
  CLI::App* verb = app.add_subcommand("serve", "Answer over HTTP, with OpenAI's API");
  add_config_flags(*verb, *flags);
  add_examples(*verb, {"ocellus serve --model demo --port 8080"});
  verb->callback([flags] { serve(*flags); });
}

}  // namespace oc
