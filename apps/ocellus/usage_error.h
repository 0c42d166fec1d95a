// What is wrong with a command line, in plain words.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace oc {

struct UsageError {
  std::string message, hint;
};

// Of an error that parse() has thrown, but for --help and --version. No value of a flag is shown
// where it may be a key.
UsageError usage_error(const CLI::App& app, const CLI::ParseError& error);

// "see ocellus config show --help", of the verb that was named.
std::string see_help(const CLI::App& app);

}  // namespace oc
