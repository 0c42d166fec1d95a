#include "answer_progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "terminal.h"

namespace oc {

std::string answer_progress_text(const AnswerProgress& progress, double seconds, bool finds) {
  const std::int64_t at = std::min(progress.done + 1, progress.total);
  std::string text;
  switch (progress.phase) {
    case AnswerPhase::kDecoding:
      text = "reading the pictures";
      break;
    case AnswerPhase::kPreparing:
      text = "preparing";
      break;
    case AnswerPhase::kQueued:
      text = progress.ahead > 0 ? fmt::format("waiting, {} in front", progress.ahead) : "waiting";
      break;
    case AnswerPhase::kEncoding:
      text = progress.total > 1
                 ? fmt::format("looking at the picture, view {} of {}", at, progress.total)
                 : "looking at the picture";
      break;
    case AnswerPhase::kPrefill:
      text = fmt::format("reading the prompt, {} of {} tokens", progress.done, progress.total);
      break;
    case AnswerPhase::kAnswering:
      text = progress.total > 0
                 ? fmt::format("answering, {} of {}", progress.done, progress.total)
                 : fmt::format("{}, {} {}{}", finds ? "searching" : "answering", progress.done,
                               finds ? "position" : "token", progress.done == 1 ? "" : "s");
      break;
  }
  return fmt::format("{}, {:.0f} s", text, seconds);
}

AnswerProgressLine::AnswerProgressLine(bool wanted, bool streamed, bool finds)
    : shown_(wanted && stderr_redraws()), streamed_(streamed), finds_(finds) {}

AnswerProgressLine::~AnswerProgressLine() { erase(); }

void AnswerProgressLine::erase() {
  if (drawn_) tell_in_place("");
  drawn_ = false;
}

void AnswerProgressLine::update(const AnswerProgress& progress) {
  if (!shown_) return;
  if (streamed_ && progress.phase == AnswerPhase::kAnswering) return erase();
  constexpr std::chrono::milliseconds kDrawEvery{100};
  const Clock::time_point now = Clock::now();
  if (phase_ == progress.phase && now < next_) return;
  phase_ = progress.phase;
  next_ = now + kDrawEvery;
  std::string text =
      answer_progress_text(progress, std::chrono::duration<double>(now - begin_).count(), finds_);
  text.resize(std::min(text.size(), static_cast<std::size_t>(std::max(stderr_columns() - 1, 0))));
  tell_in_place(text);
  drawn_ = true;
}

}  // namespace oc
