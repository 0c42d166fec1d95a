// Texts with places for values: "Describe {name} in one sentence." {{ and }} are braces.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace oc {

class TextTemplate {
 public:
  // kInvalidArgument: a brace without its other one.
  static Result<TextTemplate> parse(std::string_view text);

  std::vector<std::string> names() const;  // of its places, in order

  // nullopt: there is no such value.
  using ValueOf = std::function<std::optional<std::string>(std::string_view name)>;
  // kInvalidArgument names the value that is not there.
  Result<std::string> fill(const ValueOf& value_of) const;
  static Error no_such_value(std::string_view name);

 private:
  struct Place {
    std::string before, name;  // name empty: the end
  };
  std::vector<Place> places_;
};

}  // namespace oc
