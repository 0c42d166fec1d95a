// Which fields of a request changed nothing, for its warning. Only for .cpp files: it pulls in
// Boost.JSON.
#pragma once

#include <span>
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

}  // namespace oc
