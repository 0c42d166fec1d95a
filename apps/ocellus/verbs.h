// The verbs of the program. Each lives in a file of its own, adds its subcommand and flags, and
// sets the callback that runs it; a verb fails by throwing ExitError.
#pragma once

#include <CLI/CLI.hpp>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/error.h"

namespace oc {

// Ends the program with `error: message` (and `hint: …`) on stderr. Status 1: it did not work;
// 2: wrong usage; 130: interrupted.
struct ExitError {
  int status = 1;
  std::string message;
  std::string hint = {};
  bool see_help = false;  // the hint is the verb's --help
};
[[noreturn]] inline void fail(const Error& error) { throw ExitError{1, error.message, error.hint}; }

// Whole lines that can be typed, for --help and for the hint where a word is missing; every verb
// has one. They come in front of the verb's footer, if it has one by now.
void add_examples(CLI::App& verb, std::initializer_list<std::string_view> lines);

void add_ask(CLI::App& app);
void add_batch(CLI::App& app);
void add_bench(CLI::App& app);
void add_caption(CLI::App& app);
void add_chat(CLI::App& app);
void add_compare(CLI::App& app);
void add_completion(CLI::App& app);
void add_config(CLI::App& app);
void add_detect(CLI::App& app);
void add_eval(CLI::App& app);
void add_inspect(CLI::App& app);
void add_quantize(CLI::App& app);
void add_list(CLI::App& app);
void add_man(CLI::App& app);
void add_mcp(CLI::App& app);
void add_plan(CLI::App& app);
void add_point(CLI::App& app);
void add_ps(CLI::App& app);
void add_pull(CLI::App& app);
void add_rm(CLI::App& app);
void add_see(CLI::App& app);
void add_serve(CLI::App& app);
void add_show(CLI::App& app);
void add_synth(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_verify(CLI::App& app);

// Where `model` is a known one and not there, nor its fallback (empty: it has none): asks
// on a terminal whether to pull it, and does; fails with the command to type where there is no
// terminal, or where the answer is no. Returns at once otherwise: a fallback that is there answers,
// and the warning of load_recipe() says how to get the model.
void offer_pull(const std::string& model, const std::string& fallback = {});

}  // namespace oc
