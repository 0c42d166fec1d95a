#include "config_flags.h"

#include <unistd.h>

#include <cstdlib>

#include "api/config/catalogue.h"

extern "C" char** environ;  // POSIX has it, in no header

namespace oc {
namespace {

const char* type_name(Kind kind) {
  switch (kind) {
    case Kind::kBool:
      return "";
    case Kind::kInteger:
      return "INT";
    case Kind::kNumber:
      return "NUMBER";
    case Kind::kIntegers:
      return "INT,INT";
    case Kind::kString:
    case Kind::kStrings:
      return "TEXT";
  }
  return "TEXT";
}

void add_flag(CLI::App& verb, ConfigFlags& flags, const Key& key) {
  const bool negated = key.flag.starts_with('!');
  const std::string name(key.flag.substr(negated ? 1 : 0)), meaning(key.meaning);
  if (key.kind == Kind::kBool) {
    flags.switches[&key] = verb.add_flag(name, meaning);
    return;
  }
  CLI::Option* option = verb.add_option(name, flags.texts[&key], meaning)
                            ->take_all()
                            ->expected(1)
                            ->type_name(type_name(key.kind));
  if (!key.fallback.empty()) option->default_str(std::string(key.fallback));
}

// Environment and flags.
void read_upper_layers(const ConfigFlags& flags, Config& config) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  config.read_environment(variables);
  for (const auto& [key, texts] : flags.texts)
    if (!texts.empty()) config.set_flag(*key, texts);
  for (const auto& [key, option] : flags.switches)
    if (option->count() > 0)
      config.set_flag(*key,
                      std::vector<std::string>{key->flag.starts_with('!') ? "false" : "true"});
  for (const std::string& assignment : flags.assignments) config.set_assignment(assignment);
}

}  // namespace

void add_config_flag(CLI::App& verb, std::string& config) {
  verb.add_option("--config", config,
                  "Configuration: a JSON file, or a name of the catalogue, e.g. phi3_vision");
}

void add_config_flags(CLI::App& verb, ConfigFlags& flags) {
  add_config_flag(verb, flags.config);
  verb.add_option("--set", flags.assignments,
                  "Any setting, as KEY=VALUE (repeatable); `ocellus config show` lists them")
      ->take_all()
      ->expected(1);
  for (const Key& key : schema())
    if (!key.flag.empty()) add_flag(verb, flags, key);
}

Config read_config(const ConfigFlags& flags) {
  Config config;
  if (!flags.config.empty()) {
    const auto path = find_configuration(flags.config);
    if (!path.ok()) fail(path.error());
    config.read_file(*path);
    config.set_stock(comes_with_the_program(flags.config));
  }
  read_upper_layers(flags, config);
  return config;
}

Config read_config(const ConfigFlags& flags, const std::string& text) {
  Config config;
  config.read_json(text, std::filesystem::path(flags.config).filename().string());
  read_upper_layers(flags, config);
  return config;
}

void require_valid(const Config& config) {
  std::string errors;
  for (const Finding& finding : config.findings())
    if (finding.level == Finding::Level::kError)
      errors += (errors.empty() ? "" : "\nerror: ") + finding.message;
  if (!errors.empty()) throw ExitError{2, errors};
}

}  // namespace oc
