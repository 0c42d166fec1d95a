// The way of a pull as Ollama's clients read it: lines of JSON with a status.
#pragma once

#include "api/pulls.h"

namespace oc {

const PullWriter& ollama_pull_lines();

}  // namespace oc
