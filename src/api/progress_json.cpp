#include "api/progress_json.h"

#include <fmt/format.h>

namespace oc {

std::string progress_json(const AnswerProgress& progress) {
  std::string out = fmt::format(R"({{"phase":"{}")", to_string(progress.phase));
  if (progress.phase == AnswerPhase::kQueued)
    out += fmt::format(R"(,"ahead":{})", progress.ahead);
  else if (progress.total > 0)
    out += fmt::format(R"(,"done":{},"total":{})", progress.done, progress.total);
  return out + '}';
}

}  // namespace oc
