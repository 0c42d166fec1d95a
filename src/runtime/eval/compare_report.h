// Models and servers side by side: how right, how fast, how large. As JSON, as a Markdown table,
// and as a plot.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/eval/estimate.h"

namespace oc {

// Of all answers; the smallest value that so many are not above.
struct Spread {
  double p50 = 0, p90 = 0;
};

struct ComparedModel {
  std::string name;       // as it was asked for: a model, or a server's address
  std::string model, by;  // what answered: its name, and the engine or the address
  std::string error;      // why there are no figures; empty: there are
  Estimate accuracy;
  std::size_t failed = 0;            // questions without an answer, which count as wrong
  std::string first_error;           // of these
  std::size_t empty = 0;             // answers without text
  Spread seconds;                    // of an answer, asked one at a time
  std::optional<Spread> first_text;  // seconds; nullopt here and below: it is not known
  std::optional<std::size_t> resident_bytes;
  std::optional<double> load_seconds;
  Spread prompt_tokens, answer_tokens;
  std::int64_t cached_tokens = 0;  // of prompts, that a server had computed before

  boost::json::object json() const;
  // What json() gives, from another process.
  static Result<ComparedModel> read(const boost::json::object& object);
};

struct Comparison {
  std::string questions;  // "40 drawn questions", "100 of 5000 questions of x.json, seed 1"
  std::string prompt;     // with {question}
  int max_tokens = 0;
  std::string machine, program;
  std::vector<ComparedModel> models;

  boost::json::object json() const;
  std::string markdown() const;
  // Accuracy over seconds, the area of a dot for memory. An SVG of its own, for light and dark.
  std::string plot() const;
};

}  // namespace oc
