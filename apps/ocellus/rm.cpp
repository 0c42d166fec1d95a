// ocellus rm NAME: removes a model from the models folder, and nothing else.
#include <fmt/format.h>

#include <memory>

#include "base/units.h"
#include "runtime/hub/remove.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

struct RmFlags {
  std::string model;
  bool yes = false;
};

void run(const RmFlags& flags) {
  const auto found = hub::find_to_remove(flags.model);
  if (!found.ok()) fail(found.error());
  if (!flags.yes) {
    const std::string what =
        found->what.link ? "the link " + found->place.folder.string()
                         : fmt::format("{} ({})", found->name, human_bytes(found->what.bytes));
    if (!stdin_is_terminal() || !stderr_is_terminal())
      throw ExitError{2, fmt::format("{} is not removed unasked", what), "say --yes"};
    if (!confirmed("Remove " + what + "?")) throw ExitError{1, "nothing was removed"};
  }
  if (const auto removed = hub::remove_found(*found); !removed.ok()) fail(removed.error());
  show_line("removed " + found->name);
}

}  // namespace

void add_rm(CLI::App& app) {
  const auto flags = std::make_shared<RmFlags>();
  CLI::App* verb = app.add_subcommand("rm", "Remove a model from the models folder");
  verb->add_option("model", flags->model, "Its name, as `ocellus list` shows it")
      ->required()
      ->option_text("MODEL");
  add_examples(*verb, {"ocellus rm smolvlm2-500m-4bit"});
  verb->add_flag("-y,--yes", flags->yes, "Do not ask");
  verb->callback([flags] { run(*flags); });
}

}  // namespace oc
