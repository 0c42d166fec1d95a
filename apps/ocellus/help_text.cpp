#include "help_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace oc {
namespace {

constexpr std::size_t kLabelColumns = 28;  // a longer label has a line of its own

struct HelpRow {
  std::string label, text;
};

HelpRow row_of(const CommandFlag& flag) {
  return {flag.label(),
          flag.notes.empty() ? flag.meaning : fmt::format("{} ({})", flag.meaning, flag.notes)};
}

std::string rows_text(const std::string& title, const std::vector<HelpRow>& rows) {
  std::size_t width = 0;
  for (const HelpRow& row : rows)
    if (const std::size_t size = code_points(row.label); size <= kLabelColumns)
      width = std::max(width, size);
  width = std::max<std::size_t>(width, 12);
  std::string out = "\n" + title + ":\n";
  for (const HelpRow& row : rows) {
    const std::size_t size = code_points(row.label);
    out += "  " + row.label;
    std::size_t at = size;
    for (const std::string& line : in_lines(row.text, kHelpColumns - width - 4)) {
      if (at > width) out += "\n  ", at = 0;
      out += std::string(width + 2 - at, ' ') + line;
      at = kHelpColumns;  // the next one begins a line
    }
    out += "\n";
  }
  return out;
}

}  // namespace

std::string help_text(const Command& command) {
  std::string out;
  for (const std::string& line : in_lines(command.meaning, kHelpColumns)) out += line + "\n";
  out += "\nUsage: " + command.usage() + "\n";
  std::vector<HelpRow> rows;
  for (const CommandFlag& word : command.words) rows.push_back(row_of(word));
  if (!rows.empty()) out += rows_text("Arguments", rows);
  const auto add_verbs = [&] {
    rows.clear();
    for (const Command& verb : command.verbs) rows.push_back({verb.name, verb.meaning});
    if (!rows.empty()) out += rows_text("Verbs", rows);
  };
  add_verbs();
  for (const CommandGroup& group : command.groups) {
    rows.clear();
    for (const CommandFlag& flag : group.flags) rows.push_back(row_of(flag));
    out += rows_text(group.title, rows);
  }
  if (!command.examples.empty()) out += "\nExamples:\n";
  for (const std::string& example : command.examples) out += "  " + example + "\n";
  if (!command.footer.empty()) out += "\n" + command.footer + "\n";
  return out;
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string /*name*/,
                                     CLI::AppFormatMode /*mode*/) const {
  return help_text(command_of(*app));
}

}  // namespace oc
