#include "runtime/verify/check.h"

namespace oc {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kRight:
      return "right";
    case Verdict::kWrong:
      return "wrong";
    case Verdict::kSuspicious:
      return "suspicious";
    case Verdict::kNotCompared:
      return "not_compared";
  }
  return "";
}

boost::json::object Check::json() const {
  boost::json::object out{{"verdict", to_string(verdict)}, {"text", text}};
  for (const auto& [key, value] : figures) out[key] = value;
  return out;
}

}  // namespace oc
