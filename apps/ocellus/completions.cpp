#include "completions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.h"

namespace oc {
namespace {

// The names of installed models, one a line.
constexpr std::string_view kModels = "ocellus list --names 2>/dev/null";
constexpr std::string_view kRemovable = "ocellus list --names --removable 2>/dev/null";

using EachVerb = std::function<void(const Command&)>;

// Calls `visit` with each verb, those that have verbs of their own before these.
void walk(const Command& command, const EachVerb& visit) {
  for (const Command& verb : command.verbs) {
    visit(verb);
    walk(verb, visit);
  }
}

// "config show": the path behind the program's name; empty for the program itself.
std::string verb_path(const Command& command) {
  const std::size_t space = command.path.find(' ');
  return space == std::string::npos ? "" : command.path.substr(space + 1);
}

// A verb and the next word with a space between them: " ask", "config show".
std::string behind_a_verb(const std::string& path) {
  return path.find(' ') == std::string::npos ? " " + path : path;
}

std::vector<CommandFlag> flags_of(const Command& command) {
  std::vector<CommandFlag> out;
  for (const CommandGroup& group : command.groups)
    out.insert(out.end(), group.flags.begin(), group.flags.end());
  return out;
}

std::vector<std::string> flag_names(const Command& command) {
  std::vector<std::string> out;
  for (const CommandFlag& flag : flags_of(command))
    out.insert(out.end(), flag.names.begin(), flag.names.end());
  return out;
}

std::vector<std::string> verb_names(const Command& command) {
  std::vector<std::string> out;
  for (const Command& verb : command.verbs) out.push_back(verb.name);
  return out;
}

// What prints the models that the words of a verb may name; empty: they name none.
std::string_view models_for(const Command& command) {
  const bool any = std::ranges::any_of(
      command.words, [](const CommandFlag& word) { return value_kind(word) == ValueKind::kModel; });
  if (!any) return {};
  return command.name == "rm" ? kRemovable : kModels;
}

// The only values of a verb's words; empty: any.
std::vector<std::string> word_choices(const Command& command) {
  for (const CommandFlag& word : command.words)
    if (!word.choices.empty()) return word.choices;
  return {};
}

// Verbs as words: their names, below another path.
std::vector<Command> as_words(const std::vector<Command>& verbs, const std::string& path) {
  std::vector<Command> out;
  for (const Command& verb : verbs) {
    Command word;
    word.path = path + " " + verb.name;
    word.name = verb.name;
    word.meaning = verb.meaning;
    word.verbs = as_words(verb.verbs, word.path);
    out.push_back(std::move(word));
  }
  return out;
}

// Verbs whose words are verbs (`ocellus man ask`) have these as their own.
Command with_verbs_as_words(Command program) {
  const std::vector<Command> all = program.verbs;
  for (Command& verb : program.verbs)
    if (std::ranges::any_of(verb.words, [](const CommandFlag& word) {
          return word.value.find("VERB") != std::string::npos;
        }))
      verb.verbs = as_words(all, verb.path);
  return program;
}

// The first clause of a meaning, for a list beside the command line.
std::string short_meaning(const std::string& meaning) {
  std::string out = meaning.substr(0, meaning.find_first_of(";:"));
  constexpr std::size_t kLongest = 72;
  if (code_points(out) > kLongest) out = in_lines(out, kLongest).front() + "…";
  return out;
}

std::string replaced(std::string_view text, std::string_view letters, std::string_view before) {
  std::string out;
  for (const char c : text) {
    if (letters.find(c) != std::string_view::npos) out += before;
    out += c;
  }
  return out;
}

// --- bash

// Lines of a case of "VERB:FLAG" where the flag's value is known.
void add_bash_values(const Command& command, std::string& out) {
  for (const CommandFlag& flag : flags_of(command)) {
    std::vector<std::string> patterns;
    for (const std::string& name : flag.names)
      patterns.push_back(fmt::format("'{}:{}'", verb_path(command), name));
    const std::string pattern = fmt::format("{}", fmt::join(patterns, "|"));
    if (!flag.choices.empty())
      out += fmt::format("    {}) words='{}' ;;\n", pattern, fmt::join(flag.choices, " "));
    else if (value_kind(flag) == ValueKind::kModel)
      out += fmt::format("    {}) words=$({}) ;;\n", pattern, kModels);
    else if (!flag.value.empty() && !flag.value.starts_with('['))
      out += fmt::format("    {}) return ;;\n", pattern);  // a file, or anything
  }
}

// --- zsh

std::string zsh_action(const CommandFlag& flag) {
  if (!flag.choices.empty()) return fmt::format("({})", fmt::join(flag.choices, " "));
  switch (value_kind(flag)) {
    case ValueKind::kModel:
      return "_ocellus_models";
    case ValueKind::kFile:
      return "_files";
    case ValueKind::kOther:
      return " ";
  }
  return " ";
}

// Within single quotes, in brackets of _arguments.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : replaced(text, "[]:\\", "\\")) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out;
}

std::string zsh_words(const Command& command, bool files) {
  if (const std::string_view models = models_for(command); !models.empty())
    return models == kModels ? "_ocellus_models" : "_ocellus_removable";
  if (const auto choices = word_choices(command); !choices.empty())
    return fmt::format("({})", fmt::join(choices, " "));
  return files ? "_files" : " ";
}

void add_zsh_verb(const Command& command, std::string& out) {
  std::string name = "_ocellus";
  for (const char c : verb_path(command)) {
    if (name == "_ocellus") name += '_';
    name += is_letter_or_digit(c) ? c : '_';
  }
  out += fmt::format("\n{}() {{\n", name);
  if (!command.verbs.empty())
    out += "  local context state state_descr line\n  typeset -A opt_args\n";
  out += "  _arguments -s -S";
  if (!command.verbs.empty()) out += " -C";
  out += " \\\n";
  for (const CommandFlag& flag : flags_of(command))
    for (const std::string& one : flag.names) {
      const bool takes = !flag.value.empty();
      out += fmt::format("    '*{}{}[{}]", one, takes && one.starts_with("--") ? "=" : "",
                         zsh_text(short_meaning(flag.meaning)));
      if (takes)
        out += fmt::format("{}:{}:{}", flag.value.starts_with('[') ? ":" : "",
                           zsh_text(flag.names.back().substr(2)), zsh_action(flag));
      out += "' \\\n";
    }
  if (command.verbs.empty()) {
    const bool files = std::ranges::any_of(command.words, [](const CommandFlag& word) {
      return value_kind(word) == ValueKind::kFile;
    });
    if (!command.words.empty())
      out += fmt::format("    '*:word:{}'\n", zsh_words(command, files));
    else
      out += "    && return\n";
    out += "}\n";
    return;
  }
  out +=
      "    '1: :->verb' '*:: :->rest' && return\n  case $state in\n    verb)\n      local -a "
      "verbs=(\n";
  for (const Command& verb : command.verbs)
    out += fmt::format("        '{}:{}'\n", verb.name, zsh_text(short_meaning(verb.meaning)));
  out += fmt::format(
      "      )\n      _describe verb verbs ;;\n"
      "    rest) (( $+functions[{0}_$words[1]] )) && {0}_$words[1] ;;\n  esac\n}}\n",
      name);
  for (const Command& verb : command.verbs) add_zsh_verb(verb, out);
}

// --- fish

std::string fish_text(const std::string& text) { return "'" + replaced(text, "'\\", "\\") + "'"; }

void add_fish_verb(const Command& command, std::string& out) {
  const std::string at =
      fmt::format("complete -c ocellus -n '__ocellus_at \"{}\"'", verb_path(command));
  for (const Command& verb : command.verbs)
    out +=
        fmt::format("{} -f -a {} -d {}\n", at, verb.name, fish_text(short_meaning(verb.meaning)));
  for (const CommandFlag& flag : flags_of(command)) {
    out += at;
    for (const std::string& name : flag.names)
      out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (!flag.choices.empty())
      out += fmt::format(" -x -a '{}'", fmt::join(flag.choices, " "));
    else if (value_kind(flag) == ValueKind::kModel)
      out += fmt::format(" -r -F -a '({})'", kModels);
    else if (value_kind(flag) == ValueKind::kFile)
      out += " -r -F";
    else if (!flag.value.empty() && !flag.value.starts_with('['))
      out += " -x";
    out += " -d " + fish_text(short_meaning(flag.meaning)) + "\n";
  }
  if (const std::string_view models = models_for(command); !models.empty())
    out += fmt::format("{} -f -a '({})'\n", at, models);
  if (const auto choices = word_choices(command); !choices.empty())
    out += fmt::format("{} -f -a '{}'\n", at, fmt::join(choices, " "));
  for (const Command& verb : command.verbs) add_fish_verb(verb, out);
}

}  // namespace

std::string bash_completion(const Command& whole) {
  const Command program = with_verbs_as_words(whole);
  std::string verbs, values, words;
  add_bash_values(program, values);
  words += fmt::format("    '') flags='{}' words='{}' ;;\n", fmt::join(flag_names(program), " "),
                       fmt::join(verb_names(program), " "));
  walk(program, [&](const Command& verb) {
    const std::string path = verb_path(verb);
    verbs += fmt::format("{}'{}'", verbs.empty() ? "" : "|", behind_a_verb(path));
    add_bash_values(verb, values);
    words += fmt::format("    '{}') flags='{}'", path, fmt::join(flag_names(verb), " "));
    if (!verb.verbs.empty()) words += fmt::format(" words='{}'", fmt::join(verb_names(verb), " "));
    if (const auto choices = word_choices(verb); !choices.empty())
      words += fmt::format(" words='{}'", fmt::join(choices, " "));
    if (const std::string_view models = models_for(verb); !models.empty())
      words += fmt::format(" words=$({})", models);
    words += " ;;\n";
  });
  return fmt::format(R"(# bash completion of ocellus: source it, or see `ocellus completion --help`.
_ocellus() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} verb= flags= words= i
  COMPREPLY=()
  # Bash takes --flag=value apart at the =.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case "$verb ${{COMP_WORDS[i]}}" in
      {}) verb="${{verb:+$verb }}${{COMP_WORDS[i]}}" ;;
    esac
  done
  case "$verb:$prev" in
{}  esac
  if [[ -z $words ]]; then
    case "$verb" in
{}    esac
    [[ $cur != -* ]] || words=$flags
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
# Where nothing is found: files.
complete -o bashdefault -o default -F _ocellus ocellus
)",
                     verbs, values, words);
}

std::string zsh_completion(const Command& whole) {
  const Command program = with_verbs_as_words(whole);
  std::string out = fmt::format(
      "#compdef ocellus\n# zsh completion of ocellus: a file _ocellus in a folder of $fpath.\n\n"
      "_ocellus_models() {{\n  local -a models=(${{(f)\"$({})\"}})\n  _describe model models\n  "
      "_files -/\n}}\n"
      "_ocellus_removable() {{\n  local -a models=(${{(f)\"$({})\"}})\n  _describe model "
      "models\n}}\n",
      kModels, kRemovable);
  add_zsh_verb(program, out);
  return out +
         "\nif [ \"$funcstack[1]\" = \"_ocellus\" ]; then\n  _ocellus \"$@\"\nelse\n  compdef "
         "_ocellus ocellus\nfi\n";
}

std::string fish_completion(const Command& whole) {
  const Command program = with_verbs_as_words(whole);
  std::string verbs;
  walk(program, [&](const Command& verb) {
    const std::string path = verb_path(verb);
    verbs += " " + fish_text(behind_a_verb(path));
  });
  std::string out = fmt::format(
      "# fish completion of ocellus: a file ocellus.fish in ~/.config/fish/completions.\n"
      "function __ocellus_at\n"
      "  set -l verb ''\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    if contains -- \"$verb $word\"{}\n"
      "      set verb (string trim -- \"$verb $word\")\n"
      "    end\n"
      "  end\n"
      "  test \"$verb\" = \"$argv[1]\"\n"
      "end\n",
      verbs);
  add_fish_verb(program, out);
  return out;
}

}  // namespace oc
