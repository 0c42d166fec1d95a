// ocellus bench: how fast, and how close to what the machine could do.
#include <fmt/format.h>

#include <memory>

#include "base/environment.h"
#include "config_flags.h"
#include "images.h"
#include "io/json.h"
#include "io/json_text.h"
#include "runtime/bench/bench.h"
#include "runtime/bench/image_stall.h"
#include "runtime/bench/load.h"
#include "runtime/bench/load_client.h"
#include "runtime/bench/question_wait.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

struct BenchFlags {
  ConfigFlags settings;
  BenchOptions options;
  std::vector<std::string> compare;
  bool json = false, quick = false;
  bool server = false, image_stall = false;
  int question_wait_answers = 0;
  ServerLoadOptions load;
};

void compare(const std::vector<std::string>& files) {
  const auto a = read_json_object(files[0]), b = read_json_object(files[1]);
  if (!a.ok()) fail(a.error());
  if (!b.ok()) fail(b.error());
  const auto text = compare_reports(*a, *b);
  if (!text.ok()) fail(text.error());
  show(*text);
}

// The progress of a long run, where somebody looks on.
std::function<void(std::string_view)> progress_line() {
  if (!stderr_redraws()) return {};
  return [](std::string_view what) { tell_in_place(fmt::format("{} …", what)); };
}
void end_progress_line() {
  if (stderr_redraws()) tell_in_place("");
}

void run_server(BenchFlags& flags) {
  if (flags.load.api_key.empty()) flags.load.api_key = environment("OCELLUS_API_KEY").value_or("");
  flags.load.url = server_root(std::move(flags.load.url));
  const auto print = [&](const auto& report) {
    if (!report.ok()) fail(report.error());
    show((flags.json ? json_text(report->json()) : report->table()) + "\n");
  };
  if (flags.image_stall) return print(measure_image_stall(flags.load));
  if (flags.question_wait_answers > 0)
    return print(measure_question_wait(flags.load, flags.question_wait_answers));
  flags.load.progress = progress_line();
  const auto report = run_load(flags.load);
  end_progress_line();
  print(report);
  for (const LoadRun& run : report->runs)
    if (run.failed > 0 || run.empty > 0)
      throw ExitError{
          1, fmt::format("{} requests failed and {} answers were empty", run.failed, run.empty)};
}

void run(BenchFlags& flags) {
  if (!flags.compare.empty()) return compare(flags.compare);
  if (flags.server) return run_server(flags);
  quiet_logs();
  const ModelSettings model = read_flags(flags.settings).model;
  flags.options.model = model.path;
  flags.options.engine = model.engine;
  flags.options.loading = load_options(model);
  if (flags.quick) {
    const BenchOptions usual;
    BenchOptions& options = flags.options;
    if (options.views == usual.views) options.views = {1, 5};
    if (options.prefill == usual.prefill) options.prefill = {64};
    if (options.contexts == usual.contexts) options.contexts = {0};
    if (options.sequences == usual.sequences) options.sequences = {1};
    options.repeats = 1;
  }
  flags.options.progress = progress_line();
  const auto report = run_bench(flags.options);
  end_progress_line();
  if (!report.ok()) fail(report.error());
  show((flags.json ? json_text(report->json()) : report->table()) + "\n");
}

void add_server_flags(CLI::App& verb, BenchFlags& flags) {
  ServerLoadOptions& load = flags.load;
  const std::string group = "A running server";
  CLI::Option* server = verb.add_option_function<std::string>(
      "--server",
      [&flags](const std::string& url) {
        flags.server = true;
        if (!url.empty()) flags.load.url = url;
      },
      "Send it requests instead: any server with OpenAI's API (key: $OCELLUS_API_KEY)");
  server->expected(0, 1)->option_text("[URL=" + load.url + "]")->group(group);
  const auto option = [&](const std::string& name, auto& value, const std::string& what) {
    return verb.add_option(name, value, what)->capture_default_str()->group(group)->needs(server);
  };
  option("--streams", load.streams, "Requests under way at a time, a run for each number")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  option("--requests", load.requests, "Requests of a run; 0: four for each stream")
      ->check(CLI::Range(0, 10'000'000));
  option("--max-tokens", load.max_tokens, "Tokens of an answer")->check(CLI::Range(1, 1 << 20));
  option("--question", load.question, "What is asked");
  option("--served-model", load.model, "Name of the model; the first that the server has");
  option("--image", load.images, "Pictures to ask about by turns (else made ones, each new)")
      ->check(CLI::ExistingFile)
      ->transform(local_path);
  option("--picture-side", load.picture_side, "Pixels of a made picture; 0: no picture")
      ->check(CLI::Range(0, 4096));
  verb.add_flag("--same-picture", load.same_image, "One made picture for all requests")
      ->group(group)
      ->needs(server);
  CLI::Option* image_stall =
      verb.add_flag("--beside", flags.image_stall,
                    "One answer, and how it goes on while a picture is asked about in high detail");
  image_stall->group(group)->needs(server);
  verb.add_option("--beside-answers", flags.question_wait_answers,
                  "A question of two tokens, alone and beside a request for N answers without end")
      ->check(CLI::Range(1, 128))
      ->option_text("N")
      ->group(group)
      ->needs(server)
      ->excludes(image_stall);
  option("--timeout", load.timeout_s, "Seconds for one request")->check(CLI::Range(1, 86400));
}

}  // namespace

void add_bench(CLI::App& app) {
  const auto flags = std::make_shared<BenchFlags>();
  CLI::App* verb = app.add_subcommand(
      "bench", "Measure this machine, and a model's speed as a share of what it could do");
  verb->add_flag("--json", flags->json, "Print JSON")->group("Output");
  verb->add_flag("--quick", flags->quick, "Few and short runs");
  verb->add_option("--compare", flags->compare, "Two files of --json, side by side")
      ->expected(2)
      ->option_text("A.json B.json");
  verb->add_option("--only", flags->options.only, "Measure these parts alone")
      ->delimiter(',')
      ->check(
          CLI::IsMember(std::vector<std::string>(std::begin(kBenchParts), std::end(kBenchParts))));
  const auto list = [&](const std::string& name, std::vector<int>& values, int min,
                        const std::string& what) {
    verb->add_option(name, values, what)->delimiter(',')->check(CLI::Range(min, 1 << 20));
  };
  list("--views,--crops", flags->options.views, 1, "Views of the pictures that are encoded");
  list("--prefill", flags->options.prefill, 1, "Tokens of the prompts");
  list("--contexts", flags->options.contexts, 0, "Tokens in front of the decoded ones");
  list("--sequences", flags->options.sequences, 1, "Sequences decoded at once, at context 0");
  add_server_flags(*verb, *flags);
  add_setting_flags(*verb, flags->settings, takers::kBench);
  add_examples(*verb,
               {"ocellus bench --model demo --quick", "ocellus bench --server --streams 1,4"});
  verb->callback([flags] { run(*flags); });
}

}  // namespace oc
