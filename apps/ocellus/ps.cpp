// ocellus ps: the models of a running server.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <chrono>
#include <cstdlib>
#include <memory>

#include "base/environment.h"
#include "base/units.h"
#include "io/json_text.h"
#include "runtime/hub/http.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

namespace json = boost::json;

struct PsFlags {
  std::string url = "http://127.0.0.1:8080", key;
  bool as_json = false;
};

// The body of GET /status. The key goes over https, or to this machine, only.
std::string fetch_status(const PsFlags& flags) {
  constexpr int kSilence_s = 10;
  constexpr std::chrono::seconds kWhole{30};  // however slowly bytes come
  constexpr std::size_t kMax = 4u << 20;
  const auto server = hub::make_hub(flags.url, flags.key);
  if (!server.ok()) throw ExitError{2, server.error().message, server.error().hint};
  hub::HttpClient client(*server, kSilence_s);
  std::string body;
  std::optional<hub::HttpOutcome> outcome;
  hub::HttpRequest request;
  request.url = server->base + "/status";
  request.on_data = [&](std::span<const std::byte> bytes) {
    body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return body.size() <= kMax;
  };
  request.on_done = [&](const hub::HttpOutcome& done) { outcome = done; };
  client.start(std::move(request));
  for (const auto end = std::chrono::steady_clock::now() + kWhole; !outcome;) {
    client.step(std::chrono::milliseconds(100));
    if (!outcome && std::chrono::steady_clock::now() >= end)
      throw ExitError{1, fmt::format("{} has not answered in {} s", flags.url, kWhole.count()),
                      "is it a server of ocellus?"};
  }
  const long status = outcome->head.status;
  if (status == 401)
    throw ExitError{
        1, flags.url + " wants another API key",
        "--api-key or $OCELLUS_API_KEY; it is sent over https and to this machine only"};
  if (!outcome->failure.empty() && status == 0)
    throw ExitError{1, fmt::format("no server at {}: {}", flags.url, outcome->failure),
                    "start one with `ocellus serve`, or name another with --url"};
  if (status != 200 || !outcome->failure.empty())
    throw ExitError{1, fmt::format("{} answered with status {}", flags.url, status),
                    "is it a server of ocellus?"};
  return body;
}

std::string text_of(const json::object& model, std::string_view key) {
  const json::value* value = model.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::uint64_t number_of(const json::object& model, std::string_view key) {
  const json::value* value = model.if_contains(key);
  return value != nullptr && value->is_int64() && value->get_int64() > 0
             ? static_cast<std::uint64_t>(value->get_int64())
             : 0;
}

void print_table(const json::array& models) {
  std::size_t width = 4;
  for (const json::value& model : models)
    if (model.is_object()) width = std::max(width, text_of(model.get_object(), "name").size());
  show_line(fmt::format("{:<{}}  {:<8}  {:>8}  {:>10}  {:>8}", "NAME", width, "STATE", "MEMORY",
                        "IDLE", "REQUESTS"));
  for (const json::value& value : models) {
    if (!value.is_object()) continue;
    const json::object& model = value.get_object();
    const std::uint64_t bytes = number_of(model, "memory_bytes");
    const std::string idle =
        bytes == 0 ? "-" : human_seconds(static_cast<double>(number_of(model, "idle_ms")) / 1000);
    std::string line =
        fmt::format("{:<{}}  {:<8}  {:>8}  {:>10}  {:>8}", text_of(model, "name"), width,
                    text_of(model, "state"), bytes == 0 ? "-" : human_bytes(bytes), idle,
                    number_of(model, "requests"));
    if (const json::value* active = model.if_contains("active");
        active != nullptr && active->is_bool() && active->get_bool())
      line += "  active";
    if (const std::string why = text_of(model, "fallback_reason"); !why.empty())
      line += "  full precision, because: " + why;
    if (const std::string why = text_of(model, "why"); !why.empty()) line += "  " + why;
    show_line(line);
  }
}

void run(PsFlags flags) {
  // One of several keys does.
  if (const auto keys = environment("OCELLUS_API_KEY"); flags.key.empty() && keys)
    flags.key = keys->substr(0, keys->find(','));
  const std::string body = fetch_status(flags);
  boost::system::error_code error;
  const json::value document = json::parse(body, error);
  const json::value* models =
      !error && document.is_object() ? document.get_object().if_contains("models") : nullptr;
  if (models == nullptr || !models->is_array())
    throw ExitError{1, flags.url + " is no server of ocellus: its /status lists no models"};
  if (flags.as_json) return show_line(json_text(*models));
  print_table(models->get_array());
}

}  // namespace

void add_ps(CLI::App& app) {
  const auto flags = std::make_shared<PsFlags>();
  CLI::App* verb = app.add_subcommand("ps", "Show the models of a running server");
  verb->add_option("--url", flags->url, "The server, either of its ports")
      ->capture_default_str()
      ->type_name("URL");
  verb->add_option("--api-key", flags->key, "Its key; better: $OCELLUS_API_KEY")
      ->option_text("KEY");
  verb->add_flag("--json", flags->as_json, "Print JSON")->group("Output");
  add_examples(*verb, {"ocellus ps"});
  verb->callback([flags] { run(*flags); });
}

}  // namespace oc
