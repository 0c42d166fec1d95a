#include "runtime/eval/vqa_report.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <cstdlib>
#include <map>

#include "base/check.h"
#include "base/printable.h"
#include "runtime/eval/vqa_rule.h"

namespace oc {
namespace {

namespace json = boost::json;

using Groups = std::map<std::string_view, std::vector<ClusteredScore>>;

std::vector<TypeScore> scores_of(const Groups& groups) {
  std::vector<TypeScore> out;
  for (const auto& [name, scores] : groups)
    if (!name.empty()) out.push_back({std::string(name), estimate(scores)});
  return out;
}

json::object json_of(const Estimate& estimate) {
  return {{"questions", estimate.count},
          {"accuracy", percent(estimate.mean)},
          {"low", percent(estimate.low)},
          {"high", percent(estimate.high)}};
}

json::array json_of(std::span<const TypeScore> types) {
  json::array out;
  for (const TypeScore& type : types) {
    json::object one{{"type", type.name}};
    for (const auto& [key, value] : json_of(type.estimate)) one[key] = value;
    out.push_back(std::move(one));
  }
  return out;
}

json::object accuracies(std::span<const TypeScore> types) {
  json::object out;
  for (const TypeScore& type : types) out[type.name] = percent(type.estimate.mean);
  return out;
}

std::string row(std::string_view name, const Estimate& estimate) {
  return fmt::format("  {:<24} {:>6.2f} %   {:>6.2f} to {:>6.2f}   {:>7}\n", name,
                     percent(estimate.mean), percent(estimate.low), percent(estimate.high),
                     estimate.count);
}

}  // namespace

std::string unanswered_text(std::size_t failed, std::size_t empty, std::size_t all,
                            std::string_view first_error) {
  std::string out;
  if (failed > 0)
    out = fmt::format("{} of {} questions without an answer, which count as wrong; the first: {}",
                      failed, all, first_error);
  if (empty > 0)
    out += fmt::format("{}{} of {} answers are empty", out.empty() ? "" : "; ", empty, all);
  return out;
}

double percent(double share) {
  // Not every library has from_chars for a double (libc++ before 20).
  return std::strtod(fmt::format("{:.2f}", 100 * share).c_str(), nullptr);
}

VqaReport make_vqa_report(VqaRun run, std::span<const VqaQuestion> questions,
                          std::span<const VqaAnswer> answers) {
  OC_CHECK(questions.size() == answers.size(), "{} answers to {} questions", answers.size(),
           questions.size());
  VqaReport out;
  out.run = std::move(run);
  std::vector<ClusteredScore> all;
  Groups by_answer, by_question;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const VqaQuestion& question = questions[i];
    const bool failed = !answers[i].error.empty();
    if (failed && out.failed++ == 0) out.first_error = answers[i].error;
    if (!failed && answers[i].text.find_first_not_of(" \t\r\n") == std::string::npos) ++out.empty;
    const double score = failed ? 0 : answer_score(answers[i].text, question.answers);
    const ClusteredScore one{score, question.picture};
    all.push_back(one);
    by_answer[question.answer_type].push_back(one);
    by_question[question.question_type].push_back(one);
    out.scores.push_back(score);
  }
  out.overall = estimate(all);
  out.answer_types = scores_of(by_answer);
  out.question_types = scores_of(by_question);
  return out;
}

json::object VqaReport::json() const {
  json::object out{{"model", run.model},
                   {"by", run.by},
                   {"prompt", run.prompt},
                   {"questions", overall.count},
                   {"drawn_of", run.drawn_of}};
  out["seed"] = run.seed ? json::value(*run.seed) : json::value(nullptr);
  out["failed"] = failed;
  out["first_error"] = first_error.empty() ? json::value(nullptr) : json::value(first_error);
  out["empty"] = empty;
  out["accuracy"] = {{"overall", percent(overall.mean)},
                     {"perAnswerType", accuracies(answer_types)},
                     {"perQuestionType", accuracies(question_types)}};
  out["interval"] = kIntervalMethod;
  out["overall"] = json_of(overall);
  out["answer_types"] = json_of(answer_types);
  out["question_types"] = json_of(question_types);
  return out;
}

std::string VqaReport::unanswered() const {
  return unanswered_text(failed, empty, overall.count, first_error);
}

std::string VqaReport::table() const {
  std::string out = fmt::format("{}, {}\n", run.model, run.by);
  out += run.seed ? fmt::format("{} of {} questions, drawn with seed {}", overall.count,
                                run.drawn_of, *run.seed)
                  : fmt::format("{} questions", overall.count);
  if (const std::string without = unanswered(); !without.empty())
    out += "\n" + printable(without, Lines::kOne);
  out += fmt::format("\n\n  {:<24} {:>8}   {:>16}   {:>7}\n", "", "accuracy", "95 % interval",
                     "asked");
  out += row("all", overall);
  if (!answer_types.empty()) out += "\n";
  for (const TypeScore& type : answer_types) out += row(type.name, type.estimate);
  if (!question_types.empty()) out += "\n";
  for (const TypeScore& type : question_types) out += row(type.name, type.estimate);
  return out;
}

}  // namespace oc
