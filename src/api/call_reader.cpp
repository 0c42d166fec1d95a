#include "api/call_reader.h"

#include "base/check.h"

namespace oc {

// With one tool the answer is its arguments; with several, {"name": NAME, "arguments": {…}}, in
// this order and with white space anywhere, as the schema of force_call() has it. Names hold
// nothing that JSON would escape.
CallReader::CallReader(const ForcedCall& call)
    : place_(call.tools.size() == 1 ? Place::kBetween : Place::kBefore) {
  OC_CHECK(!call.tools.empty(), "a call of no tool");
  if (place_ == Place::kBetween) tool_ = call.tools.front();
}

void CallReader::add(std::string_view text) {
  for (const char c : text) read(c);
}

void CallReader::read(char c) {
  switch (place_) {
    case Place::kBefore:  // up to the quote that opens the name: the second string
      if (c == '"') {
        in_string_ = !in_string_;
        if (in_string_ && key_ == "name") {
          in_string_ = false;
          key_.clear();
          place_ = Place::kName;
        }
      } else if (in_string_) {
        key_ += c;
      }
      return;
    case Place::kName:
      if (c != '"') {
        key_ += c;
        return;
      }
      tool_.swap(key_);
      key_.clear();
      place_ = Place::kBetween;
      return;
    case Place::kBetween:  // up to the brace that opens the arguments; a key's quotes hold none
      if (c != '{') return;
      place_ = Place::kArguments;
      [[fallthrough]];
    case Place::kArguments:
      arguments_ += c;
      if (escaped_)
        escaped_ = false;
      else if (in_string_ && c == '\\')
        escaped_ = true;
      else if (c == '"')
        in_string_ = !in_string_;
      else if (!in_string_ && (c == '{' || c == '['))
        ++depth_;
      else if (!in_string_ && (c == '}' || c == ']') && --depth_ == 0)
        place_ = Place::kBehind;
      return;
    case Place::kBehind:
      return;
  }
}

}  // namespace oc
