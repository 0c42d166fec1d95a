// ocellus synth --out DIR: a random checkpoint in the right format, for measuring.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "models/synth.h"
#include "terminal.h"
#include "verbs.h"
#include "whole_number.h"

namespace oc {
namespace {

struct SynthFlags {
  SynthOptions options;
  std::string out, tokenizer;
};

void run(SynthFlags& flags) {
  flags.options.tokenizer = flags.tokenizer;
  if (stderr_redraws())
    flags.options.progress = [](std::size_t done, std::size_t total) {
      tell_in_place(fmt::format("{:5.1f} % of {} MB",
                                100.0 * static_cast<double>(done) / static_cast<double>(total),
                                total / 1'000'000));
      if (done == total) tell("\n");
    };
  const Result<void> written = write_synth(flags.out, flags.options);
  if (!written.ok()) fail(written.error());
  show_line(fmt::format("{}: random weights ({}, {}), they know nothing", flags.out,
                        flags.options.shape, flags.options.quant));
}

}  // namespace

void add_synth(CLI::App& app) {
  const auto flags = std::make_shared<SynthFlags>();
  CLI::App* verb = app.add_subcommand("synth", "Write a random checkpoint, for measuring");
  verb->add_option("--shape", flags->options.shape,
                   fmt::format("One of {}", fmt::join(synth_shapes(), ", ")))
      ->capture_default_str();
  verb->add_option("--quant", flags->options.quant, "mlx4, mlx8 or bf16")->capture_default_str();
  verb->add_option("--seed", flags->options.seed, "Equal seeds give equal files")
      ->check(whole_number())
      ->capture_default_str();
  verb->add_option("--out", flags->out, "Folder to write")->required()->option_text("DIR");
  verb->add_option("--tokenizer", flags->tokenizer, "Folder whose tokenizer is copied")
      ->option_text("DIR");
  add_examples(*verb, {"ocellus synth --shape tiny --out tiny"});
  verb->callback([flags] { run(*flags); });
}

}  // namespace oc
