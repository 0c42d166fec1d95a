// Stop strings in a stream of text: what may be the beginning of one is held back until decided, so
// that no part of a stop string is ever shown.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oc {

class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops);  // empty strings are ignored
  // Text that is safe to show now. After a hit nothing more comes out.
  std::string push(std::string_view text);
  std::string flush();                     // end of the answer: what was held back
  const std::optional<std::string>& hit() const { return hit_; }  // the stop string that ended it

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::optional<std::string> hit_;
};

}  // namespace oc
