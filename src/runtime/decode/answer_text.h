// From answer tokens to the text that is shown: detokenized, cut at stop strings, in whole code
// points.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/decode/stop.h"
#include "text/tokenizer.h"

namespace oc {

// One thread. on_text (may be empty) gets each new piece, never an empty one, and must outlive it.
class AnswerStream {
 public:
  // goes_on: it continues a text, so it may begin with a space.
  AnswerStream(std::shared_ptr<const Tokenizer> tokenizer, const std::vector<std::string>& stops,
               const std::function<void(std::string_view)>& on_text, bool goes_on = false);

  void push(TokenId id);
  // Whether a stop string is complete in the text so far. It is then the end of the answer.
  bool stopped() const { return matcher_.hit().has_value(); }
  void finish();  // no more tokens: what was held back comes out

  const std::string& text() const { return text_; }  // all that was shown
  const std::optional<std::string>& stop_string() const { return matcher_.hit(); }

 private:
  void show(const std::string& more);
  void look_ahead();

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<Detokenizer> detokenizer_;  // its
  StopMatcher matcher_;
  const std::function<void(std::string_view)>& on_text_;
  std::string text_;
};

}  // namespace oc
