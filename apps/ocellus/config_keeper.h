// What a PATCH of the backend's API changes is kept in the configuration file of `serve --config`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/config/settings.h"
#include "config_flags.h"
#include "http/backend_api.h"

namespace oc {

// Others could use a server of these settings at `host` without a key, and nobody has said that
// they may.
bool is_exposed(const ServerSettings& server, const std::string& host);

// Empty where there is no file of one's own: the catalogue's stay as they are. `own_ports`: those
// that this process listens on. A change is refused (kInvalidArgument) unless the next start, with
// the same flags and variables, would read the file and listen.
http::ConfigKeeper config_keeper(const ConfigFlags& flags, std::vector<std::uint16_t> own_ports);

}  // namespace oc
