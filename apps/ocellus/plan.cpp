// ocellus plan: what a model takes of memory, and what fits, before anything is loaded.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "config_flags.h"
#include "io/json_text.h"
#include "model_plan.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

struct PlanFlags : ConfigFlags {
  std::optional<std::size_t> ram;
  bool json = false;
};

void plan(const PlanFlags& flags) {
  quiet_logs();
  Config config = read_config(flags);
  const Settings settings = make_settings(config);
  require_valid(config);
  if (const auto sensible = check_quantize(settings); !sensible.ok()) fail(sensible.error());
  const auto made = plan_model(settings.model.path, settings.model.engine, settings,
                               room_for(settings, flags.ram));
  if (!made.ok()) fail(made.error());
  show(flags.json ? json_text(made->json()) + "\n" : made->table());
  if (!made->fits) throw ExitError{1, ""};
}

}  // namespace

void add_plan(CLI::App& app) {
  auto flags = std::make_shared<PlanFlags>();
  CLI::App* verb =
      app.add_subcommand("plan", "Print what a model takes of memory, and what fits into it");
  verb->add_option("--ram", flags->ram, "Plan for a machine with so much, e.g. 8G (else this one)")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::size_t{1} << 20, std::size_t{1} << 50))
      ->option_text("SIZE");
  verb->add_flag("--json", flags->json, "Print JSON")->group("Output");
  add_examples(*verb, {"ocellus plan --model demo --ram 8G"});
  add_config_flags(*verb, *flags);
  for (CLI::Option* option : verb->get_options())
    if (option->get_group() == "Answer" || option->get_group() == "Server") option->group("");
  verb->footer(
      verb->get_footer() +
      "\nserve's other flags are taken too, so that its line can be copied; they change no "
      "memory.");
  verb->callback([flags] { plan(*flags); });
}

}  // namespace oc
