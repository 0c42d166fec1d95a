// ocellus quantize IN OUT: a checkpoint in full precision to an MLX one of 4 or 8 bits.
#include "runtime/quantize/quantize.h"

#include <fmt/format.h>

#include <map>
#include <memory>

#include "base/clock.h"
#include "config_flags.h"
#include "images.h"
#include "io/json_text.h"
#include "runtime/library/loader.h"
#include "runtime/library/names.h"
#include "runtime/quantize/score.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

const std::map<std::string, std::optional<DType>> kDTypes = {
    {"f16", DType::kF16}, {"bf16", DType::kBF16}, {"f32", DType::kF32}, {"input", std::nullopt}};

struct QuantizeFlags {
  std::string input, output, dtype = "f16";
  QuantizePlanOptions plan;
  bool restart = false, json = false;
  std::vector<std::string> pictures;
  std::string question = "What is in the picture?";
  int max_tokens = 64;
  ConfigFlags settings;
  EngineOptions engine;  // of the settings
};

[[noreturn]] void fail_or_interrupt(const Error& error) {
  if (error.code == ErrorCode::kCancelled) throw ExitError{130, error.message, error.hint};
  fail(error);
}

template <class T>
T value_or_end(Result<T> result) {
  if (!result.ok()) fail_or_interrupt(result.error());
  return *std::move(result);
}

// "41.7 % of 8291 MB, 312 MB/s, 16 s left", rewritten in place a few times a second.
class QuantizeProgressLine {
 public:
  void show(const QuantizeProgress& now) {
    const bool end = now.done == now.total;
    if (!end && shown_ && since_shown_.ms() < kEveryMs) return;
    shown_ = true;
    since_shown_.restart();
    const double mb = 1e-6, left = static_cast<double>(now.total - now.done);
    const double rate = static_cast<double>(now.done - now.resumed) / (since_start_.ms() / 1000);
    std::string line = fmt::format("{:5.1f} % of {:.0f} MB",
                                   100 * static_cast<double>(now.done) /
                                       static_cast<double>(std::max<std::size_t>(now.total, 1)),
                                   static_cast<double>(now.total) * mb);
    if (rate > 0) line += fmt::format(", {:.0f} MB/s, {:.0f} s left", rate * mb, left / rate);
    tell_in_place(line);
  }
  void end() const {
    if (shown_) tell_in_place("");
  }

 private:
  static constexpr double kEveryMs = 200;
  Stopwatch since_start_, since_shown_;
  bool shown_ = false;
};

// Both models answer one after the other, so that one of them is in memory at a time.
std::vector<ImageScore> score_images(const QuantizeFlags& flags,
                                     const std::vector<NamedImage>& pictures) {
  const bool terminal = stderr_redraws();
  std::vector<ScoreQuestion> questions;
  for (const NamedImage& picture : pictures)
    questions.push_back({picture.image, picture.file, flags.question});
  const auto paths = [&](const std::string& folder, std::string_view which,
                         const std::vector<AnswerPath>* forced) {
    const auto loaded = value_or_end(load(folder, flags.engine));
    std::vector<AnswerPath> out;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      if (terminal)
        tell_in_place(fmt::format("{} model, picture {} of {}", which, i + 1, questions.size()));
      out.push_back(
          value_or_end(follow(*loaded->model, questions[i], flags.max_tokens,
                              forced != nullptr ? std::span<const TokenId>((*forced)[i].ids)
                                                : std::span<const TokenId>(),
                              &CatchInterrupt::caught)));
    }
    return std::pair(std::move(out), loaded->model->tokenizer());
  };
  const auto [input, tokenizer] = paths(flags.input, "input", nullptr);
  const auto output = paths(flags.output, "quantised", &input).first;
  if (terminal) tell_in_place("");
  std::vector<ImageScore> scores;
  for (std::size_t i = 0; i < questions.size(); ++i)
    scores.push_back(score(questions[i], *tokenizer, input[i], output[i]));
  return scores;
}

void run(QuantizeFlags& flags) {
  quiet_logs();
  flags.engine = read_flags(flags.settings).model.engine;
  flags.plan.dtype = kDTypes.at(flags.dtype);
  const auto pictures = value_or_end(read_images(flags.pictures));  // before the long work
  const auto input = value_or_end(resolve_model(flags.input));
  const CatchInterrupt interrupt;
  QuantizeProgressLine line;
  QuantizeRun options{.threads = flags.engine.threads,
                      .restart = flags.restart,
                      .cancelled = &CatchInterrupt::caught};
  if (stderr_redraws())
    options.progress = [&](const QuantizeProgress& progress) { line.show(progress); };
  const Stopwatch watch;
  auto result = quantize(input, flags.output, flags.plan, options);
  line.end();
  Quantized done = value_or_end(std::move(result));
  const double seconds = watch.ms() / 1000;
  if (!pictures.empty()) done.report.pictures = score_images(flags, pictures);
  if (flags.json) {
    boost::json::object out = done.report.to_json();
    out["output"] = flags.output;
    out["files"] = done.shards;
    out["files_resumed"] = done.resumed_shards;
    out["seconds"] = seconds;
    show_line(json_text(out));
    return;
  }
  show(done.report.table());
  show(fmt::format(
      "\n{}: {} bits in groups of {}, {} file{}{}, {:.1f} s\n", flags.output, flags.plan.spec.bits,
      flags.plan.spec.group_size, done.shards, done.shards == 1 ? "" : "s",
      done.resumed_shards > 0 ? fmt::format(" ({} finished before)", done.resumed_shards) : "",
      seconds));
}

}  // namespace

void add_quantize(CLI::App& app) {
  const auto flags = std::make_shared<QuantizeFlags>();
  CLI::App& verb = *app.add_subcommand(
      "quantize", "Turn a checkpoint in full precision into one of 4 or 8 bits, as MLX does");
  verb.add_option("input", flags->input, "Model name or folder, in full precision")
      ->required()
      ->option_text("MODEL");
  verb.add_option("output", flags->output,
                  "Folder to write; after an interruption the same command goes on")
      ->required()
      ->option_text("DIR");
  verb.add_option("--bits", flags->plan.spec.bits, "Bits a weight: 4 or 8")
      ->check(CLI::IsMember({4, 8}))
      ->capture_default_str();
  verb.add_option("--group", flags->plan.spec.group_size,
                  "Weights that share a scale and a bias: 32, 64 or 128")
      ->check(CLI::IsMember({32, 64, 128}))
      ->capture_default_str();
  verb.add_option("--keep", flags->plan.keep,
                  "What stays float, by comma: vision, lm_head, embed_tokens, or parts of names "
                  "such as layers.0")
      ->delimiter(',')
      ->expected(1)
      ->take_all()
      ->option_text("NAME,...");
  verb.add_option("--dtype", flags->dtype,
                  "Scales, biases and what stays float: f16 (as MLX's converters), bf16, f32 or "
                  "input")
      ->check(CLI::IsMember({"f16", "bf16", "f32", "input"}))
      ->capture_default_str();
  verb.add_option("--shard-size", flags->plan.shard_bytes,
                  "Most bytes of a file, e.g. 500MB (default 5GB)")
      ->transform(CLI::AsSizeValue(true))
      ->option_text("SIZE");
  verb.add_flag("--restart", flags->restart, "Begin again where DIR holds an earlier run");
  verb.add_option("--pictures", flags->pictures,
                  "Compare answers about these pictures, the input's against the quantised ones")
      ->option_text("FILE...");
  verb.add_option("--question", flags->question, "What is asked about each picture")
      ->capture_default_str();
  verb.add_option("--max-tokens", flags->max_tokens, "Most tokens of an answer that is compared")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb.add_flag("--json", flags->json, "Print the report as JSON")->group("Output");
  add_examples(verb, {"ocellus quantize moondream2 moondream2-4bit --bits 4"});
  add_setting_flags(verb, flags->settings, takers::kVerify);
  verb.callback([flags] { run(*flags); });
}

}  // namespace oc
