// ocellus batch: one question about many pictures, or many requests, with one load of the model.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "answer_config.h"
#include "answerers.h"
#include "api/offline/batch_record.h"
#include "base/ascii.h"
#include "base/in_order.h"
#include "base/valid_utf8.h"
#include "image_flags.h"
#include "images.h"
#include "io/json.h"
#include "io/record_file.h"
#include "io/whole_file.h"
#include "models/registry.h"
#include "progress.h"
#include "run_settings.h"
#include "terminal.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

struct BatchFlags : AnswerFlags {
  std::vector<std::string> inputs;
  std::string question;  // a template; empty: the lines say theirs
  std::string out;       // a file; empty: standard output
  std::string sidecar;   // the ending of a file beside each picture; empty: none
  std::string json_schema;
  bool recursive = false, resume = false;
  int parallel = 8;
};

[[noreturn]] void wrong_usage(const Error& error) { throw ExitError{2, error.message, error.hint}; }

// photo.jpg → photo.txt.
fs::path sidecar_of(const std::string& picture, const std::string& ending) {
  return fs::path(picture).replace_extension(ending);
}

void check_sidecars(const BatchFlags& flags, const BatchInputs& inputs) {
  if (flags.sidecar.empty()) return;
  if (!flags.sidecar.starts_with('.') || flags.sidecar.find('/') != flags.sidecar.npos)
    throw ExitError{2, "--sidecar takes an ending, as .txt"};
  if (inputs.kind != BatchKind::kPictures)
    throw ExitError{2, "--sidecar is for pictures, not for files of lines",
                    "a line's answer stands in its record"};
  if (ends_like_picture("picture" + flags.sidecar))
    throw ExitError{2, fmt::format("--sidecar {}: pictures end so", flags.sidecar),
                    "take another ending, as .txt"};
  std::set<fs::path> taken(inputs.pictures.begin(), inputs.pictures.end());
  for (const std::string& picture : inputs.pictures) {
    const fs::path beside = sidecar_of(picture, flags.sidecar);
    if (!taken.insert(beside).second)
      throw ExitError{2, fmt::format("two files would be {}", beside.string()),
                      "take another ending for --sidecar, or rename one of the pictures"};
  }
  for (const std::string& picture : inputs.pictures) {
    const fs::path beside = sidecar_of(picture, flags.sidecar);
    std::error_code error;
    if (!flags.resume && fs::exists(fs::symlink_status(beside, error)))
      throw ExitError{
          2, fmt::format("{} is there already", beside.string()),
          "take another ending for --sidecar, or --resume to go on with a run of before"};
  }
}

// What the requests of a file say themselves, each for itself. (Settings that are defaults of
// requests, as --temperature, are it here too.)
void check_request_flags(const BatchInputs& inputs, const CLI::App& verb) {
  if (inputs.kind != BatchKind::kRequests) return;
  std::vector<std::string> names = {"--system", "--max-tokens", "--seed",
                                    "--stop",   "--detail",     "--json-schema"};
  for (const ImageKnob& knob : image_knobs()) names.push_back(image_knob_flag(knob));
  for (const std::string& name : names)
    if (verb.get_option(name)->count() > 0)
      throw ExitError{2, fmt::format("{} is not for requests in OpenAI's format", name),
                      "each request says it itself, in its body"};
}

bool ends_like(const std::string& file, std::string_view ending) {
  return equal_ignoring_case(fs::path(file).extension().string(), ending);
}

void check_output(const BatchFlags& flags) {
  if (!flags.out.empty() && !ends_like(flags.out, ".jsonl") && !ends_like(flags.out, ".csv"))
    throw ExitError{2,
                    fmt::format("--out {}: a file of answers ends with .jsonl or .csv", flags.out),
                    "name it so; without --out JSON lines go to standard output"};
  const bool read = std::ranges::any_of(flags.inputs, [&](const std::string& input) {
    std::error_code error;
    return !flags.out.empty() && fs::equivalent(flags.out, input, error) && !error;
  });
  if (read)
    throw ExitError{2, fmt::format("--out {} is what is read", flags.out), "name another file"};
}

struct BatchJob {
  BatchItem item;
  std::string kept;  // the record of an earlier run, if it is an answer
};
struct BatchDone {
  BatchResult result;
  std::string kept;
  bool failed() const { return kept.empty() && result.failed(); }
};

class BatchRun {
 public:
  BatchRun(const BatchFlags& flags, BatchSource source)
      : flags_(flags),
        source_(std::move(source)),
        csv_(ends_like(flags.out, ".csv")),
        settings_(question_settings(flags)) {}

  // The schema before the model is loaded, the records before anything is asked.
  void prepare() {
    if (!flags_.json_schema.empty()) {
      const std::string text = read_schema(flags_.json_schema, flags_.quiet);
      const auto schema = parse_json(text, flags_.json_schema);
      if (!schema.ok()) fail(schema.error());
      settings_.json_schema = *schema;
    }
    if (csv_ && source_.kind() == BatchKind::kRequests)
      throw ExitError{2, "requests are answered in OpenAI's format", "name --out FILE.jsonl"};
    if (flags_.out.empty()) return;
    made_with_.emplace(flags_.out, settings_json(flags_, settings_));
    open_records();
  }

  void run() {
    const CatchInterrupt interrupt;
    const auto answerer = load_answerer(
        flags_,
        {.parallel = flags_.parallel, .each_picture_once = source_.kind() == BatchKind::kPictures});
    if (records_) begin_records(*answerer);
    // Not between records that go to the same terminal.
    std::optional<WorkProgressLine> progress;
    if (records_ || !flags_.sidecar.empty() || !stdout_is_terminal())
      progress.emplace(done_, source_.share());
    using Work = InOrder<BatchJob, BatchDone>;
    const std::size_t threads = asking_threads(flags_.parallel);
    Work::Steps steps;
    steps.take = [this] { return take(); };
    steps.work = [&](BatchJob job) {
      if (job.kept.empty()) return BatchDone{work(*answerer, std::move(job.item)), {}};
      return BatchDone{{.item = std::move(job.item), .reply = {}, .read = {}}, std::move(job.kept)};
    };
    steps.give = [&](const BatchDone& done) { return give(done, progress); };
    Work(threads, 4 * threads, std::move(steps)).run();
    if (records_)
      if (const auto finished = records_->finish(); !finished.ok()) ended_ = finished.error();
  }

  void report() const {
    const std::string kept =
        records_ ? fmt::format("; {} are in {}", records_->records() - (csv_ ? 1 : 0), flags_.out)
                 : "";
    if (CatchInterrupt::caught())
      throw ExitError{130, "interrupted" + kept, records_ ? "--resume goes on" : ""};
    if (ended_)
      throw ExitError{1, ended_->message + kept,
                      ended_->hint.empty() && records_ ? "--resume goes on" : ended_->hint};
    if (failed_ > 0)
      throw ExitError{1, fmt::format("{} of {} have no answer", failed_, done_),
                      "their records say why"};
  }

 private:
  void open_records() {
    const RecordKind kind = csv_ ? RecordKind::kCsv : RecordKind::kJsonLines;
    auto opened = flags_.resume ? RecordFile::resume(flags_.out, kind, csv_ ? csv_head() : "{",
                                                     [this](auto record) { return pass(record); })
                                : RecordFile::create(flags_.out);
    if (!opened.ok()) wrong_usage(opened.error());
    records_ = *std::move(opened);
    if (done_ > 0) made_with_->check();
  }

  // When the model is known too. What failed in the run before is asked again: the records that
  // are there are written once more, with others in their places.
  void begin_records(const Answerer& answerer) {
    made_with_->add("model", answerer.identity());
    done_ > 0 ? made_with_->check() : made_with_->write();
    const auto begun = [&]() -> Result<void> {
      if (csv_ && records_->records() == 0) return records_->append(csv_head());
      if (failed_ == 0) return {};
      OC_RETURN_IF_ERROR(records_->renew());
      source_.rewind();
      done_ = failed_ = 0;
      if (!csv_) return {};
      OC_RETURN_IF_ERROR(records_->next_old());
      return records_->append(csv_head());
    }();
    if (!begun.ok()) fail(begun.error());
  }

  // A record of an earlier run, and the item that it is about.
  Result<void> pass(std::string_view record) {
    if (csv_ && !std::exchange(head_seen_, true)) {
      if (record == csv_head()) return {};
      return Error{ErrorCode::kInvalidArgument, flags_.out + " has other columns",
                   "name another file"};
    }
    OC_ASSIGN_OR_RETURN(const std::optional<BatchItem> item, source_.next());
    if (!item)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} has more records than there are items", flags_.out),
                   "--resume wants the inputs of the run before"};
    OC_ASSIGN_OR_RETURN(const bool answered, is_answer(record, *item));
    if (!answered) ++failed_;
    ++done_;
    return {};
  }

  Result<bool> is_answer(std::string_view record, const BatchItem& item) const {
    return csv_ ? check_csv_record(record, item) : check_record(record, source_.kind(), item);
  }

  // The record of an earlier run, where it need not be made anew.
  Result<std::string> kept(const BatchItem& item) {
    if (!records_) return std::string();
    OC_ASSIGN_OR_RETURN(const auto old, records_->next_old());
    if (!old) return std::string();
    OC_ASSIGN_OR_RETURN(const bool answered, is_answer(*old, item));
    return answered ? std::string(*old) : std::string();
  }

  Result<std::optional<BatchJob>> next_job() {
    while (!CatchInterrupt::caught()) {
      OC_ASSIGN_OR_RETURN(std::optional<BatchItem> item, source_.next());
      if (!item) break;
      if (has_sidecar(*item)) {
        ++done_;
        continue;
      }
      OC_ASSIGN_OR_RETURN(std::string old, kept(*item));
      return std::optional(BatchJob{*std::move(item), std::move(old)});
    }
    return std::optional<BatchJob>();
  }

  std::optional<BatchJob> take() {
    auto job = next_job();
    if (job.ok()) return *std::move(job);
    ended_ = job.error();
    return std::nullopt;
  }

  // Where there are no records, the files beside the pictures say what is done.
  bool has_sidecar(const BatchItem& item) const {
    return flags_.resume && !records_ && !flags_.sidecar.empty() &&
           fs::exists(sidecar_of(item.file, flags_.sidecar));
  }

  BatchResult work(Answerer& answerer, BatchItem item) const {
    BatchResult out{.item = std::move(item), .reply = {}, .read = {}};
    const auto refuse = [&out](const Error& error) {
      out.read.error = {std::string(to_string(error.code)), error.describe()};
      return std::move(out);
    };
    if (out.item.wrong) return refuse(*out.item.wrong);
    if (source_.kind() == BatchKind::kRequests) {
      out.reply = answerer.answer(out.item.url, std::move(out.item.body));
      out.read = read_reply(out.reply);
      return out;
    }
    const auto picture = picture_file_uri(out.item.file, flags_.defaults.pictures.limits.max_bytes);
    if (!picture.ok()) return refuse(picture.error());
    out.reply = answerer.answer(kChatPath, question_body(settings_, *picture, out.item.question));
    out.read = read_reply(out.reply);
    if (out.read.answer && !flags_.sidecar.empty()) {
      const fs::path beside = sidecar_of(out.item.file, flags_.sidecar);
      const auto written = write_file_atomically(beside, out.read.answer->text + "\n");
      if (!written.ok()) {
        out.read.answer.reset();
        return refuse(written.error());
      }
    }
    return out;
  }

  bool give(const BatchDone& done, std::optional<WorkProgressLine>& progress) {
    const BatchResult& result = done.result;
    if (result.reply.stopped) return false;
    if (result.reply.status == 503) {  // the model itself: the others would fail as well
      ended_ = Error{ErrorCode::kUnavailable, result.read.error.message};
      return false;
    }
    if (!write(done)) return false;
    ++done_;
    if (done.failed()) ++failed_;
    if (progress)
      progress->update({.done = done_,
                        .all = source_.count(),
                        .share = result.item.share,
                        .note = failed_ > 0 ? fmt::format("{} failed", failed_) : ""});
    return true;
  }

  bool write(const BatchDone& done) {
    const BatchResult& result = done.result;
    const std::string record = !done.kept.empty()                       ? done.kept
                               : source_.kind() == BatchKind::kRequests ? request_record(result)
                               : csv_                                   ? csv_record(result)
                                      : picture_record(result, settings_.json_schema.has_value());
    if (records_) {
      if (const auto written = records_->append(record); !written.ok()) ended_ = written.error();
    } else if (flags_.sidecar.empty()) {
      show_answer(record + "\n");
    } else if (result.failed()) {
      tell_line(fmt::format("{}: {}", result.item.file, result.read.error.message));
    }
    return !ended_;
  }

  const BatchFlags& flags_;
  BatchSource source_;
  const bool csv_;
  QuestionSettings settings_;
  std::optional<RecordFile> records_;
  std::optional<RunSettings> made_with_;  // where there are records
  bool head_seen_ = false;
  std::size_t done_ = 0, failed_ = 0;
  std::optional<Error> ended_;
};

void batch(BatchFlags flags, const CLI::App& verb) {
  quiet_logs();
  apply_config(flags);
  check_answer_flags(flags);
  if (flags.resume && flags.out.empty() && flags.sidecar.empty())
    throw ExitError{2, "--resume needs the --out or the --sidecar of the run before"};
  std::ranges::transform(flags.inputs, flags.inputs.begin(), local_path);
  auto inputs = find_inputs(flags.inputs, flags.recursive);
  if (!inputs.ok()) fail(inputs.error());
  check_request_flags(*inputs, verb);
  check_sidecars(flags, *inputs);
  check_output(flags);
  std::optional<TextTemplate> question;
  if (!flags.question.empty()) {
    if (valid_utf8(flags.question) != flags.question)
      throw ExitError{2, "--question is no UTF-8 text"};
    auto parsed = TextTemplate::parse(flags.question);
    if (!parsed.ok()) wrong_usage(parsed.error());
    question = *std::move(parsed);
  }
  auto source = BatchSource::open(*std::move(inputs), std::move(question));
  if (!source.ok()) wrong_usage(source.error());
  BatchRun run(flags, *std::move(source));
  run.prepare();
  run.run();
  run.report();
}

}  // namespace

void add_batch(CLI::App& app) {
  auto flags = std::make_shared<BatchFlags>();
  CLI::App& verb = *app.add_subcommand("batch", "Ask about many pictures, with one load");
  verb.add_option("inputs", flags->inputs,
                  "Pictures, folders, patterns in quotes, a list (.txt), or one file of lines "
                  "(.jsonl): {\"image\", \"question\"}, or OpenAI's batch requests")
      ->required()
      ->option_text("INPUT...");
  verb.add_option("-q,--question", flags->question,
                  "What is asked about each; {name}, {stem}, {folder}, {file}, {index} and a "
                  "line's fields stand for theirs");
  verb.add_option("-o,--out", flags->out,
                  "Where the answers go, in the order of the pictures: FILE.jsonl or FILE.csv "
                  "(else JSON lines on standard output)")
      ->option_text("FILE")
      ->group("Output");
  verb.add_option("--sidecar", flags->sidecar,
                  "Write each answer beside its picture, in a file of this ending, e.g. .txt")
      ->option_text("ENDING")
      ->group("Output");
  verb.add_flag(
      "--resume", flags->resume,
      "Go on where an earlier run has ended, however it did, and ask again what failed in it");
  verb.add_flag("--recursive", flags->recursive, "Pictures of folders below the folders, too");
  add_parallel_flag(verb, flags->parallel);
  verb.add_option("--json-schema", flags->json_schema,
                  "A file with a JSON schema that the answers keep to")
      ->option_text("FILE")
      ->group("Answer");
  add_many_flags(verb, *flags, true);
  verb.footer(
      "Ctrl-C ends it; what was answered is kept.\n"
      "Exit status: 0 all were answered, 1 some were not (their records say why).");
  add_examples(verb,
               {"ocellus batch photos/ --question \"What is in the picture?\" --out answers.jsonl",
                "ocellus batch photos/ --question \"Describe it.\" --sidecar .txt"});
  verb.callback([flags, &verb] { batch(*flags, verb); });
}

}  // namespace oc
