// One thing that `ocellus verify` looks at in a model of the user's.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

namespace oc {

enum class Verdict {
  kRight,
  kWrong,        // the model is not verified
  kSuspicious,   // told, not judged
  kNotCompared,  // there is nothing to compare with
};
std::string_view to_string(Verdict verdict);  // for programs: "not_compared"

struct Check {
  std::string name;  // "finite"
  Verdict verdict = Verdict::kRight;
  std::string text;  // one line for people: what was found; what is wrong, and what to do
  boost::json::object figures;  // the same for programs

  boost::json::object json() const;
};

}  // namespace oc
