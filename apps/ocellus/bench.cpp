// ocellus bench: how fast, and how close to what the machine could do.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <memory>

#include "io/json.h"
#include "runtime/bench/bench.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

struct Flags {
  BenchOptions options;
  std::vector<std::string> compare;
  bool json = false, quick = false;
};

void compare(const std::vector<std::string>& files) {
  const auto a = read_json_object(files[0]), b = read_json_object(files[1]);
  if (!a.ok()) fail(a.error());
  if (!b.ok()) fail(b.error());
  const auto text = compare_reports(*a, *b);
  if (!text.ok()) fail(text.error());
  fmt::print("{}", *text);
}

void run(Flags& flags) {
  if (!flags.compare.empty()) return compare(flags.compare);
  quiet_logs();
  if (flags.quick) {
    flags.options.crops = {1, 5};
    flags.options.prefill = {64};
    flags.options.contexts = {0};
    flags.options.sequences = {1};
    flags.options.repeats = 1;
  }
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  if (terminal)
    flags.options.progress = [](std::string_view what) {
      fmt::print(stderr, "\r\033[K{} …", what);
    };
  const auto report = run_bench(flags.options);
  if (terminal) fmt::print(stderr, "\r\033[K");
  if (!report.ok()) fail(report.error());
  fmt::print("{}\n", flags.json ? boost::json::serialize(report->json()) : report->table());
}

}  // namespace

void add_bench(CLI::App& app) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "bench", "Measure this machine, and a model's speed as a share of what it could do");
  add_model_flag(*verb, flags->options.model);
  verb->add_flag("--json", flags->json, "Print JSON");
  verb->add_flag("--quick", flags->quick, "Few and short runs");
  verb->add_option("--compare", flags->compare, "Two files of --json, side by side")
      ->expected(2)
      ->option_text("A.json B.json");
  add_engine_flags(*verb, flags->options.engine);
  add_load_flags(*verb, flags->options.loading);
  verb->callback([flags] { run(*flags); });
}

}  // namespace oc
