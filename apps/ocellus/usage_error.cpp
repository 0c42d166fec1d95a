#include "usage_error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "command_table.h"
#include "suggest.h"

namespace oc {
namespace {

// The program and the verbs that were named on the command line, the innermost last.
std::vector<const CLI::App*> named_verbs(const CLI::App& app) {
  std::vector<const CLI::App*> out = {&app};
  while (!out.back()->get_subcommands().empty())
    out.push_back(out.back()->get_subcommands().front());
  return out;
}

// Behind a word that the innermost verb does not know: the one that was probably meant, and where
// all of them stand.
std::string suggestion(const CLI::App& app, const std::string& word) {
  const CLI::App& verb = *named_verbs(app).back();
  std::vector<std::string> known;
  if (word.starts_with('-')) {
    for (const CLI::Option* option : verb.get_options())
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  } else {
    for (const CLI::App* one : verb.get_subcommands([](const CLI::App*) { return true; }))
      known.push_back(one->get_name());
  }
  const std::string near = nearest_name(word, known);
  return (near.empty() ? "" : fmt::format("did you mean {}? ", near)) + see_help(app);
}

// Hint of a word or flag that is missing: where all of them stand, and a whole line.
std::string with_example(const CLI::App& app, const CLI::App& verb) {
  const Command command = command_of(verb);
  const std::string help = see_help(app);
  return command.examples.empty() ? help : fmt::format("{}; e.g. {}", help, command.examples[0]);
}

CommandFlag flag_named(const Command& command, const CLI::Option& option) {
  for (const CommandFlag& word : command.words)
    if (option.get_positional() && word.meaning == option.get_description()) return word;
  for (const CommandGroup& group : command.groups)
    for (const CommandFlag& flag : group.flags)
      if (std::ranges::find(flag.names, option.get_name()) != flag.names.end()) return flag;
  return {};
}

UsageError missing_word(const CLI::App& app) {
  const CLI::App& verb = *named_verbs(app).back();
  const Command command = command_of(verb);
  for (const CLI::Option* option : verb.get_options()) {
    if (!option->get_required() || option->count() > 0) continue;
    std::string meaning = option->get_description();
    if (meaning.size() > 1 && meaning[1] == lower(meaning[1])) meaning[0] = lower(meaning[0]);
    return {fmt::format("{} is missing: {}", flag_named(command, *option).label(), meaning),
            with_example(app, verb)};
  }
  return {"something is missing", see_help(app)};
}

// What was typed and no verb knows. A word behind a mistyped --api-key may be a key: no values are
// shown, nor words of verbs that take flags alone.
UsageError unexpected(const CLI::App& app) {
  const std::vector<std::string> words = app.remaining(true);
  std::vector<std::string> flags;
  for (const std::string& word : words)
    if (word.starts_with('-'))
      flags.push_back(word.substr(0, word.starts_with("--") ? word.find('=') : 2));
  const auto flag =
      std::ranges::find_if(flags, [](const std::string& word) { return word.starts_with("--"); });
  const std::string hint = flag == flags.end() ? see_help(app) : suggestion(app, *flag);
  if (flags.empty() && named_verbs(app).back()->get_option_no_throw("--api-key") != nullptr)
    return {fmt::format("no words are expected beside the flags, found {}", words.size()), hint};
  return {fmt::format("not expected: {}", fmt::join(flags.empty() ? words : flags, " ")), hint};
}

// Where a verb is to stand and none does.
std::optional<UsageError> missing_verb(const CLI::App& app) {
  const CLI::App& verb = *named_verbs(app).back();
  if (verb.get_require_subcommand_min() == 0 || !verb.get_subcommands().empty())
    return std::nullopt;
  const std::vector<std::string> rest = verb.remaining();
  if (!rest.empty() && !rest.front().starts_with('-'))
    return UsageError{fmt::format("there is no verb \"{}\"", rest.front().substr(0, 64)),
                      suggestion(app, rest.front())};
  if (!rest.empty()) return unexpected(app);
  std::vector<std::string> verbs;
  for (const CLI::App* one : verb.get_subcommands([](const CLI::App*) { return true; }))
    verbs.push_back(one->get_name());
  return UsageError{fmt::format("what is to be done? {} and one of: {}", command_of(verb).path,
                                fmt::join(verbs, ", ")),
                    see_help(app)};
}

// The flag that the text is about: the longest name in it.
const CLI::Option* flag_in(const CLI::App& verb, const std::string& text) {
  const CLI::Option* found = nullptr;
  for (const CLI::Option* option : verb.get_options())
    if (text.find(option->get_name()) != std::string::npos &&
        (found == nullptr || option->get_name().size() > found->get_name().size()))
      found = option;
  return found;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

// A flag with a value that it cannot have, or without one.
UsageError wrong_value(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& verb = *named_verbs(app).back();
  const std::string text = error.what();
  const auto kind = static_cast<CLI::ExitCodes>(error.get_exit_code());
  const CLI::Option* option = flag_in(verb, text);
  if (option == nullptr) return {text, see_help(app)};
  const std::string name = option->get_name();
  const CommandFlag flag = flag_named(command_of(verb), *option);
  const std::string value = option->results().empty() ? "" : option->results().back();
  if (kind == CLI::ExitCodes::ArgumentMismatch && !flag.value.empty())
    return {option->results().size() > 1
                ? fmt::format("{} is given more than once", name)
                : fmt::format("{} stands without its value: {}", name, flag.label()),
            see_help(app)};
  if (kind == CLI::ExitCodes::ConversionError && !flag.value.empty())
    return {fmt::format(
                "{} must be a {}number, found {}", name,
                flag.value.starts_with('N') && !flag.value.starts_with("NUMBER") ? "whole " : "",
                value),
            see_help(app)};
  if (kind == CLI::ExitCodes::ValidationError && !flag.choices.empty())
    return {
        fmt::format("{} must be one of {}, found {}", name, fmt::join(flag.choices, ", "), value),
        see_help(app)};
  if (kind == CLI::ExitCodes::ValidationError && flag.notes.find(" to ") < flag.notes.find(';'))
    return {fmt::format("{} must be {}, found {}", name, flag.notes.substr(0, flag.notes.find(';')),
                        value),
            see_help(app)};
  return {text, see_help(app)};
}

}  // namespace

std::string see_help(const CLI::App& app) {
  std::string command;
  for (const CLI::App* verb : named_verbs(app)) command += verb->get_name() + " ";
  return "see " + command + "--help";
}

UsageError usage_error(const CLI::App& app, const CLI::ParseError& error) {
  // Not its name: CLI11 calls some errors by the verb's.
  const auto kind = static_cast<CLI::ExitCodes>(error.get_exit_code());
  if (kind == CLI::ExitCodes::ExtrasError) return unexpected(app);
  if (const auto missing = missing_verb(app)) return *missing;
  if (kind == CLI::ExitCodes::RequiredError) return missing_word(app);
  if (kind == CLI::ExitCodes::RequiresError)
    return {replaced(error.what(), " requires ", " needs "), see_help(app)};
  if (kind == CLI::ExitCodes::ExcludesError)
    return {replaced(error.what(), " excludes ", " and ") + " do not go together", see_help(app)};
  return wrong_value(app, error);
}

}  // namespace oc
