#include "config_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "api/config/write_back.h"
#include "http/access.h"
#include "http/listen_check.h"

namespace oc {
namespace {

// The first thing that is wrong.
std::optional<std::string> error_of(const Config& config) {
  for (const Finding& finding : config.findings())
    if (finding.level == Finding::Level::kError) return finding.message;
  return std::nullopt;
}

struct Checked {
  ServerSettings server;
  std::optional<std::string> error;
};

Checked checked(Config config) {
  Checked out;
  out.server = make_settings(config).server;
  out.error = error_of(config);
  return out;
}

class Keeper {
 public:
  Keeper(ConfigFlags flags, std::vector<std::uint16_t> own_ports)
      : flags_(std::move(flags)), own_ports_(std::move(own_ports)) {}

  Result<void> check(const std::string& changes) const {
    OC_ASSIGN_OR_RETURN(const std::string old_text, changed_text(flags_.config, "{}"));
    OC_ASSIGN_OR_RETURN(const std::string text, changed_text(flags_.config, changes));
    if (text == old_text) return {};
    const Checked before = of_file(old_text), after = of_file(text);
    const Checked next_start = checked(read_config(flags_, text));
    if (before.error)
      return Error{ErrorCode::kUnavailable, *before.error, "mend the file: no start would read it"};
    for (const Checked* one : {&after, &next_start})
      if (one->error)
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("the next start would refuse it: {}", *one->error),
                     "nothing was changed", "server"};
    OC_RETURN_IF_ERROR(check_server(before.server, after.server, next_start.server));
    return try_to_replace(flags_.config, text);
  }

  Result<void> keep(const std::string& changes) const {
    OC_ASSIGN_OR_RETURN(const std::string old_text, changed_text(flags_.config, "{}"));
    OC_ASSIGN_OR_RETURN(const std::string text, changed_text(flags_.config, changes));
    if (text == old_text) return {};
    return replace_file(flags_.config, text);
  }

 private:
  Checked of_file(const std::string& text) const {
    Config config;
    config.read_json(text, std::filesystem::path(flags_.config).filename().string());
    return checked(std::move(config));
  }

  // `before` and `after`: what the file says; `next`: with variables and flags above it.
  Result<void> check_server(const ServerSettings& before, const ServerSettings& after,
                            const ServerSettings& next) const {
    if (before.host == after.host && before.port == after.port) return {};
    const bool ours = std::ranges::find(own_ports_, after.port) != own_ports_.end();
    OC_RETURN_IF_ERROR(http::check_listen(after.host, ours ? std::uint16_t{0} : after.port));
    if (before.host != after.host && is_exposed(next, after.host))
      return Error{ErrorCode::kInvalidArgument,
                   "\"server.host\" would open the server to others without an API key",
                   "set OCELLUS_API_KEY first, or server.insecure if that is what you want",
                   "server.host"};
    if (after.port != 0 && after.port == next.backend_port)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"server.port\": {} is the port of the backend's API", after.port),
                   "choose another one", "server.port"};
    return {};
  }

  ConfigFlags flags_;
  std::vector<std::uint16_t> own_ports_;
};

}  // namespace

bool is_exposed(const ServerSettings& server, const std::string& host) {
  const bool local = host == "localhost" || http::is_loopback(host);
  return !local && server.api_keys.empty() && !server.insecure;
}

http::ConfigKeeper config_keeper(const ConfigFlags& flags, std::vector<std::uint16_t> own_ports) {
  if (flags.config.empty() || !std::filesystem::is_regular_file(flags.config)) return {};
  const auto keeper = std::make_shared<const Keeper>(flags, std::move(own_ports));
  return {[keeper](const std::string& changes) { return keeper->check(changes); },
          [keeper](const std::string& changes) { return keeper->keep(changes); }};
}

}  // namespace oc
