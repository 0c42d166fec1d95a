// ocellus: ask questions about pictures. One program with verbs; see verbs.h.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "base/printable.h"
#include "image/image_helper.h"
#include "io/mapped_file.h"
#include "models/registry.h"
#include "suggest.h"
#include "verbs.h"
#include "version.h"

namespace oc {

namespace {

constexpr int kOk = 0, kFailed = 1, kUsage = 2;

using AddVerb = void (*)(CLI::App&);

// CLI11's help, but a positional is shown as its option_text().
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_usage(const CLI::Option* option) const override {
    return named(option) ? option->get_option_text() : CLI::Formatter::make_option_usage(option);
  }
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    return named(option) ? option->get_option_text()
                         : CLI::Formatter::make_option_name(option, is_positional);
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    return named(option) ? "" : CLI::Formatter::make_option_opts(option);
  }

 private:
  static bool named(const CLI::Option* option) {
    return option->get_positional() && !option->get_option_text().empty();
  }
};

int report(int status, const std::string& message, const std::string& hint) {
  std::cout.flush();
  // By the log's way: a server's error must not wait for a reader either.
  if (!message.empty()) log::put("error: " + printable(message, Lines::kOne) + '\n');
  if (!hint.empty()) log::put("hint: " + printable(hint, Lines::kOne) + '\n');
  return status;
}

// The program and the verbs that were named on the command line, the innermost last.
std::vector<const CLI::App*> named_verbs(const CLI::App& app) {
  std::vector<const CLI::App*> out = {&app};
  while (!out.back()->get_subcommands().empty())
    out.push_back(out.back()->get_subcommands().front());
  return out;
}

// "see ocellus config show --help"
std::string see_help(const CLI::App& app) {
  std::string command;
  for (const CLI::App* verb : named_verbs(app)) command += verb->get_name() + " ";
  return "see " + command + "--help";
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

// A word where a verb is to stand, if that is what is wrong.
std::optional<std::string> unknown_verb(const CLI::App& app) {
  const CLI::App& verb = *named_verbs(app).back();
  const std::vector<std::string> rest = verb.remaining();
  if (verb.get_require_subcommand_min() == 0 || rest.empty() || rest.front().starts_with('-'))
    return std::nullopt;
  return rest.front();
}

// What was typed and no verb knows. A word behind a mistyped --api-key may be a key: no values are
// shown, nor words of verbs that take flags alone.
std::string unexpected(const CLI::App& app) {
  std::vector<std::string> words = app.remaining(true), flags;
  for (const std::string& word : words)
    if (word.starts_with('-'))
      flags.push_back(word.substr(0, word.starts_with("--") ? word.find('=') : 2));
  if (flags.empty() && named_verbs(app).back()->get_option_no_throw("--api-key") != nullptr)
    return fmt::format("no words are expected beside the flags, found {}", words.size());
  const auto& shown = flags.empty() ? words : flags;
  return fmt::format("The following {} not expected: {}",
                     shown.size() == 1 ? "argument was" : "arguments were", fmt::join(shown, " "));
}

int run(int argc, char** argv) {
  std::vector<std::string_view> models;
  for (const Architecture& one : architectures()) models.push_back(one.title);
  CLI::App app(fmt::format("Answers questions about pictures with {}, on this machine.",
                           fmt::join(models, ", ")),
               "ocellus");
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  app.formatter(std::make_shared<HelpFormatter>());
  app.get_formatter()->column_width(34);
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  for (const AddVerb add :
       {add_ask,      add_chat,   add_caption, add_detect,   add_point,   add_batch,
        add_serve,    add_config, add_plan,    add_pull,     add_ps,      add_list,
        add_show,     add_rm,     add_see,     add_tokenize, add_inspect, add_verify,
        add_quantize, add_synth,  add_bench,   add_eval,     add_compare})
    add(app);
  for (CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; })) verb->group("Verbs");
  app.footer(
      "Examples:\n"
      "  ocellus ask photo.jpg \"What is in the picture?\"\n"
      "  ocellus serve --model demo\n"
      "  ocellus VERB --help\n"
      "Exit status: 0 it worked, 1 it did not, 2 wrong usage, 130 interrupted.");
  try {
    app.parse(argc, argv);
    // A last look: what was made of a file's lost pages must not count as done.
    if (const auto lost = untold_loss())
      return report(kFailed, *lost + ": was cut off while it was read, or its disk failed",
                    "the output is not to be trusted");
    std::cout.flush();
    return std::cout.good() ? kOk : report(kFailed, "cannot write to standard output", "");
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> words = app.remaining(true);
    const auto flag =
        std::ranges::find_if(words, [](const std::string& word) { return word.starts_with("--"); });
    return report(
        kUsage, unexpected(app),
        flag == words.end() ? see_help(app) : suggestion(app, flag->substr(0, flag->find('='))));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    if (const auto word = unknown_verb(app))
      return report(kUsage, fmt::format("there is no verb \"{}\"", word->substr(0, 64)),
                    suggestion(app, *word));
    return report(kUsage, error.what(), see_help(app));
  } catch (const ExitError& error) {
    return report(error.status, error.message, error.see_help ? see_help(app) : error.hint);
  } catch (const CheckFailure& failure) {
    return report(kFailed, std::string("internal error: ") + failure.what(),
                  "this is a mistake in ocellus; please report it");
  } catch (const std::bad_alloc&) {
    return report(kFailed, "out of memory", "try a smaller picture or model");
  } catch (const std::exception& error) {
    return report(kFailed, std::string("unexpected: ") + error.what(), "");
  }
}

}  // namespace
}  // namespace oc

int main(int argc, char** argv) {
  if (oc::is_image_helper(argc, argv)) return oc::image_helper_main();
  oc::log::configure_from_environment();
  const int status = oc::run(argc, argv);
  oc::log::flush(std::chrono::milliseconds(300));
  return status;
}
