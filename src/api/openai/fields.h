// Which fields a chat request may have: those that we act on, those that cannot change an answer
// (accepted, and listed in its warning), and those that would (refused by name, unless their value
// asks for nothing). Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/json_fields.h"

namespace oc {

// Fields that had no effect, each once and without indices: "store", "messages[].id".
class NoEffect {
 public:
  explicit NoEffect(std::vector<std::string>& names) : names_(&names) {}
  void add(std::string_view prefix, std::string_view key = {});
  // Those of `keys` that the object has.
  void add_present(const JsonFields& object, std::string_view prefix,
                   std::span<const std::string_view> keys);

 private:
  std::vector<std::string>* names_;
};

// The fields at the top of the body. kUnsupported for one that is not known or would change the
// answer, kInvalidArgument for a value of the wrong type.
Result<void> check_fields(const JsonFields& request, NoEffect no_effect);

}  // namespace oc
