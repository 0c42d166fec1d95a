// JSON files that are too large to be in memory as values: those of data sets hold one long list,
// of which one element at a time is made into a value.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <string_view>

#include "base/result.h"

namespace oc {

using OnElement = std::function<Result<void>(const boost::json::value& element)>;

// Tells each element of the list that is the member `list` of the document, in order: with "rows"
// those of {"rows": [{…}, {…}], "year": 2014}. Returns the document's other members, as far as
// none of them has more than 64 KiB. Errors: of `on_element`; kInvalidArgument, with `what` and the
// byte, for what is no JSON and where there is no such list.
Result<boost::json::object> for_each_element(std::string_view text, std::string_view what,
                                             std::string_view list, const OnElement& on_element);

}  // namespace oc
