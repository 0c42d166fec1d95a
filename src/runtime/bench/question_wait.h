// How long a short question waits beside a request for many answers without an end.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "base/result.h"
#include "runtime/bench/load.h"

namespace oc {

struct QuestionWaitReport {
  std::string url, model;
  int answers = 0;     // of the request that runs
  Percentiles alone;   // ms from sending a question to the end of its two tokens, before it
  Percentiles during;  // and while it runs

  std::string table() const;
  boost::json::object json() const;
};

// Asks for two tokens again and again, first alone, then beside a client that asks for `answers`
// answers (OpenAI's n) and sets no max_tokens; where they end it asks again.
// kUnavailable where no server answers or a request fails.
Result<QuestionWaitReport> measure_question_wait(const ServerLoadOptions& options, int answers);

}  // namespace oc
