// Values in a JSON schema: of which type they are, and whether the library writes them as they are.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>

#include "runtime/grammar/json_schema.h"

namespace oc {

namespace json = boost::json;

bool fits_type(const json::value& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_bool();
  if (type == "null") return value.is_null();
  if (type == "number") return value.is_number();
  return value.is_int64() ||
         (value.is_double() && value.get_double() == std::floor(value.get_double()));
}

bool is_exact(const json::value& value) {
  if (value.is_uint64()) return false;
  if (value.is_array()) return std::ranges::all_of(value.get_array(), is_exact);
  if (value.is_object())
    return std::ranges::all_of(value.get_object(),
                               [](const auto& member) { return is_exact(member.value()); });
  return true;
}

}  // namespace oc
