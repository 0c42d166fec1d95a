// What an answer waits for, on one line of standard error that is drawn over, and erased when the
// answer begins: "view 2 of 13, 3 s".
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "runtime/answer_progress.h"

namespace oc {

class AnswerProgressLine {
 public:
  // `wanted`: nothing is drawn otherwise, nor where standard error cannot be drawn over.
  // `streamed`: the answer itself shows how it grows.
  // `finds`: the answer is objects, and no text.
  AnswerProgressLine(bool wanted, bool streamed, bool finds = false);
  ~AnswerProgressLine();
  AnswerProgressLine(const AnswerProgressLine&) = delete;
  AnswerProgressLine& operator=(const AnswerProgressLine&) = delete;

  void update(const AnswerProgress& progress);
  void erase();

 private:
  using Clock = std::chrono::steady_clock;

  bool shown_, streamed_, finds_;
  bool drawn_ = false;
  Clock::time_point begin_ = Clock::now(), next_ = begin_;
  std::optional<AnswerPhase> phase_;
};

std::string answer_progress_text(const AnswerProgress& progress, double seconds,
                                 bool finds = false);

}  // namespace oc
