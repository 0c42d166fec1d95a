#include "config_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>

#include "api/config/catalogue.h"
#include "base/environment.h"
#include "terminal.h"

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

// As CLI11 writes its own checks: "TEXT:{auto,cpu}", "INT:INT in [0 - 1024]".
std::string type_in_help(const Key& key) {
  const std::string type(key.value.empty() ? type_name(key.kind) : key.value);
  const std::string bounds = allowed_in_help(key);
  if (bounds.empty()) return type;
  if (bounds.starts_with('{')) return type + ":" + bounds;
  return fmt::format("{}:{} in {}", type, key.kind == Kind::kNumber ? "NUMBER" : "INT", bounds);
}

// Lists take what several say. Of another flag that serve's verbs are given twice the last one
// counts, so that a script's can be overruled; for the others that is wrong usage.
bool may_be_repeated(const Key& key, unsigned taker) {
  return key.kind == Kind::kStrings || key.kind == Kind::kIntegers || taker == takers::kServe;
}

void add_flag(CLI::App& verb, ConfigFlags& flags, const Key& key, unsigned taker) {
  const bool negated = key.flag.starts_with('!');
  const std::string name(key.flag.substr(negated ? 1 : 0)), meaning(key.meaning);
  CLI::Option* option = nullptr;
  if (key.kind == Kind::kBool) {
    option = verb.add_flag(name, meaning);
    flags.switches[&key] = option;
  } else {
    option = verb.add_option(name, flags.texts[&key], meaning)
                 ->expected(key.bare.empty() ? 1 : 0, 1)
                 ->allow_extra_args(false)  // what follows is a word of the verb's
                 ->type_name(type_in_help(key));
    if (may_be_repeated(key, taker)) option->take_all();
    // What the parser takes for a value that is left out; there it shall be an empty one.
    if (!key.fallback.empty() && key.bare.empty()) option->default_str(std::string(key.fallback));
  }
  if (!key.group.empty()) option->group(std::string(key.group));
  if (!key.needs.empty() && taker != takers::kServe)
    option->needs(verb.get_option(std::string(flag_name(*find_key(key.needs)))));
}

void read_typed(const ConfigFlags& flags, Config& config) {
  for (const auto& [key, texts] : flags.texts) {
    const bool alone = !key->bare.empty() && !texts.empty() && texts.back().empty();
    if (alone) config.set_flag(*key, std::vector<std::string>{std::string(key->bare)});
    if (!alone && !texts.empty()) config.set_flag(*key, texts);
  }
  for (const auto& [key, option] : flags.switches)
    if (option->count() > 0)
      config.set_flag(*key,
                      std::vector<std::string>{key->flag.starts_with('!') ? "false" : "true"});
  for (const std::string& assignment : flags.assignments) config.set_assignment(assignment);
}

void show_weights_read(std::size_t done, std::size_t total) {
  tell_in_place(done < total ? fmt::format("reading weights, {} % …", done * 100 / total) : "");
}

void show_weights_quantised(std::size_t done, std::size_t total) {
  tell_in_place(done < total ? fmt::format("quantising, {} % …", done * 100 / total) : "");
}

// Environment and flags.
void read_upper_layers(const ConfigFlags& flags, Config& config) {
  config.read_environment(environment_variables());
  read_typed(flags, config);
}

}  // namespace

void add_config_flag(CLI::App& verb, std::string& config) {
  verb.add_option("--config", config,
                  "Configuration: a JSON file, or a name of the catalogue, e.g. phi3_vision")
      ->option_text("FILE|NAME")
      ->group("Model");
}

void add_setting_flags(CLI::App& verb, ConfigFlags& flags, unsigned taker,
                       std::optional<std::string_view> group) {
  for (const Key& key : schema()) {
    const bool there = flags.texts.contains(&key) || flags.switches.contains(&key);
    const bool wanted = (key.verbs & taker) != 0 && (!group || key.group == *group);
    if (!key.flag.empty() && wanted && !there) add_flag(verb, flags, key, taker);
  }
}

void add_config_flags(CLI::App& verb, ConfigFlags& flags) {
  add_config_flag(verb, flags.config);
  verb.add_option("--set", flags.assignments,
                  "Any setting (repeatable); `ocellus config show` lists them")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false)
      ->option_text("KEY=VALUE")
      ->group("Model");
  add_setting_flags(verb, flags, takers::kServe);
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

Settings read_flags(const ConfigFlags& flags, unsigned taker) {
  std::vector<std::string> variables = environment_variables();
  std::erase_if(variables, [&](const std::string& variable) {
    const std::string name = variable.substr(0, variable.find('='));
    return name != "OCELLUS_ISA" && std::ranges::none_of(schema(), [&](const Key& key) {
             return (key.verbs & taker) != 0 && environment_name(key) == name;
           });
  });
  Config config;
  config.read_environment(variables);
  read_typed(flags, config);
  Settings settings = make_settings(config);
  require_valid(config);
  return settings;
}

LoadOptions load_options(const ModelSettings& model) {
  LoadOptions options;
  options.weights = model.weights;
  if (model.quantize) {
    options.quantize_bits = model.quantize->bits;
    options.quantize_group = model.quantize->group_size;
  }
  if (stderr_redraws()) {
    options.progress = show_weights_read;
    options.quantize_progress = show_weights_quantised;
  }
  return options;
}

void require_valid(const Config& config) {
  const auto is_error = [](const Finding& finding) {
    return finding.level == Finding::Level::kError;
  };
  std::vector<Finding> errors;
  std::ranges::copy_if(config.findings(), std::back_inserter(errors), is_error);
  if (errors.empty()) return;
  for (const Finding& error : std::span(errors).first(errors.size() - 1))
    tell_line("error: " + error.message);
  const bool typed = std::ranges::any_of(errors, &Finding::typed);
  throw ExitError{2, errors.back().message, {}, typed};
}

}  // namespace oc
