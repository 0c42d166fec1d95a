#include "man_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/ascii.h"

namespace oc {
namespace {

// Text in which no letter has a meaning of roff's.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
      out += fmt::format("\\&{}", c);
    else
      out += c;
  }
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + roff(text) + "\\fR"; }

void add_flag(const CommandFlag& flag, std::string& out) {
  out += ".TP\n";
  for (std::size_t i = 0; i < flag.names.size(); ++i)
    out += (i == 0 ? "" : ", ") + bold(flag.names[i]);
  if (!flag.value.empty()) out += (flag.names.empty() ? "" : " ") + italic(flag.value);
  out += "\n" + roff(flag.meaning);
  if (!flag.notes.empty()) out += " (" + roff(flag.notes) + ")";
  out += ".\n";
}

void add_lines(std::string_view title, std::string_view text, std::string& out) {
  out += fmt::format(".SH {}\n.nf\n{}\n.fi\n", title, roff(text));
}

}  // namespace

std::string man_name(const Command& command) {
  std::string name = command.path;
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string man_page(const Command& command, const std::string& version) {
  const std::string name = man_name(command);
  std::string title = name, meaning = command.meaning;
  for (char& c : title) c = upper(c);
  while (meaning.ends_with('.')) meaning.pop_back();
  if (!meaning.empty()) meaning[0] = lower(meaning[0]);
  std::string out = fmt::format(".TH {} 1 \"\" \"ocellus {}\" \"ocellus\"\n.SH NAME\n{} \\- {}\n",
                                roff(title), version, roff(name), roff(meaning));
  out += ".SH SYNOPSIS\n" + bold(command.path) +
         roff(std::string_view(command.usage()).substr(command.path.size())) + "\n";
  if (!command.words.empty()) out += ".SH ARGUMENTS\n";
  for (const CommandFlag& word : command.words) add_flag(word, out);
  if (!command.verbs.empty()) out += ".SH VERBS\n";
  for (const Command& verb : command.verbs)
    out += ".TP\n" + bold(man_name(verb)) + "(1)\n" + roff(verb.meaning) + ".\n";
  if (!command.groups.empty()) out += ".SH OPTIONS\n";
  for (const CommandGroup& group : command.groups) {
    if (group.title != "Options") out += ".SS " + roff(group.title) + "\n";
    for (const CommandFlag& flag : group.flags) add_flag(flag, out);
  }
  std::string examples;
  for (const std::string& example : command.examples)
    examples += (examples.empty() ? "" : "\n") + example;
  if (!examples.empty()) add_lines("EXAMPLES", examples, out);
  if (!command.footer.empty()) add_lines("NOTES", command.footer, out);
  const std::string above = name.substr(0, name.rfind('-'));
  if (above != name) out += ".SH SEE ALSO\n" + bold(above) + "(1)\n";
  return out;
}

}  // namespace oc
