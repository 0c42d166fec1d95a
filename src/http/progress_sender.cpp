#include "http/progress_sender.h"

#include <exception>
#include <utility>

#include "http/answer_sender.h"

namespace oc::http {

void ProgressSender::operator()(const AnswerProgress& progress) const noexcept {
  try {
    send(progress);
  } catch (const std::exception&) {
    // What there is no memory for is left out; the answer is not.
  }
}

void ProgressSender::send(const AnswerProgress& progress) const {
  using enum AnswerPhase;
  if (progress.phase < kQueued && since_.ms() < static_cast<double>(after_.count())) return;
  // Later phases find the stream on offer, with what stands at its beginning.
  if (progress.phase == kDecoding) responder_->offer_stream(stream_offer(*dialect_, ping_every_));
  // Tokens of a text tell of themselves.
  if (progress.phase == kAnswering && progress.total == 0 && progress.done > 0) return;
  std::string out;
  dialect_->append_progress(out, progress);
  responder_->write(std::move(out));
}

}  // namespace oc::http
