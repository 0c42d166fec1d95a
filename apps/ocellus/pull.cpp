// ocellus pull NAME|ORG/REPO[@REVISION]: a model from a hub into the models folder.
#include "runtime/hub/pull.h"

#include <fmt/format.h>

#include <memory>

#include "base/units.h"
#include "progress.h"
#include "runtime/hub/names.h"
#include "runtime/library/known_models.h"
#include "runtime/library/names.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

struct PullFlags {
  std::string model;
  int connections = 8, retries = 6, timeout_s = 30;
  bool replace = false, quiet = false;
};

void run(const PullFlags& flags) {
  const auto ref = hub::parse_model_ref(flags.model);
  if (!ref.ok()) throw ExitError{2, ref.error().message, ref.error().hint};
  const auto server = hub::hub_from_environment();
  if (!server.ok()) throw ExitError{2, server.error().message, server.error().hint};

  const CatchInterrupt interrupt;
  const auto report = [&] {
    PullProgressLine line;  // is gone before anything else is printed
    hub::PullOptions options;
    options.connections = flags.connections;
    options.replace = flags.replace;
    options.patience.retries = flags.retries;
    options.patience.stall_s = flags.timeout_s;
    options.patience.cancelled = &CatchInterrupt::caught;
    if (!flags.quiet) {
      line.print(fmt::format("pulling {} at {} from {}", ref->repo, ref->revision, server->base));
      options.patience.note = [&](const std::string& text) { line.print(text); };
      options.on_progress = [&](const hub::PullProgress& progress) { line.update(progress); };
      options.on_file = [&](const std::string& name, std::uint64_t bytes) {
        line.print(fmt::format("  {}  {}", name, human_bytes(bytes)));
      };
    }
    return hub::pull(*ref, *server, options);
  }();
  if (!report.ok()) {
    if (report.error().code == ErrorCode::kCancelled)
      throw ExitError{130, report.error().message, report.error().hint};
    fail(report.error());
  }
  show_line(fmt::format("{}  {}  {}", report->name,
                        report->fetched > 0 ? human_bytes(report->bytes) : "up to date",
                        report->folder.string()));
}

}  // namespace

void offer_pull(const std::string& model, const std::string& fallback) {
  const KnownModel* entry = find_known_model(model);
  if (entry == nullptr) return;
  const auto folder = resolve_model(model);
  if (folder.ok()) return;
  if (!fallback.empty() && resolve_model(fallback).ok()) return;
  Error missing = folder.error();
  if (!fallback.empty() && fallback != model)
    missing.message += fmt::format(", nor its fallback \"{}\"", fallback);
  if (!stdin_is_terminal() || !stderr_is_terminal()) fail(missing);
  const auto server = hub::hub_from_environment();
  if (!server.ok()) throw ExitError{2, server.error().message, server.error().hint};
  if (!confirmed(fmt::format("{} is not here. Pull {} ({}) from {}?", model, entry->repo,
                             human_bytes(entry->bytes), server->base)))
    fail(missing);
  run(PullFlags{.model = model});
}

void add_pull(CLI::App& app) {
  const auto flags = std::make_shared<PullFlags>();
  CLI::App* verb = app.add_subcommand("pull", "Download a model; goes on where it was interrupted");
  std::string known;
  for (const KnownModel& entry : known_models())
    known += fmt::format("\n  {:<20} {}{}{} ({})", entry.name, entry.repo,
                         entry.revision == "main" ? "" : "@",
                         entry.revision == "main" ? "" : entry.revision, human_bytes(entry.bytes));
  verb->add_option("model", flags->model, "A known model's name, or ORG/REPO; with @REVISION")
      ->required()
      ->option_text("NAME");
  verb->add_option("--connections", flags->connections, "Ranges loaded at the same time")
      ->check(CLI::Range(1, 32))
      ->capture_default_str();
  verb->add_option("--retries", flags->retries, "Tries again, of one file, without any progress")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  verb->add_option("--timeout", flags->timeout_s, "Seconds below 1 KiB/s that end a connection")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  verb->add_flag("--replace", flags->replace, "Also over files that no pull has put there");
  verb->add_flag("-q,--quiet", flags->quiet, "No progress")->group("Output");
  verb->footer(
      "Environment: OCELLUS_HUB, the hub (https://huggingface.co); HF_TOKEN, for models\n"
      "that need an account; OCELLUS_HOME, the folder that models/ is in.\n\nKnown models:" +
      known);
  add_examples(*verb, {"ocellus pull smolvlm2-500m-4bit"});
  verb->callback([flags] { run(*flags); });
}

}  // namespace oc
