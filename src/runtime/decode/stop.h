// Stop strings in a stream of text: what may be the beginning of one is held back until decided, so
// that no part of a stop string is ever shown.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oc {

// The stop string that is complete first ends the text, the longest where several end at the same
// byte; so the result does not depend on how the text was cut into pieces. One thread; copyable.
// O(1) for a byte and a stop string (Knuth, Morris, Pratt 1977).
class StopMatcher {
 public:
  explicit StopMatcher(const std::vector<std::string>& stops);  // empty strings are ignored
  // Text that is safe to show now. After a hit nothing more comes out.
  std::string push(std::string_view text);
  std::string flush();  // end of the answer: what was held back
  const std::optional<std::string>& hit() const { return hit_; }  // the stop string that ended it
  bool empty() const { return patterns_.empty(); }

 private:
  struct Pattern {
    std::string text;
    std::vector<std::size_t> border;  // of text[0, i]: longest proper prefix that is a suffix
    std::size_t matched = 0;          // bytes of `text` that the stream ends with
    bool feed(char byte);             // true when complete
  };

  std::vector<Pattern> patterns_;  // longest first
  std::string held_;
  std::optional<std::string> hit_;
};

}  // namespace oc
