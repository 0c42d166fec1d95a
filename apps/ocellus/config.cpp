// ocellus config show, ocellus config check: what the configuration is, and what is wrong with it.
#include <fmt/format.h>

#include <memory>

#include "api/config/catalogue.h"
#include "config_flags.h"
#include "io/json_text.h"
#include "terminal.h"

namespace oc {
namespace {

struct ShowFlags : ConfigFlags {
  bool json = false;
};

std::string shown_value(const Config& config, const Key& key) {
  if (!key.secret) return to_text(config.value(key.path));
  const std::size_t held = secrets(config, key);
  return held == 0 ? "-" : fmt::format("{}, not shown", held);
}

std::string shown_source(const Source& source) {
  if (source.origin == SettingOrigin::kDefault) return "default";
  return fmt::format("{} {}", to_string(source.origin), source.name);
}

void print_findings(const Config& config) {
  for (const Finding& finding : config.findings())
    tell_line((finding.level == Finding::Level::kError ? "error: " : "warning: ") +
              finding.message);
}

void show_config(const ShowFlags& flags) {
  quiet_logs();
  Config config = read_config(flags);
  make_settings(config);
  if (flags.json) {
    show_line(json_text(to_json(config)));
  } else {
    for (const Key& key : schema())
      if (key.reason.empty())
        show_line(fmt::format("{:<44} {:<28} {}", key.path, shown_value(config, key),
                              shown_source(config.source(key.path))));
    const auto ineffective = config.without_effect();
    if (!ineffective.empty()) show("\naccepted without effect:\n");
    for (const auto& [reason, keys] : ineffective)
      for (const std::string_view key : keys) show_line(fmt::format("{:<44} {}", key, reason));
  }
  print_findings(config);
  if (config.has_errors()) throw ExitError{1, "the configuration is not valid"};
}

void check(const std::string& name) {
  quiet_logs();
  const auto path = find_configuration(name);
  if (!path.ok()) fail(path.error());
  Config config;
  config.read_file(*path);
  make_settings(config);
  print_findings(config);
  for (const auto& [reason, keys] : config.without_effect())
    for (const std::string_view key : keys)
      show_line(fmt::format("without effect: \"{}\": {}", key, reason));
  if (config.has_errors())
    throw ExitError{1, fmt::format("{} is not valid", path->filename().string())};
  show_line(path->filename().string() + " is valid");
}

}  // namespace

void add_config(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("config", "Show or check the configuration");
  verb->require_subcommand(1);

  auto flags = std::make_shared<ShowFlags>();
  CLI::App* show_verb =
      verb->add_subcommand("show", "Every setting, its value, and where that came from");
  add_config_flags(*show_verb, *flags);
  show_verb->add_flag("--json", flags->json, "Print one JSON object")->group("Output");
  add_examples(*show_verb, {"ocellus config show --config phi3_vision"});
  show_verb->callback([flags] { show_config(*flags); });

  auto name = std::make_shared<std::string>();
  CLI::App* check_verb = verb->add_subcommand("check", "Everything that is wrong with a file");
  check_verb->add_option("file", *name, "A JSON file, or a name of the catalogue")
      ->required()
      ->option_text("FILE");
  add_examples(*check_verb, {"ocellus config check mine.json"});
  check_verb->callback([name] { check(*name); });
}

}  // namespace oc
