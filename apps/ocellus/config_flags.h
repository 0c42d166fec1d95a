// The flags of the settings, out of their one table (api/config/schema.h), and reading all layers
// of the configuration.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/config/config.h"
#include "api/config/settings.h"
#include "verbs.h"

namespace oc {

// What was typed; outlives the CLI::App it was added to.
struct ConfigFlags {
  std::string config;                    // --config
  std::vector<std::string> assignments;  // --set
  std::map<const Key*, std::vector<std::string>> texts;
  std::map<const Key*, const CLI::Option*> switches;
};

// --config alone.
void add_config_flag(CLI::App& verb, std::string& config);
// The flag of each setting that is for `taker` (of oc::takers), and not yet there: of `group`, or
// of all of them.
void add_setting_flags(CLI::App& verb, ConfigFlags& flags, unsigned taker,
                       std::optional<std::string_view> group = std::nullopt);
// --config, --set, and the flags of all settings.
void add_config_flags(CLI::App& verb, ConfigFlags& flags);

// File, environment and flags, the later one counting. A configuration that is not there ends the
// program; what is wrong inside becomes findings.
Config read_config(const ConfigFlags& flags);
// The same with `text` in place of the file's.
Config read_config(const ConfigFlags& flags, const std::string& text);
// The flags, and $OCELLUS_ISA: for verbs that measure, convert or show. Below them, the variables
// of the settings that `taker` takes (takers::…). What is wrong ends the program with status 2.
Settings read_flags(const ConfigFlags& flags, unsigned taker = 0);

// Ends the program with status 2 and everything that is wrong, a line each, if anything is.
void require_valid(const Config& config);

// How the model of the settings is loaded. Progress goes to stderr where that is a terminal.
LoadOptions load_options(const ModelSettings& model);

}  // namespace oc
