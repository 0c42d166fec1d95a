// JSON files that are too large to be in memory as values: those of data sets hold one long list,
// of which one element at a time is made into a value. And members as they stand in a text.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace oc {

using OnElement = std::function<Result<void>(const boost::json::value& element)>;

// Tells each element of the list that is the member `list` of the document, in order: with "rows"
// those of {"rows": [{…}, {…}], "year": 2014}. Returns the document's other members, as far as
// none of them has more than 64 KiB. Errors: of `on_element`; kInvalidArgument, with `what` and the
// byte, for what is no JSON and where there is no such list.
Result<boost::json::object> for_each_element(std::string_view text, std::string_view what,
                                             std::string_view list, const OnElement& on_element);

struct JsonMember {
  std::string key;
  std::string_view value;  // in the text
};
// The members of the object that the text is, in order. What is in the values is not looked at.
// Errors as above.
Result<std::vector<JsonMember>> json_members(std::string_view text, std::string_view what);

}  // namespace oc
