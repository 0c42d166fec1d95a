// ocellus verify MODEL: does this machine compute what the reference computed, and what can be said
// of the model's own weights? With --goldens DIR: the same comparison, with data of the model's
// own.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/system/processor.h"
#include "config_flags.h"
#include "io/json_text.h"
#include "runtime/library/loader.h"
#include "runtime/library/names.h"
#include "runtime/verify/certificate_store.h"
#include "runtime/verify/examine.h"
#include "runtime/verify/own_files.h"
#include "runtime/verify/verify.h"
#include "terminal.h"
#include "verbs.h"
#include "version.h"

namespace oc {
namespace {

struct VerifyFlags {
  std::string model, goldens;
  ConfigFlags settings;
  int max_tokens = 0;
  bool json = false;
};

void compare_with(const std::string& goldens, const Model& model, const VerifyOptions& options,
                  VerifyReport& report) {
  const auto set = open_golden_set(goldens);
  if (!set.ok()) fail(set.error());
  if (const auto fits = check_golden_set(*set, model); !fits.ok()) fail(fits.error());
  int parts = 0;
  for (const auto& part : {verify_text, verify_image, verify_model}) {
    const auto done = part(goldens, model, options, report);
    if (!done.ok()) fail(done.error());
    parts += *done ? 1 : 0;
  }
  if (parts == 0)
    fail({ErrorCode::kNotFound, fmt::format("{} holds no golden data", goldens),
          "it needs text/cases.jsonl, image/cases.json or model/cases.json"});
}

std::string in_words(const std::vector<Check>& checks) {
  std::string out;
  for (const Check& check : checks) {
    std::string verdict(to_string(check.verdict));
    std::ranges::replace(verdict, '_', ' ');
    out += fmt::format("{:<13} {:<13} {}\n", verdict, check.name, check.text);
  }
  return out;
}

void show_certificate(const Certificate& certificate, bool as_json) {
  if (as_json) {
    show_line(json_text(certificate.json()));
    return;
  }
  const bool loaded = !certificate.engine.name.empty();
  show_line(loaded ? fmt::format("{} on {}", certificate.model, certificate.engine.text())
                   : certificate.model);
  show_line(fmt::format("{}; ocellus {}, commit {}", certificate.machine, certificate.build.version,
                        certificate.build.commit));
  // The stages of known checkpoints say where it goes wrong, if it does.
  if (certificate.checks.empty() || certificate.report.failed() > 0)
    show(certificate.report.table());
  show(in_words(certificate.checks) + certificate.summary());
}

// Of a model that cannot be loaded: whether its files are what they should be, and why it cannot.
[[noreturn]] void show_unloaded(const VerifyFlags& flags, const std::filesystem::path& folder,
                                const Error& error) {
  Certificate certificate{.model = flags.model, .build = this_build(), .machine = processor_name()};
  auto files = digest_folder(folder);
  if (!files.ok()) fail(error);
  certificate.files = std::move(*files);
  certificate.checks = {
      check_files(folder, certificate.files),
      {.name = "load", .verdict = Verdict::kWrong, .text = error.describe(), .figures = {}}};
  show_certificate(certificate, flags.json);
  throw ExitError{1, ""};
}

void run(const VerifyFlags& flags) {
  quiet_logs();
  const EngineOptions engine = read_flags(flags.settings).model.engine;
  if (!flags.goldens.empty() && !std::filesystem::is_directory(flags.goldens))
    fail({ErrorCode::kNotFound, fmt::format("{} is not a folder", flags.goldens),
          "--goldens names a folder with text/, image/ and model/"});
  const auto folder = resolve_model(flags.model);
  if (!folder.ok()) fail(folder.error());
  const auto before = stamp_folder(*folder);
  if (!before.ok()) fail(before.error());
  auto loaded = load(flags.model, engine);
  if (!loaded.ok() && !flags.goldens.empty()) fail(loaded.error());
  if (!loaded.ok()) show_unloaded(flags, *folder, loaded.error());
  const Model& model = *(*loaded)->model;
  Result<std::vector<GoldenSet>> sets = std::vector<GoldenSet>();
  if (flags.goldens.empty()) sets = installed_golden_sets(model.info().architecture);
  if (!sets.ok()) fail(sets.error());
  std::function<void(std::string_view, std::string_view)> progress;
  const bool terminal = stderr_redraws();
  if (terminal)
    progress = [](std::string_view stage, std::string_view name) {
      tell_in_place(fmt::format("{} {}", stage, name));
    };
  Certificate certificate{.model = flags.model,
                          .build = this_build(),
                          .machine = processor_name(),
                          .engine = (*loaded)->engine->info(),
                          .fingerprint = model.info().fingerprint,
                          .files = {},
                          .report = {},
                          .checks = {}};
  if (!flags.goldens.empty())
    compare_with(flags.goldens, model,
                 {.rounding = rounding_of(model),
                  .max_model_tokens = flags.max_tokens,
                  .progress = progress},
                 certificate.report);
  auto files = digest_folder(model.info().path, [&](const std::string& name) {
    if (progress) progress("digest of", name);
  });
  if (!files.ok()) fail(files.error());
  certificate.files = std::move(*files);
  if (flags.goldens.empty()) {
    const auto examined =
        examine(model, *sets,
                {.engine = engine, .max_model_tokens = flags.max_tokens, .progress = progress},
                certificate);
    if (!examined.ok()) fail(examined.error());
  }
  if (terminal) tell_in_place("");
  // To be shown by a server. The verdict stands without it.
  if (const auto kept = save_certificate(certificate, *folder, *before); !kept.ok())
    tell_line("warning: the certificate is not kept: " + kept.error().describe());
  show_certificate(certificate, flags.json);
  if (!certificate.verified()) throw ExitError{1, ""};
}

}  // namespace

void add_verify(CLI::App& app) {
  const auto flags = std::make_shared<VerifyFlags>();
  CLI::App* verb = app.add_subcommand("verify",
                                      "Check that this program computes right on this machine, and "
                                      "that a model's weights are whole");
  verb->add_option("model", flags->model, "Model name or folder")->required()->option_text("MODEL");
  verb->add_option(
          "--goldens", flags->goldens,
          "Compare the model's own numbers with golden data that was made with it: a folder "
          "with text/, image/ and model/")
      ->option_text("DIR");
  verb->add_option("--max-tokens", flags->max_tokens,
                   "Leave out golden cases with longer prompts (0: none)");
  verb->add_flag(
          "--json", flags->json,
          "Print the certificate as JSON: machine, engine, commit, files with SHA-256, every "
          "check and stage")
      ->group("Output");
  add_setting_flags(*verb, flags->settings, takers::kVerify);
  verb->footer("Exit status: 0 nothing is wrong (what is suspicious is told), 1 something is.");
  add_examples(*verb, {"ocellus verify demo"});
  verb->callback([flags] { run(*flags); });
}

}  // namespace oc
