// ocellus completion SHELL, ocellus man [VERB...]: what shells and man(1) want to know of the
// program, made of its parser.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "command_table.h"
#include "completions.h"
#include "man_page.h"
#include "terminal.h"
#include "verbs.h"
#include "version.h"

namespace oc {
namespace {

struct ManFlags {
  std::vector<std::string> verbs;
  std::string out;
};

const Command& verb_named(const Command& program, const std::vector<std::string>& path) {
  const Command* found = &program;
  for (const std::string& name : path) {
    const Command* next = nullptr;
    for (const Command& verb : found->verbs)
      if (verb.name == name) next = &verb;
    if (next == nullptr)
      throw ExitError{2, fmt::format("{} has no verb \"{}\"", found->path, name), {}, true};
    found = next;
  }
  return *found;
}

void write_pages(const Command& command, const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / (man_name(command) + ".1");
  std::ofstream file(path, std::ios::binary);
  file << man_page(command, this_build().version);
  if (!file.flush())
    throw ExitError{1, "cannot write " + path.string(), "check the folder and its permissions"};
  for (const Command& verb : command.verbs) write_pages(verb, folder);
}

void print_manual(const CLI::App& app, const ManFlags& flags) {
  const Command program = command_of(app);
  if (flags.out.empty())
    return show(man_page(verb_named(program, flags.verbs), this_build().version));
  if (!flags.verbs.empty()) throw ExitError{2, "--out writes all pages: name no verb", {}, true};
  std::error_code error;
  std::filesystem::create_directories(flags.out, error);
  if (error) throw ExitError{1, "cannot make the folder " + flags.out, error.message()};
  write_pages(program, flags.out);
}

}  // namespace

void add_completion(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  CLI::App& verb = *app.add_subcommand(
      "completion", "Print what a shell needs to complete verbs, flags, values and models");
  verb.add_option("shell", *shell, "Which shell it is for")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb.footer(
      "`make install` has them where the shells look. By hand, for one user:\n"
      "  bash  source <(ocellus completion bash)   in ~/.bashrc\n"
      "  zsh   ocellus completion zsh > DIR/_ocellus, DIR being in $fpath\n"
      "  fish  ocellus completion fish > ~/.config/fish/completions/ocellus.fish");
  add_examples(verb,
               {"ocellus completion bash > ~/.local/share/bash-completion/completions/ocellus"});
  verb.callback([&app, shell] {
    const Command program = command_of(app);
    show(*shell == "bash"  ? bash_completion(program)
         : *shell == "zsh" ? zsh_completion(program)
                           : fish_completion(program));
  });
}

void add_man(CLI::App& app) {
  const auto flags = std::make_shared<ManFlags>();
  CLI::App& verb = *app.add_subcommand("man", "Print a manual page, in roff");
  verb.add_option("verbs", flags->verbs, "The verb that it is about; none: the whole program")
      ->option_text("[VERB...]");
  verb.add_option("--out", flags->out, "Write the pages of all verbs into this folder")
      ->option_text("DIR")
      ->group("Output");
  add_examples(verb, {"ocellus man ask | man -l -", "ocellus man --out share/man/man1"});
  verb.callback([&app, flags] { print_manual(app, *flags); });
}

}  // namespace oc
