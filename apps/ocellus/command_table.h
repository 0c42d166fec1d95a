// The verbs and flags of the program as one table, read from its parser. Help, manual pages and
// completions are made of it, so that none can say what the parser does not do.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace oc {

// A flag, or a word of the command line.
struct CommandFlag {
  std::vector<std::string> names;    // "-m", "--model"; a word has none
  std::string value;                 // "MODEL", "[IMAGE...]"; empty: the flag takes no value
  std::vector<std::string> choices;  // the only values; empty: any
  std::string meaning;
  std::string notes;  // "0 to 15; default 0; needs --quantize"; empty: none
  bool required = false;

  // "-m, --model MODEL", "--engine auto|cpu|mlx|reference"
  std::string label() const;
};

struct CommandGroup {
  std::string title;
  std::vector<CommandFlag> flags;
};

struct Command {
  std::string path;  // "ocellus config show"
  std::string name;  // "show"
  std::string meaning;
  std::vector<CommandFlag> words;
  std::vector<CommandGroup> groups;   // none is empty
  std::vector<std::string> examples;  // "ocellus config show --config mine.json"
  std::string footer;                 // what else is to be known; lines
  std::vector<Command> verbs;

  std::string usage() const;  // "ocellus ask [OPTIONS] [IMAGE...] \"question\""
};

Command command_of(const CLI::App& app);

// What completes a value.
enum class ValueKind { kOther, kFile, kModel };
ValueKind value_kind(const CommandFlag& flag);

// Lines of at most `columns` code points, broken at spaces; a longer word has a line of its own.
std::vector<std::string> in_lines(std::string_view text, std::size_t columns);
std::size_t code_points(std::string_view text);

}  // namespace oc
