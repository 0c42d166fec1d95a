#include "verbs.h"

namespace oc {

void fail(const Error& error) { throw ExitError{1, error.message, error.hint}; }

void add_engine_flags(CLI::App& verb, EngineOptions& options) {
  constexpr const char* kGroup = "Engine";
  verb.add_option("--engine", options.engine, "What computes: auto, cpu or reference (slow, exact)")
      ->check(CLI::IsMember({"auto", "cpu", "reference"}))
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--threads", options.threads, "Worker threads; 0: all that the process may use")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--activations", options.activations,
                  "Precision of activations against quantised weights: int8 or f32")
      ->check(CLI::IsMember({"int8", "f32"}))
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--kv", options.kv, "Precision of cached keys and values: f16 or f32")
      ->check(CLI::IsMember({"f16", "f32"}))
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--isa", options.isa, "SIMD target to force, e.g. scalar, avx2; auto: the best")
      ->capture_default_str()
      ->group(kGroup);
}

void add_model_flag(CLI::App& verb, std::string& model) {
  verb.add_option("-m,--model", model,
                  "Model: a folder, a name below $OCELLUS_HOME/models, or demo (the built-in one)")
      ->capture_default_str();
}

}  // namespace oc
