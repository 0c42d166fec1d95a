#include "command_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "verbs.h"

namespace oc {
namespace {

constexpr std::string_view kExamples = "Examples:\n";

// The order of groups in help; others follow as they come.
constexpr std::array<std::string_view, 11> kGroupOrder = {
    "Options", "Pictures", "Answer",           "Output", "Model", "Several models",
    "Server",  "Machine",  "A running server", "Limits", "Caches"};

std::vector<std::string> parts_of(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (!text.empty()) {
    out.emplace_back(text.substr(0, text.find(separator)));
    text.remove_prefix(std::min(text.size(), out.back().size() + 1));
  }
  return out;
}

// CLI11 writes type and checks as "TEXT:{auto,cpu}", "INT:INT in [0 - 15]", "TEXT:FILE".
struct ValueType {
  std::string name;
  std::vector<std::string> choices;
  std::string bounds;  // "0 to 15"
};
ValueType value_type(const std::string& text) {
  ValueType out{text.substr(0, text.find(':')), {}, {}};
  const std::string check = out.name.size() < text.size() ? text.substr(out.name.size() + 1) : "";
  const auto between = [&](char open, char close) -> std::optional<std::string> {
    const std::size_t begin = check.find(open), end = check.rfind(close);
    if (begin == std::string::npos || end == std::string::npos || end < begin) return std::nullopt;
    return check.substr(begin + 1, end - begin - 1);
  };
  if (const auto list = between('{', '}')) {
    out.choices = parts_of(*list, ',');
  } else if (const auto range = between('[', ']')) {
    const std::size_t dash = range->find(" - ");
    if (dash != std::string::npos)
      out.bounds = range->substr(0, dash) + " to " + range->substr(dash + 3);
  }
  if (check == "FILE" || check == "DIR") out.name = check;
  if (out.name == "INT" || out.name == "UINT") out.name = "N";
  if (out.name == "FLOAT") out.name = "NUMBER";
  return out;
}

// As capture_default_str() has it; lists without their brackets.
std::string default_of(const CLI::Option& option) {
  std::string text = option.get_default_str();
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  return text;
}

std::string names_of(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  std::ranges::sort(names);
  return fmt::format("{}", fmt::join(names, ", "));
}

CommandFlag flag_of(const CLI::Option& option) {
  CommandFlag out;
  for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
  out.meaning = option.get_description();
  out.required = option.get_required();
  const bool word = option.get_positional();
  const bool takes = option.get_items_expected_max() > 0;
  std::vector<std::string> notes;
  const std::string& text = option.get_option_text();
  if (!text.empty() && text != "N") {
    out.value = text;
  } else if (takes) {
    ValueType type = value_type(option.get_type_name());
    out.choices = std::move(type.choices);
    const std::string all = fmt::format("{}", fmt::join(out.choices, "|"));
    constexpr std::size_t kLongest = 40;
    out.value = out.choices.empty() || all.size() > kLongest ? type.name : all;
    if (all.size() > kLongest)
      notes.push_back(fmt::format("one of {}", fmt::join(out.choices, ", ")));
    if (!type.bounds.empty()) notes.push_back(type.bounds);
    if (option.get_items_expected_max() > 1) out.value += "...";
  }
  const std::string fallback = takes ? default_of(option) : "";
  if (!fallback.empty()) notes.push_back("default " + fallback);
  if (out.required && !word) notes.emplace_back("required");
  if (!option.get_needs().empty()) notes.push_back("needs " + names_of(option.get_needs()));
  if (!option.get_excludes().empty())
    notes.push_back("not with " + names_of(option.get_excludes()));
  out.notes = fmt::format("{}", fmt::join(notes, "; "));
  return out;
}

// The name of CLI11's own group differs between its versions.
std::string group_of(const CLI::Option& option) {
  const std::string& name = option.get_group();
  return lower(name) == "options" ? "Options" : name;
}

CommandGroup& group_named(std::vector<CommandGroup>& groups, const std::string& title) {
  const auto found = std::ranges::find(groups, title, &CommandGroup::title);
  return found != groups.end() ? *found : groups.emplace_back(CommandGroup{title, {}});
}

}  // namespace

std::string CommandFlag::label() const {
  std::string out = fmt::format("{}", fmt::join(names, ", "));
  if (!out.empty() && !value.empty()) out += " ";
  return out + value;
}

std::string Command::usage() const {
  std::string out = path;
  if (!groups.empty()) out += " [OPTIONS]";
  for (const CommandFlag& word : words) out += " " + word.value;
  if (!verbs.empty()) out += " VERB";
  return out;
}

Command command_of(const CLI::App& app) {
  Command out;
  out.name = out.path = app.get_name();
  for (const CLI::App* above = app.get_parent(); above != nullptr; above = above->get_parent())
    out.path = above->get_name() + " " + out.path;
  out.meaning = app.get_description();
  for (const std::string_view title : kGroupOrder) out.groups.push_back({std::string(title), {}});
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional())
      out.words.push_back(flag_of(*option));
    else if (!option->get_group().empty())  // hidden
      group_named(out.groups, group_of(*option)).flags.push_back(flag_of(*option));
  }
  std::erase_if(out.groups, [](const CommandGroup& group) { return group.flags.empty(); });
  out.footer = app.get_footer();
  if (out.footer.starts_with(kExamples)) {
    out.footer.erase(0, kExamples.size());
    while (out.footer.starts_with("  ")) {
      const std::size_t end = std::min(out.footer.find('\n'), out.footer.size());
      out.examples.push_back(out.footer.substr(2, end - 2));
      out.footer.erase(0, end + 1);
    }
  }
  while (out.footer.starts_with('\n')) out.footer.erase(0, 1);
  while (out.footer.ends_with('\n')) out.footer.pop_back();
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    out.verbs.push_back(command_of(*verb));
  return out;
}

ValueKind value_kind(const CommandFlag& flag) {
  const auto has = [&](std::string_view word) {
    return flag.value.find(word) != std::string::npos;
  };
  if (!flag.choices.empty()) return ValueKind::kOther;
  if (has("MODEL")) return ValueKind::kModel;
  for (const char* word : {"FILE", "DIR", "IMAGE", "INPUT", "FRAME", ".json"})
    if (has(word)) return ValueKind::kFile;
  return ValueKind::kOther;
}

void add_examples(CLI::App& verb, std::initializer_list<std::string_view> lines) {
  std::string text(kExamples);
  for (const std::string_view line : lines) text += fmt::format("  {}\n", line);
  const std::string rest = verb.get_footer();
  verb.footer(rest.empty() ? text : text + "\n" + rest);
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::vector<std::string> in_lines(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  std::size_t width = 0;
  for (const std::string& word : parts_of(text, ' ')) {
    const std::size_t size = code_points(word);
    if (lines.empty() || width + 1 + size > columns) {
      lines.push_back(word);
      width = size;
    } else {
      lines.back() += " " + word;
      width += 1 + size;
    }
  }
  return lines;
}

}  // namespace oc
