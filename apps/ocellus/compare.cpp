// ocellus compare: models and servers side by side, each asked the same questions.
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "answer_config.h"
#include "answerers.h"
#include "base/system/child_process.h"
#include "base/system/processor.h"
#include "base/system/program.h"
#include "compare_row.h"
#include "config_flags.h"
#include "io/json.h"
#include "io/json_text.h"
#include "io/whole_file.h"
#include "progress.h"
#include "terminal.h"
#include "version.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// --- The process of one row

// Lines of JSON on standard output: {"answered": 3}, …, and at the end {"row": {…}}, which also
// says what failed.
void tell_row(const CompareFlags& flags) {
  ComparedModel row;
  try {
    row = measure_model(flags, [](std::size_t count) {
      show_answer(json_text(json::object{{"answered", count}}) + "\n");
    });
  } catch (const ExitError& error) {
    if (error.status == 130) throw;
    row.name = flags.subjects.front();
    row.error = error.message + (error.hint.empty() ? "" : " (" + error.hint + ")");
  }
  show_answer(json_text(json::object{{"row", row.json()}}) + "\n");
}

// --- The process that compares

std::string ended_how(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return fmt::format("its process was ended by signal {}{}", signal,
                       signal == SIGKILL ? ": was there too little memory?" : "");
  }
  return fmt::format("its process ended with status {}",
                     WIFEXITED(status) ? WEXITSTATUS(status) : status);
}

// The lines that a process writes, until it ends or Ctrl-C.
class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd) {}
  std::optional<std::string> next() {
    for (;;) {
      if (const std::size_t end = text_.find('\n'); end != text_.npos) {
        std::string line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return line;
      }
      pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 200) == 0 || ready.revents == 0) {
        if (CatchInterrupt::caught()) return std::nullopt;
        continue;
      }
      char buffer[4096];
      const ssize_t size = ::read(fd_, buffer, sizeof buffer);
      if (size <= 0) return std::nullopt;
      text_.append(buffer, static_cast<std::size_t>(size));
    }
  }

 private:
  int fd_;
  std::string text_;
};

class CompareRun {
 public:
  CompareRun(const CompareFlags& flags, std::vector<std::string> arguments, std::size_t questions)
      : flags_(flags), arguments_(std::move(arguments)), questions_(questions), progress_(0, 0) {}

  std::vector<ComparedModel> run() {
    std::vector<ComparedModel> out;
    for (const std::string& subject : flags_.subjects) {
      ComparedModel row = measure(subject);
      if (CatchInterrupt::caught()) break;  // what was measured before is kept
      out.push_back(std::move(row));
      ++done_;
    }
    return out;
  }

 private:
  ComparedModel measure(const std::string& subject) {
    ComparedModel out;
    out.name = subject;
    Pipe pipe = make_pipe();
    std::vector<std::string> arguments = arguments_;
    arguments.insert(arguments.end(), {"--row", "--", subject});
    auto child = ChildProcess::run(running_program(), std::move(arguments), pipe.write.get());
    pipe.write.close();
    if (!child) {
      out.error = "no process could be started for it";
      return out;
    }
    show_progress(subject, 0);
    bool told = false;
    LineReader lines(pipe.read.get());
    while (const auto line = lines.next()) {
      const auto value = parse_json(*line, "the model's process");
      if (!value.ok() || !value->is_object()) continue;
      const json::object& said = value->get_object();
      if (const json::value* row = said.if_contains("row"); row != nullptr) {
        if (!row->is_object()) continue;
        auto read = ComparedModel::read(row->get_object());
        if (!read.ok()) fail(read.error());
        out = *std::move(read);
        told = true;
      } else if (const json::value* count = said.if_contains("answered");
                 count != nullptr && count->is_int64()) {
        show_progress(subject, static_cast<std::size_t>(count->get_int64()));
      }
    }
    std::optional<int> status;
    while (!CatchInterrupt::caught() && !(status = child->ended()))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (!told && status) out.error = ended_how(*status);
    return out;
  }

  void show_progress(const std::string& subject, std::size_t answered) {
    const std::size_t all = questions_ * flags_.subjects.size(),
                      done = done_ * questions_ + answered;
    progress_.update({.done = done,
                      .all = all,
                      .share = static_cast<double>(done) / static_cast<double>(all),
                      .note = subject});
  }

  const CompareFlags& flags_;
  const std::vector<std::string> arguments_;  // of each row's process, without its subject
  const std::size_t questions_;
  std::size_t done_ = 0;  // subjects
  WorkProgressLine progress_;
};

// The verb and its flags, as they were typed.
std::vector<std::string> typed_flags(const CLI::App& verb) {
  std::vector<std::string> out = {verb.get_name()};
  for (const CLI::Option* option : verb.get_options()) {
    if (option->get_positional() || option->count() == 0) continue;
    const std::string name = "--" + option->get_lnames().front();
    if (name == "--out" || name == "--json") continue;
    if (option->get_type_size() == 0) {
      out.push_back(name);
    } else {
      for (const std::string& value : option->results()) out.push_back(name + "=" + value);
    }
  }
  return out;
}

constexpr std::array<std::string_view, 3> kFiles = {"compare.md", "compare.json", "compare.svg"};

void check_folder(const std::string& folder) {
  for (const std::string_view name : kFiles)
    if (std::error_code error; fs::exists(fs::path(folder) / name, error))
      throw ExitError{2, fmt::format("{} is there already", (fs::path(folder) / name).string()),
                      "name another folder with --out"};
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw ExitError{1, fmt::format("cannot make {}: {}", folder, error.message())};
}

void write_files(const std::string& folder, const Comparison& comparison) {
  const std::array<std::string, kFiles.size()> texts = {
      comparison.markdown(), json_text(comparison.json()) + "\n", comparison.plot()};
  for (std::size_t i = 0; i < kFiles.size(); ++i) {
    const auto written = write_file_atomically(fs::path(folder) / kFiles[i], texts[i]);
    if (!written.ok()) fail(written.error());
  }
}

// What is wrong with the flags is told before the first model is loaded, once.
std::size_t check_flags(CompareFlags flags) {
  const ComparedQuestions questions(flags.asked);
  read_prompt(flags.asked.prompt);
  if (!flags.out.empty()) check_folder(flags.out);
  const bool loads = !std::ranges::all_of(flags.subjects, is_address);
  if (loads) {
    flags.config.texts[find_key("model_path")] = {"demo"};
    apply_config(flags);
    check_answer_flags(flags);
  }
  return questions.size();
}

void compare(const CompareFlags& flags, const CLI::App& verb) {
  quiet_logs();
  if (flags.row) return tell_row(flags);
  const std::size_t questions = check_flags(flags);
  Comparison out;
  bool interrupted = false;
  {
    const CatchInterrupt interrupt;
    out.models = CompareRun(flags, typed_flags(verb), questions).run();
    interrupted = CatchInterrupt::caught();
  }
  if (out.models.empty()) throw ExitError{130, "interrupted"};
  out.questions = ComparedQuestions(flags.asked).described();
  out.prompt = flags.asked.prompt;
  out.max_tokens = flags.max_tokens.value_or(kShortAnswerTokens);
  out.machine = fmt::format("{}, {} cores", processor_name(), usable_cores());
  out.program = fmt::format("ocellus {}", source_commit());
  if (!flags.out.empty()) write_files(flags.out, out);
  if (flags.json)
    show_line(json_text(out.json()));
  else
    show(out.markdown());
  if (interrupted)
    throw ExitError{130, fmt::format("interrupted; {} of {} were measured", out.models.size(),
                                     flags.subjects.size())};
  const auto failed = std::ranges::count_if(
      out.models, [](const ComparedModel& model) { return !model.error.empty(); });
  if (failed > 0)
    throw ExitError{1, fmt::format("{} of {} could not be measured", failed, out.models.size()),
                    "their rows say why"};
}

}  // namespace

void add_compare(CLI::App& app) {
  auto flags = std::make_shared<CompareFlags>();
  CLI::App& verb = *app.add_subcommand(
      "compare", "Ask models and servers the same questions: how right, how fast, how large");
  verb.add_option("subjects", flags->subjects,
                  "Models, and addresses of servers with OpenAI's API, as http://127.0.0.1:8080 "
                  "(#NAME behind it: another model than its first; key: $OCELLUS_API_KEY)")
      ->required()
      ->option_text("MODEL|URL...");
  verb.add_option("-o,--out", flags->out,
                  "Folder for compare.md, compare.json and the plot compare.svg")
      ->option_text("DIR")
      ->group("Output");
  verb.add_flag("--json", flags->json, "Print JSON, not the table")->group("Output");
  verb.add_option("--timeout", flags->timeout_s,
                  "Seconds for one answer of a server, asking again included")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  verb.add_flag("--row", flags->row)->group("");  // for the process of one row
  add_question_flags(verb, flags->asked);
  verb.get_option("--questions")
      ->description("Questions, as published, or a file of lines; else about pictures drawn here");
  verb.get_option("--sample")
      ->description("Ask so many of them, drawn; 0: all, of the drawn ones 40");
  add_many_flags(verb, *flags, false);
  verb.remove_option(verb.get_option("--model"));  // the words say them
  verb.footer(
      "Each model is loaded by a process of its own.\n"
      "Exit status: 0 all were measured, 1 some were not (their rows say why).");
  add_examples(verb, {"ocellus compare demo moondream2 http://127.0.0.1:8080 --out compared"});
  verb.callback([flags, &verb] { compare(*flags, verb); });
}

}  // namespace oc
