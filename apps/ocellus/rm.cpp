// ocellus rm NAME: removes a model from the models folder, and nothing else.
#include <fmt/format.h>

#include <memory>
#include <vector>

#include "base/units.h"
#include "runtime/hub/store.h"
#include "runtime/library/hf_cache.h"
#include "runtime/library/known_models.h"
#include "runtime/quantize/on_load.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

struct RmFlags {
  std::string model;
  bool yes = false;
};

// The Hugging Face cache belongs to the programs that fill it, which link its files to each other.
void refuse_what_is_not_ours(const std::string& name) {
  const std::vector<CachedModel> found = find_cached(name);
  if (found.size() > 1) fail(may_be_any_of(name, found));
  for (const CachedModel& model : found)
    throw ExitError{
        1, fmt::format("{} lies in the Hugging Face cache, which ocellus only reads", model.name),
        fmt::format("`hf cache rm model/{}` removes it there", model.name)};
}

void run(const RmFlags& flags) {
  if (flags.model == "demo" || flags.model == "ocellus-demo")
    throw ExitError{1, "the built-in model cannot be removed"};
  const KnownModel* entry = find_known_model(flags.model);
  const std::string name(entry != nullptr ? entry->repo : flags.model);
  const auto place = hub::place_of(name, false);
  if (!place.ok()) fail(place.error());
  const auto found = hub::removable(*place, name);
  if (!found.ok()) {
    refuse_what_is_not_ours(name);
    fail(found.error());
  }
  if (!flags.yes) {
    const std::string what = found->link ? "the link " + place->folder.string()
                                         : fmt::format("{} ({})", name, human_bytes(found->bytes));
    if (!stdin_is_terminal() || !stderr_is_terminal())
      throw ExitError{2, fmt::format("{} is not removed unasked", what), "say --yes"};
    if (!confirmed("Remove " + what + "?")) throw ExitError{1, "nothing was removed"};
  }
  {
    const auto lock = hub::ModelLock::take(place->lock, name);
    if (!lock.ok()) fail(lock.error());
    if (const auto removed = hub::remove_model(*place, name); !removed.ok()) fail(removed.error());
    if (!found->link) remove_quantised_copies(place->folder);
  }
  // The organisation's folder, where this was its last model.
  const std::filesystem::path parent = place->folder.parent_path();
  hub::remove_if_empty(parent, parent);
  show_line("removed " + name);
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
