#include <fmt/format.h>

#include <cstdlib>

#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

void show_progress(std::size_t done, std::size_t total) {
  if (done < total)
    tell_in_place(fmt::format("reading weights, {} % …", done * 100 / total));
  else
    tell_in_place("");
}

void show_quantizing(std::size_t done, std::size_t total) {
  if (done < total)
    tell_in_place(fmt::format("quantising, {} % …", done * 100 / total));
  else
    tell_in_place("");
}

}  // namespace

void fail(const Error& error) { throw ExitError{1, error.message, error.hint}; }

void add_engine_flags(CLI::App& verb, EngineOptions& options) {
  constexpr const char* kGroup = "Engine";
  verb.add_option(
          "--engine", options.engine,
          "What computes: cpu, mlx, reference (slow, exact); auto: mlx with a GPU, else cpu")
      ->check(CLI::IsMember({"auto", "cpu", "mlx", "reference"}))
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--device", options.device, "Where it computes: cpu, gpu (with mlx) or auto")
      ->check(CLI::IsMember({"auto", "cpu", "gpu"}))
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--threads", options.threads,
                  "Worker threads; 0: one a processor core that the process may use")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--activations", options.activations,
                  "Precision of activations: int8 (cpu, quantised weights), half (mlx: as the "
                  "weights), f32, or auto (int8 on cpu, half on a GPU)")
      ->check(CLI::IsMember({"auto", "int8", "half", "f32"}))
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option(
          "--kv", options.kv,
          "Precision of cached keys and values: f16, q8 (cpu; int8: half of f16's memory) or f32")
      ->check(CLI::IsMember({"f16", "q8", "f32"}))
      ->capture_default_str()
      ->group(kGroup);
  if (const char* isa = std::getenv("OCELLUS_ISA"); isa != nullptr && *isa != '\0')
    options.isa = isa;
  verb.add_option("--isa", options.isa,
                  "SIMD target to force, e.g. scalar, avx2; auto: the best (else $OCELLUS_ISA)")
      ->capture_default_str()
      ->group(kGroup);
}

void add_load_flags(CLI::App& verb, LoadOptions& options) {
  using Weights = LoadOptions::Weights;
  constexpr const char* kGroup = "Loading";
  verb.add_flag_callback(
          "--preload",
          [&options] {
            if (options.weights != Weights::kLock) options.weights = Weights::kPreload;
          },
          "Wait until all weights are in memory (default: 0.3 s, the rest behind)")
      ->group(kGroup);
  verb.add_flag_callback(
          "--mlock", [&options] { options.weights = Weights::kLock; },
          "The same, and never let the system take them out again")
      ->group(kGroup);
  CLI::Option* quantize =
      verb.add_option("--quantize", options.quantize_bits,
                      "Quantise a checkpoint in full precision to 4 or 8 bits first, and keep the "
                      "copy")
          ->check(CLI::IsMember({4, 8}))
          ->group(kGroup);
  verb.add_option("--group", options.quantize_group,
                  "Weights that share a scale and a bias then: 32, 64 or 128")
      ->check(CLI::IsMember({32, 64, 128}))
      ->capture_default_str()
      ->needs(quantize)
      ->group(kGroup);
  if (stderr_is_terminal()) {
    options.progress = show_progress;
    options.quantize_progress = show_quantizing;
  }
}

void add_model_flag(CLI::App& verb, std::string& model) {
  verb.add_option("-m,--model", model,
                  "Model: a folder, a name below $OCELLUS_HOME/models, or demo (the built-in one)")
      ->capture_default_str();
}

}  // namespace oc
