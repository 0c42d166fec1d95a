// What comes out of asking a model a data set's questions: scores by type, as JSON, as a table, and
// as a page with pictures.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/eval/estimate.h"
#include "runtime/eval/vqa_data.h"

namespace oc {

// What was said to one question.
struct VqaAnswer {
  std::string text;
  std::string error;  // why there is none; it counts as wrong
};

struct VqaRun {
  std::string model, by;  // by: the engine, or the server's address
  std::string prompt;     // with {question}
  std::size_t drawn_of = 0;
  std::optional<std::uint64_t> seed;  // of the sample; nullopt: all were asked
};

struct TypeScore {
  std::string name;
  Estimate estimate;
};

struct VqaReport {
  VqaRun run;
  Estimate overall;
  std::vector<TypeScore> answer_types, question_types;  // by name
  std::size_t failed = 0, empty = 0;  // without an answer; with one that has no text
  std::string first_error;            // of those that failed
  std::vector<double> scores;         // of each question, from 0 to 1

  // "accuracy" as the published evaluation tells it: percent with two decimals.
  boost::json::object json() const;
  std::string table() const;  // for people
  // "3 of 40 questions without an answer, …": what had nothing that could be right; empty: nothing.
  std::string unanswered() const;
  // Nothing had: the score says nothing of the model.
  bool is_void() const { return failed + empty == overall.count; }
};

// `answers`: one for each question.
VqaReport make_vqa_report(VqaRun run, std::span<const VqaQuestion> questions,
                          std::span<const VqaAnswer> answers);

// One HTML file with everything in it: the scores, and `mistakes` of the questions that were not
// answered right, the worst first, with their pictures made small. Nothing in it is active, and
// nothing of what people or models wrote becomes markup.
std::string vqa_page(const VqaReport& report, std::span<const VqaQuestion> questions,
                     std::span<const VqaAnswer> answers, std::size_t mistakes);

// What had nothing that could be right; empty where everything had.
std::string unanswered_text(std::size_t failed, std::size_t empty, std::size_t all,
                            std::string_view first_error);

// Percent with two decimals, rounded as Python rounds.
double percent(double share);

}  // namespace oc
