// One line of `ocellus compare`: a model, or a server, measured by the process that this is.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "answer_flags.h"
#include "runtime/eval/compare_report.h"
#include "vqa_questions.h"

namespace oc {

struct CompareFlags : AnswerFlags {
  std::vector<std::string> subjects;  // models, and servers' addresses
  QuestionFlags asked;
  std::string out;  // a folder; empty: only what is printed
  int timeout_s = 600;
  bool json = false;
  bool row = false;  // measure the one subject here, and tell it to the process that asked
};

bool is_address(const std::string& subject);

// What is asked: drawn where no file was named. Ends the program where the files are wrong.
class ComparedQuestions {
 public:
  explicit ComparedQuestions(const QuestionFlags& flags);
  std::size_t size() const;
  std::string described() const;  // "40 drawn questions"
  VqaQuestion question(std::size_t i) const;
  // As a data URI.
  Result<std::string> picture(std::size_t i, std::size_t max_bytes) const;

 private:
  const QuestionFlags& flags_;
  std::optional<VqaSample> sample_;  // nullopt: drawn
};

// Of flags.subjects.front(), with apply_config() not yet done. Throws ExitError where there is no
// such model or server, or where it stops answering. `answered`: after each question.
ComparedModel measure_model(CompareFlags flags, const std::function<void(std::size_t)>& answered);

}  // namespace oc
