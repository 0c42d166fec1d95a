#include "compare_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>

#include "answer_config.h"
#include "answerers.h"
#include "api/config/schema.h"
#include "api/offline/server_answerer.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/system/memory.h"
#include "io/base64.h"
#include "runtime/bench/load.h"
#include "runtime/eval/drawn_questions.h"
#include "terminal.h"

namespace oc {
namespace {

constexpr std::size_t kDrawn = 40;  // where --sample does not say
// Of the question before the first one: another picture than any that counts.
constexpr std::size_t kWarmUp = 1'000'000;

Spread spread_of(std::vector<double> values) {
  const Percentiles all = percentiles(std::move(values));
  return {all.p50, all.p90};
}

std::string uri_of(const Image& picture) { return picture_data_uri(encode_png(picture), "png"); }

// A subject's answerer, and what it tells of the process that computes.
struct Subject {
  std::unique_ptr<Answerer> answerer;
  ServerAnswerer* server = nullptr;  // the same, where it is one
  std::optional<double> load_seconds;

  std::optional<std::size_t> resident_bytes() const {
    if (server != nullptr) return server->resident_bytes();
    const std::size_t bytes = resident_memory();
    return bytes > 0 ? std::optional(bytes) : std::nullopt;
  }
};

// http://127.0.0.1:8080/v1#MODEL
Subject connect(const std::string& address, int timeout_s) {
  const std::size_t mark = std::min(address.find('#'), address.size());
  auto made = ServerAnswerer::connect({.url = address.substr(0, mark),
                                       .api_key = environment("OCELLUS_API_KEY").value_or(""),
                                       .model = address.substr(std::min(mark + 1, address.size())),
                                       .name_hint = "name one behind the address: URL#NAME",
                                       .timeout_s = timeout_s,
                                       .streams = true,
                                       .stopped = &CatchInterrupt::caught});
  if (!made.ok()) fail(made.error());
  Subject out;
  out.server = made->get();
  out.answerer = *std::move(made);
  return out;
}

Subject load_here(CompareFlags& flags) {
  flags.config.texts[find_key("model_path")] = {flags.subjects.front()};  // as if typed
  apply_config(flags);
  check_answer_flags(flags);
  Subject out;
  const Stopwatch since;
  out.answerer = load_answerer(flags, {.parallel = 1, .each_picture_once = true});
  out.load_seconds = since.ms() / 1000;
  return out;
}

class Measured {
 public:
  void add(const VqaReply& reply) {
    if (!reply.answer.error.empty()) return;
    whole_.push_back(reply.reply.whole_ms / 1000);
    if (reply.reply.first_text_ms) first_.push_back(*reply.reply.first_text_ms / 1000);
    prompt_.push_back(static_cast<double>(reply.text.prompt_tokens));
    answer_.push_back(static_cast<double>(reply.text.completion_tokens));
    cached_ += reply.text.cached_tokens;
  }
  void write(ComparedModel& out) {
    out.seconds = spread_of(std::move(whole_));
    if (!first_.empty()) out.first_text = spread_of(std::move(first_));
    out.prompt_tokens = spread_of(std::move(prompt_));
    out.answer_tokens = spread_of(std::move(answer_));
    out.cached_tokens = cached_;
  }

 private:
  std::vector<double> whole_, first_, prompt_, answer_;
  std::int64_t cached_ = 0;
};

[[noreturn]] void interrupted() { throw ExitError{130, "interrupted"}; }

}  // namespace

bool is_address(const std::string& subject) {
  return subject.starts_with("http://") || subject.starts_with("https://");
}

ComparedQuestions::ComparedQuestions(const QuestionFlags& flags) : flags_(flags) {
  if (!flags.questions.empty()) sample_ = read_questions(flags);
}

std::size_t ComparedQuestions::size() const {
  if (sample_) return sample_->questions.size();
  return flags_.draw.count > 0 ? flags_.draw.count : kDrawn;
}

std::string ComparedQuestions::described() const {
  if (!sample_) return fmt::format("{} drawn questions, seed {}", size(), flags_.draw.seed);
  const std::string file = std::filesystem::path(flags_.questions).filename().string();
  if (size() == sample_->all) return fmt::format("{} questions of {}", size(), file);
  return fmt::format("{} of {} questions of {}, seed {}", size(), sample_->all, file,
                     flags_.draw.seed);
}

VqaQuestion ComparedQuestions::question(std::size_t i) const {
  return sample_ ? sample_->questions[i] : drawn_question(i, flags_.draw.seed).question;
}

Result<std::string> ComparedQuestions::picture(std::size_t i, std::size_t max_bytes) const {
  if (sample_) return picture_file_uri(sample_->questions[i].picture, max_bytes);
  return uri_of(drawn_question(i, flags_.draw.seed).picture);
}

ComparedModel measure_model(CompareFlags flags, const std::function<void(std::size_t)>& answered) {
  const ComparedQuestions questions(flags.asked);
  const TextTemplate prompt = read_prompt(flags.asked.prompt);
  const std::string subject = flags.subjects.front();
  const CatchInterrupt interrupt;
  Subject asked = is_address(subject) ? connect(subject, flags.timeout_s) : load_here(flags);
  ComparedModel out;
  out.name = subject;
  out.model = asked.answerer->model();
  out.by = asked.answerer->answered_by();
  QuestionSettings settings = question_settings(flags);
  settings.temperature = 0;
  if (!settings.max_tokens) settings.max_tokens = kShortAnswerTokens;
  if (asked.server != nullptr) settings.model = asked.answerer->model();

  const auto ask = [&](const std::string& question, const Result<std::string>& picture) {
    VqaReply reply = ask_vqa(*asked.answerer, settings, prompt, question, picture);
    if (reply.stopped) interrupted();
    if (reply.failure) fail(*reply.failure);
    return reply;
  };
  const DrawnQuestion first = drawn_question(kWarmUp, flags.asked.draw.seed);
  ask(first.question.question, uri_of(first.picture));

  const std::size_t max_bytes = flags.defaults.pictures.limits.max_bytes;
  Measured measured;
  std::vector<VqaQuestion> all;
  std::vector<VqaAnswer> answers;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    all.push_back(questions.question(i));
    VqaReply reply = ask(all.back().question, questions.picture(i, max_bytes));
    measured.add(reply);
    if (const auto bytes = asked.resident_bytes())
      out.resident_bytes = std::max(out.resident_bytes.value_or(0), *bytes);
    answers.push_back(std::move(reply.answer));
    answered(i + 1);
  }
  const VqaReport report = make_vqa_report({}, all, answers);
  out.accuracy = report.overall;
  out.failed = report.failed;
  out.first_error = report.first_error;
  out.empty = report.empty;
  if (report.is_void()) throw ExitError{1, "nothing could be scored: " + report.unanswered()};
  measured.write(out);
  out.load_seconds = asked.load_seconds;
  if (asked.server != nullptr)
    if (const auto ms = asked.server->load_ms()) out.load_seconds = *ms / 1000;
  return out;
}

}  // namespace oc
