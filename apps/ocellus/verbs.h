// The verbs of the program. Each lives in a file of its own, adds its subcommand and flags, and
// sets the callback that runs it; a verb fails by throwing ExitError.
#pragma once

#include <CLI/CLI.hpp>
#include <stdexcept>
#include <string>

#include "base/error.h"
#include "ops/engine.h"
#include "runtime/library/loader.h"

namespace oc {

// Ends the program with `error: message` (and `hint: …`) on stderr. Status 1: it did not work;
// 2: wrong usage; 130: interrupted.
struct ExitError {
  int status = 1;
  std::string message;
  std::string hint = {};
};
[[noreturn]] void fail(const Error& error);

void add_ask(CLI::App& app);
void add_bench(CLI::App& app);
void add_chat(CLI::App& app);
void add_config(CLI::App& app);
void add_inspect(CLI::App& app);
void add_quantize(CLI::App& app);
void add_list(CLI::App& app);
void add_plan(CLI::App& app);
void add_ps(CLI::App& app);
void add_pull(CLI::App& app);
void add_rm(CLI::App& app);
void add_see(CLI::App& app);
void add_serve(CLI::App& app);
void add_show(CLI::App& app);
void add_synth(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_verify(CLI::App& app);

// --engine, --device, --threads, --activations, --kv, --isa: the same for every verb that computes.
void add_engine_flags(CLI::App& verb, EngineOptions& options);
// --preload, --mlock: for the verbs that answer. Progress goes to stderr where that is a terminal.
void add_load_flags(CLI::App& verb, LoadOptions& options);
// --model NAME|FOLDER, default "demo".
void add_model_flag(CLI::App& verb, std::string& model);

// Where `model` is one of the catalogue and not there, nor its fallback (empty: it has none): asks
// on a terminal whether to pull it, and does; fails with the command to type where there is no
// terminal, or where the answer is no. Returns at once otherwise: a fallback that is there answers,
// and the warning of load_recipe() says how to get the model.
void offer_pull(const std::string& model, const std::string& fallback = {});

}  // namespace oc
