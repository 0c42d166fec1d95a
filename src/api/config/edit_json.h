// Changes of a JSON text that somebody wrote: only the bytes of what changes are others.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace oc {

// The text with `changes` in it: an object in both is changed member by member, anything else is
// replaced, a member that is not there is put behind the last one. Order, white space, line ends
// and a byte order mark stay; new members look as the ones beside them. A value that is the same
// already keeps its notation. Errors, which begin with `what`: the text is no JSON object.
Result<std::string> edit_json(std::string_view text, const boost::json::object& changes,
                              std::string_view what);

// Without the mark that some editors put before UTF-8.
std::string_view without_byte_order_mark(std::string_view text);

}  // namespace oc
