// ocellus: ask questions about pictures. One program with verbs; see verbs.h.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "base/printable.h"
#include "command_table.h"
#include "help_text.h"
#include "image/image_helper.h"
#include "io/mapped_file.h"
#include "models/registry.h"
#include "terminal.h"
#include "usage_error.h"
#include "verbs.h"
#include "version.h"

namespace oc {

namespace {

constexpr int kOk = 0, kFailed = 1, kUsage = 2;

using AddVerb = void (*)(CLI::App&);

int report(int status, const std::string& message, const std::string& hint) {
  std::cout.flush();
  // By the log's way: a server's error must not wait for a reader either.
  if (!message.empty()) log::put("error: " + printable(message, Lines::kOne) + '\n');
  if (!hint.empty()) log::put("hint: " + printable(hint, Lines::kOne) + '\n');
  return status;
}

int run(int argc, char** argv) {
  std::vector<std::string_view> models;
  for (const Architecture& one : architectures()) models.push_back(one.title);
  CLI::App app(fmt::format("Answers questions about pictures with {}, on this machine.",
                           fmt::join(models, ", ")),
               "ocellus");
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", version_text(), "Print the version, and what was built in");
  app.require_subcommand(1);
  app.formatter(std::make_shared<HelpFormatter>());
  for (const AddVerb add :
       {add_ask,    add_chat,       add_caption, add_detect,  add_point,    add_batch, add_serve,
        add_config, add_plan,       add_pull,    add_ps,      add_list,     add_show,  add_rm,
        add_see,    add_tokenize,   add_inspect, add_verify,  add_quantize, add_synth, add_bench,
        add_eval,   add_completion, add_man,     add_compare, add_mcp})
    add(app);
  app.footer("Exit status: 0 it worked, 1 it did not, 2 wrong usage, 130 interrupted.");
  add_examples(app, {"ocellus ask photo.jpg \"What is in the picture?\"", "ocellus chat photo.jpg",
                     "ocellus serve --model demo", "ocellus ask --help"});
  try {
    app.parse(argc, argv);
    // A last look: what was made of a file's lost pages must not count as done.
    if (const auto lost = untold_loss())
      return report(kFailed, *lost + ": was cut off while it was read, or its disk failed",
                    "the output is not to be trusted");
    std::cout.flush();
    return std::cout.good() ? kOk : report(kFailed, "cannot write to standard output", "");
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const UsageError wrong = usage_error(app, error);
    return report(kUsage, wrong.message, wrong.hint);
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
  oc::hold_standard_files();
  oc::log::configure_from_environment();
  const int status = oc::run(argc, argv);
  oc::log::flush(std::chrono::milliseconds(300));
  return status;
}
