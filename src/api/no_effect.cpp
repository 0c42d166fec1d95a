#include "api/no_effect.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <utility>

namespace oc {

namespace json = boost::json;

void NoEffect::add(std::string_view prefix, std::string_view key) {
  std::string name = std::string(prefix) + std::string(key);
  if (std::ranges::find(*names_, name) == names_->end()) names_->push_back(std::move(name));
}

void NoEffect::add_present(const JsonFields& object, std::string_view prefix,
                           std::span<const std::string_view> keys) {
  for (const std::string_view key : keys) {
    const json::value* value = object.find(key);
    if (value != nullptr && !(value->is_array() && value->get_array().empty())) add(prefix, key);
  }
}

}  // namespace oc
