// JSON as text, for every place that writes some: numbers in their usual form, where Boost.JSON
// would write 7E-1.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace oc {

// One line without spaces; doubles as number_text() has them.
std::string json_text(const boost::json::value& value);
std::string json_text(const boost::json::object& object);
std::string json_text(const boost::json::array& array);

// Valid JSON without the spaces and lines between its values; all else as it stands, so that
// numbers keep digits that no double holds.
std::string compact_json(std::string_view text);

// A string as JSON, quotes included.
std::string json_quoted(std::string_view text);

}  // namespace oc
