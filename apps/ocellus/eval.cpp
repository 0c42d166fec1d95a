// ocellus eval vqa: how often a model answers as people do.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <filesystem>
#include <memory>
#include <optional>

#include "answer_config.h"
#include "answerers.h"
#include "api/offline/server_answerer.h"
#include "base/environment.h"
#include "base/in_order.h"
#include "io/json.h"
#include "io/json_text.h"
#include "io/record_file.h"
#include "io/whole_file.h"
#include "progress.h"
#include "run_settings.h"
#include "runtime/eval/vqa_report.h"
#include "terminal.h"
#include "vqa_questions.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct VqaFlags : AnswerFlags {
  QuestionFlags asked;
  std::string out = "vqa-results";  // a folder
  std::string server, served_model;
  int timeout_s = 600;
  int parallel = 8;
  std::size_t mistakes = 60;
  bool resume = false, json = false;
};

std::unique_ptr<Answerer> make_answerer(const VqaFlags& flags) {
  if (flags.server.empty())
    return load_answerer(flags, {.parallel = flags.parallel, .each_picture_once = false});
  auto server = ServerAnswerer::connect({.url = flags.server,
                                         .api_key = environment("OCELLUS_API_KEY").value_or(""),
                                         .model = flags.served_model,
                                         .timeout_s = flags.timeout_s,
                                         .stopped = &CatchInterrupt::caught});
  if (!server.ok()) fail(server.error());
  return *std::move(server);
}

class VqaEvaluation {
 public:
  VqaEvaluation(const VqaFlags& flags, VqaSample sample, TextTemplate prompt, Answerer& answerer)
      : flags_(flags),
        sample_(std::move(sample)),
        prompt_(std::move(prompt)),
        answerer_(answerer),
        settings_(question_settings(flags)) {
    settings_.temperature = 0;
    if (!settings_.max_tokens) settings_.max_tokens = kShortAnswerTokens;
    if (!flags.server.empty()) settings_.model = answerer.model();
  }

  // Of an earlier run, or none.
  void open_records() {
    const fs::path path = fs::path(flags_.out) / "answers.jsonl";
    std::error_code error;
    fs::create_directories(flags_.out, error);
    if (error) throw ExitError{1, fmt::format("cannot make {}: {}", flags_.out, error.message())};
    auto opened = flags_.resume ? RecordFile::resume(path, RecordKind::kJsonLines, "{",
                                                     [this](auto record) { return pass(record); })
                                : RecordFile::create(path);
    if (!opened.ok()) throw ExitError{2, opened.error().message, opened.error().hint};
    records_ = *std::move(opened);
    const bool failed = std::ranges::any_of(
        answers_, [](const VqaAnswer& answer) { return !answer.error.empty(); });
    const auto begun = [&]() -> Result<void> {
      if (records_->records() > 0 && !failed) return {};
      if (failed) {  // asked again: the records are written once more
        OC_RETURN_IF_ERROR(records_->renew());
        before_ = std::exchange(answers_, {});
      }
      return records_->append(json_text(head()));
    }();
    if (!begun.ok()) fail(begun.error());
  }

  void ask_all() {
    next_ = answers_.size();
    const auto share = [this] {
      return static_cast<double>(answers_.size()) / static_cast<double>(sample_.questions.size());
    };
    WorkProgressLine progress(answers_.size(), share());
    using Work = InOrder<std::size_t, Said>;
    const std::size_t threads = flags_.server.empty() ? asking_threads(flags_.parallel)
                                                      : static_cast<std::size_t>(flags_.parallel);
    Work::Steps steps;
    steps.take = [this]() -> std::optional<std::size_t> {
      if (CatchInterrupt::caught() || next_ == sample_.questions.size()) return std::nullopt;
      return next_++;
    };
    steps.work = [this](std::size_t i) { return ask(i); };
    steps.give = [&](const Said& said) {
      if (!keep(said)) return false;
      progress.update({.done = answers_.size(), .all = sample_.questions.size(), .share = share()});
      return true;
    };
    Work(threads, 4 * threads, std::move(steps)).run();
    if (const auto finished = records_->finish(); !finished.ok() && !failure_)
      failure_ = finished.error();
  }

  // Ends the program where not all was answered.
  void require_all() const {
    const std::string kept =
        fmt::format("; {} of {} answers are kept", std::max(answers_.size(), before_.size()),
                    sample_.questions.size());
    if (failure_) throw ExitError{1, failure_->message + kept, "--resume goes on"};
    if (answers_.size() < sample_.questions.size())
      throw ExitError{130, "interrupted" + kept, "--resume goes on"};
  }

  void report() const {
    VqaRun run{.model = answerer_.model(),
               .by = answerer_.answered_by(),
               .prompt = flags_.asked.prompt,
               .drawn_of = sample_.all,
               .seed = {}};
    if (sample_.questions.size() < sample_.all) run.seed = flags_.asked.draw.seed;
    const VqaReport report = make_vqa_report(std::move(run), sample_.questions, answers_);
    write("results.json", json_text(report.json()) + "\n");
    write("vqa_results.json", json_text(official_results()) + "\n");
    write("report.html", vqa_page(report, sample_.questions, answers_, flags_.mistakes));
    if (flags_.json)
      show_line(json_text(report.json()));
    else
      show(report.table() + fmt::format("\n{}\n", (fs::path(flags_.out) / "report.html").string()));
    if (report.is_void())
      throw ExitError{1, "nothing could be scored: " + report.unanswered(),
                      "--resume asks again what failed"};
  }

 private:
  struct Said {
    std::size_t question = 0;
    VqaAnswer answer;
    bool stopped = false;
    std::optional<Error> failure;  // of all
  };

  // What makes answers comparable.
  json::object head() const {
    json::object out{{"vqa", 1},
                     {"model", answerer_.identity()},
                     {"questions", digest_of(sample_)},
                     {"prompt", flags_.asked.prompt}};
    for (auto& [key, value] : settings_json(flags_, settings_)) out[key] = value;
    return out;
  }

  Result<void> check_head(std::string_view record) const {
    const auto value = parse_json(record, "answers.jsonl");
    const auto changed = value.ok() && value->is_object()
                             ? changed_setting(value->get_object(), head())
                             : std::optional<std::string>("it has no settings");
    if (!changed) return {};
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is of other questions, another model or other settings: {}",
                             flags_.out, *changed),
                 "--resume wants what the run before had; or name another folder with --out"};
  }

  Result<void> pass(std::string_view record) {
    if (!std::exchange(head_seen_, true)) return check_head(record);
    const Error wrong{ErrorCode::kInvalidArgument,
                      fmt::format("{}: record {} is not of this run", flags_.out, answers_.size()),
                      "name another folder with --out"};
    const auto value = parse_json(record, "answers.jsonl");
    if (!value.ok() || answers_.size() == sample_.questions.size()) return wrong;
    const JsonReader reader(*value, "answers.jsonl", "");
    OC_ASSIGN_OR_RETURN(const std::int64_t id,
                        reader.integer("question_id", 0, std::numeric_limits<std::int64_t>::max()));
    if (id != sample_.questions[answers_.size()].id) return wrong;
    VqaAnswer answer;
    OC_ASSIGN_OR_RETURN(answer.text, reader.string_or("answer", ""));
    OC_ASSIGN_OR_RETURN(answer.error, reader.string_or("error", ""));
    answers_.push_back(std::move(answer));
    return {};
  }

  Said ask(std::size_t i) const {
    if (i < before_.size() && before_[i].error.empty())
      return {.question = i, .answer = before_[i], .failure = {}};
    const VqaQuestion& question = sample_.questions[i];
    VqaReply reply =
        ask_vqa(answerer_, settings_, prompt_, question.question,
                picture_file_uri(question.picture, flags_.defaults.pictures.limits.max_bytes));
    return {.question = i,
            .answer = std::move(reply.answer),
            .stopped = reply.stopped,
            .failure = std::move(reply.failure)};
  }

  bool keep(const Said& said) {
    if (said.stopped) return false;
    failure_ = said.failure;
    if (failure_) return false;
    json::object record{{"question_id", sample_.questions[said.question].id}};
    if (said.answer.error.empty())
      record["answer"] = said.answer.text;
    else
      record["error"] = said.answer.error;
    if (const auto written = records_->append(json_text(record)); !written.ok()) {
      failure_ = written.error();
      return false;
    }
    answers_.push_back(said.answer);
    return true;
  }

  // As servers of the challenge take them.
  json::array official_results() const {
    json::array out;
    for (std::size_t i = 0; i < answers_.size(); ++i)
      out.push_back({{"question_id", sample_.questions[i].id}, {"answer", answers_[i].text}});
    return out;
  }

  void write(std::string_view name, std::string_view text) const {
    const auto written = write_file_atomically(fs::path(flags_.out) / name, text);
    if (!written.ok()) fail(written.error());
  }

  const VqaFlags& flags_;
  const VqaSample sample_;
  const TextTemplate prompt_;
  Answerer& answerer_;
  QuestionSettings settings_;
  std::optional<RecordFile> records_;
  bool head_seen_ = false;
  std::vector<VqaAnswer> answers_;
  std::vector<VqaAnswer> before_;  // of an earlier run of which something is asked again
  std::size_t next_ = 0;
  std::optional<Error> failure_;
};

void eval_vqa(VqaFlags flags) {
  quiet_logs();
  apply_config(flags);
  check_answer_flags(flags);
  TextTemplate prompt = read_prompt(flags.asked.prompt);
  VqaSample sample = read_questions(flags.asked);
  const CatchInterrupt interrupt;
  const auto answerer = make_answerer(flags);
  VqaEvaluation evaluation(flags, std::move(sample), std::move(prompt), *answerer);
  evaluation.open_records();
  evaluation.ask_all();
  evaluation.require_all();
  evaluation.report();
}

void add_server_choice(CLI::App& verb, VqaFlags& flags) {
  const std::string group = "A running server";
  CLI::Option* const server =
      verb.add_option("--server", flags.server,
                      "Ask it instead: any server with OpenAI's API (key: $OCELLUS_API_KEY)")
          ->option_text("URL")
          ->group(group);
  verb.add_option("--served-model", flags.served_model,
                  "Name of the model; the first that the server has")
      ->group(group)
      ->needs(server);
  verb.add_option("--timeout", flags.timeout_s, "Seconds for one answer, asking again included")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str()
      ->group(group)
      ->needs(server);
}

}  // namespace

void add_eval(CLI::App& app) {
  CLI::App* const parent = app.add_subcommand("eval", "Measure how often a model answers right");
  parent->require_subcommand(1);
  auto flags = std::make_shared<VqaFlags>();
  CLI::App& verb = *parent->add_subcommand(
      "vqa", "Score a model's answers against people's, by the rule of VQA 2.0");
  add_question_flags(verb, flags->asked)->required();
  verb.add_option("-o,--out", flags->out,
                  "Folder for answers.jsonl, results.json, report.html, and vqa_results.json, the "
                  "challenge's own form")
      ->capture_default_str()
      ->type_name("DIR")
      ->group("Output");
  verb.add_flag("--resume", flags->resume,
                "Go on where an earlier run has ended, and ask again what failed in it");
  verb.add_option("--mistakes", flags->mistakes, "Wrong answers on the page, with their pictures")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  verb.add_flag("--json", flags->json, "Print the results as JSON")->group("Output");
  add_parallel_flag(verb, flags->parallel);
  add_server_choice(verb, *flags);
  add_many_flags(verb, *flags, false);
  add_examples(verb, {"ocellus eval vqa --questions questions.json --annotations annotations.json "
                      "--images val2014"});
  verb.callback([flags] { eval_vqa(*flags); });
}

}  // namespace oc
