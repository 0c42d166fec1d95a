// How a request's own dialect calls what errors and warnings from behind its parser call as chat
// completions do: "max_tokens" is "options.num_predict" to clients of Ollama's.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace oc {

class FieldNames {
 public:
  // From now on `ours` is called `theirs`; so is each entry of "ours[", as "theirs[".
  void call(std::string_view ours, std::string_view theirs);
  // Its name; the same where nothing else was said.
  std::string_view of(std::string_view ours) const;
  // An error that names fields of theirs: in its param, and in its texts where they stand as words.
  // Names that are words of the language, too ("messages"), only where they stand in quotes.
  Error in_their_words(Error error) const;

 private:
  std::vector<std::pair<std::string, std::string>> names_;
};

}  // namespace oc
