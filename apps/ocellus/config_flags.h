// The flags that set the configuration, and reading all of its layers.
#pragma once

#include <map>
#include <string>
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
// --config, --set, and the flag of every key of the schema that has one.
void add_config_flags(CLI::App& verb, ConfigFlags& flags);

// File, environment and flags, the later one counting. A configuration that is not there ends the
// program; what is wrong inside becomes findings.
Config read_config(const ConfigFlags& flags);
// The same with `text` in place of the file's.
Config read_config(const ConfigFlags& flags, const std::string& text);

// Ends the program with status 2 and everything that is wrong, if anything is.
void require_valid(const Config& config);

}  // namespace oc
