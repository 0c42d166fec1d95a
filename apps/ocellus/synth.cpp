// ocellus synth --out DIR: a random checkpoint in the right format, for measuring.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <memory>

#include "models/synth.h"
#include "verbs.h"

namespace oc {
namespace {

struct SynthFlags {
  SynthOptions options;
  std::string out, tokenizer;
};

void run(SynthFlags& flags) {
  flags.options.tokenizer = flags.tokenizer;
  if (::isatty(STDERR_FILENO) != 0)
    flags.options.progress = [](std::size_t done, std::size_t total) {
      fmt::print(stderr, "\r{:5.1f} % of {} MB",
                 100.0 * static_cast<double>(done) / static_cast<double>(total), total / 1'000'000);
      if (done == total) fmt::print(stderr, "\n");
    };
  const Result<void> written = write_synth(flags.out, flags.options);
  if (!written.ok()) fail(written.error());
  fmt::print("{}: random weights ({}, {}), they know nothing\n", flags.out, flags.options.shape,
             flags.options.quant);
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
      ->capture_default_str();
  verb->add_option("--out", flags->out, "Folder to write")->required();
  verb->add_option("--tokenizer", flags->tokenizer, "Folder whose tokenizer is copied");
  verb->callback([flags] { run(*flags); });
}

}  // namespace oc
