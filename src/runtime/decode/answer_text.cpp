#include "runtime/decode/answer_text.h"

#include "base/utf8.h"

namespace oc {

AnswerStream::AnswerStream(std::shared_ptr<const Tokenizer> tokenizer,
                           const std::vector<std::string>& stops,
                           const std::function<void(std::string_view)>& on_text, bool goes_on)
    : tokenizer_(std::move(tokenizer)),
      detokenizer_(tokenizer_->detokenizer(/*skip_special=*/true)),
      matcher_(stops),
      on_text_(on_text) {
  if (!goes_on) return;
  // A text has begun when it has a letter.
  for (const TokenId id : tokenizer_->encode("a", false)) detokenizer_->push(id);
}

void AnswerStream::push(TokenId id) {
  show(matcher_.push(detokenizer_->push(id)));
  if (!matcher_.empty() && !stopped()) look_ahead();
}

// The detokenizer may keep what a token brought until the next one (that of Llama: bytes, and every
// newline is one), which is too late for a stop string: the model would compute a step for nothing.
// So look at what it would say if the answer ended here; an unfinished code point (U+FFFD) decides
// nothing.
void AnswerStream::look_ahead() {
  const std::string waiting = detokenizer_->waiting();
  if (waiting.empty() || waiting.find(kReplacementCharacter) != std::string::npos) return;
  StopMatcher matcher = matcher_;
  const std::string shown = matcher.push(waiting);
  if (!matcher.hit()) return;
  matcher_ = std::move(matcher);
  show(shown);
}

void AnswerStream::finish() {
  if (!stopped()) show(matcher_.push(detokenizer_->flush()));
  if (!stopped()) show(matcher_.flush());
}

void AnswerStream::show(const std::string& more) {
  if (more.empty()) return;
  text_ += more;
  if (on_text_) on_text_(more);
}

}  // namespace oc
