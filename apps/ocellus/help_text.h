// What --help prints, and the formatter that makes CLI11 print it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "command_table.h"

namespace oc {

inline constexpr std::size_t kHelpColumns = 100;

// Usage, words, groups of flags, verbs, examples; lines of at most kHelpColumns, if those of the
// footer and of the examples are.
std::string help_text(const Command& command);

class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

}  // namespace oc
