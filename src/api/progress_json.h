// How far an answer is, as JSON in one line.
#pragma once

#include <string>

#include "runtime/answer_progress.h"

namespace oc {

// {"phase":"encoding","done":3,"total":13}, {"phase":"queued","ahead":2}
std::string progress_json(const AnswerProgress& progress);

}  // namespace oc
