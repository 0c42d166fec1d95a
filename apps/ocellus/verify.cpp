// ocellus verify MODEL --goldens DIR: does this machine compute what the reference computed, and
// from which files?
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "config_flags.h"
#include "io/json_text.h"
#include "runtime/library/loader.h"
#include "runtime/library/names.h"
#include "runtime/verify/certificate_store.h"
#include "runtime/verify/verify.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

struct VerifyFlags {
  std::string model, goldens;
  ConfigFlags settings;
  int max_tokens = 0;
  bool json = false;
};

void run(const VerifyFlags& flags) {
  quiet_logs();
  const EngineOptions engine = read_flags(flags.settings).model.engine;
  if (!std::filesystem::is_directory(flags.goldens))
    fail({ErrorCode::kNotFound, fmt::format("{} is not a folder", flags.goldens),
          "--goldens names a folder with text/, image/ and model/"});
  const auto folder = resolve_model(flags.model);
  if (!folder.ok()) fail(folder.error());
  const auto before = stamp_folder(*folder);
  if (!before.ok()) fail(before.error());
  auto loaded = load(flags.model, engine);
  if (!loaded.ok()) fail(loaded.error());
  const Model& model = *(*loaded)->model;
  VerifyOptions options;
  options.max_model_tokens = flags.max_tokens;
  options.rounding = rounding_of(model);
  const bool terminal = stderr_is_terminal();
  if (terminal)
    options.progress = [](std::string_view stage, std::string_view name) {
      tell_in_place(fmt::format("{} {}", stage, name));
    };
  Certificate certificate{.model = flags.model,
                          .version = OCELLUS_VERSION,
                          .engine = (*loaded)->engine->info(),
                          .fingerprint = model.info().fingerprint,
                          .files = {},
                          .report = {}};
  VerifyReport& report = certificate.report;
  int parts = 0;
  const auto count = [&](const Result<bool>& done) {
    if (!done.ok()) fail(done.error());
    parts += *done ? 1 : 0;
  };
  count(verify_text(flags.goldens, model, options, report));
  count(verify_image(flags.goldens, model, options, report));
  count(verify_model(flags.goldens, model, options, report));
  auto files = digest_folder(model.info().path, [&](const std::string& name) {
    if (options.progress) options.progress("digest of", name);
  });
  if (!files.ok()) fail(files.error());
  certificate.files = std::move(*files);
  if (terminal) tell_in_place("");
  if (parts == 0)
    fail({ErrorCode::kNotFound, fmt::format("{} holds no golden data", flags.goldens),
          "it needs text/cases.jsonl, image/cases.json or model/cases.json"});
  // To be shown by a server. The verdict stands without it.
  if (const auto kept = save_certificate(certificate, *folder, *before); !kept.ok())
    tell_line("warning: the certificate is not kept: " + kept.error().describe());
  if (flags.json) {
    show_line(json_text(certificate.json()));
  } else {
    show_line(fmt::format("{} on {}", flags.model, certificate.engine.text()));
    show(report.table() + certificate.summary());
  }
  if (report.failed() != 0) throw ExitError{1, ""};
}

}  // namespace

void add_verify(CLI::App& app) {
  const auto flags = std::make_shared<VerifyFlags>();
  CLI::App* verb = app.add_subcommand(
      "verify", "Recompute golden reference data and print the largest difference of each stage");
  verb->add_option("model", flags->model, "Model name or folder")->required();
  verb->add_option("--goldens", flags->goldens, "Folder with text/, image/ and model/")->required();
  verb->add_option("--max-tokens", flags->max_tokens,
                   "Leave out model cases with longer prompts (0: none)");
  verb->add_flag("--json", flags->json,
                 "Print the certificate as JSON: files with SHA-256, engine, stages");
  add_setting_flags(*verb, flags->settings, takers::kVerify);
  verb->callback([flags] { run(*flags); });
}

}  // namespace oc
