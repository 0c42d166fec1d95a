// Ways in which programs write what there is a plainer way for: of older drafts, of OpenAPI, of
// their own. Only for .cpp files of this room.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

namespace oc {

// The same in the plainer way, or something that allows less. `not_enforced`: paths of what says
// nothing of whether an answer is right, and that somebody may have relied on.
boost::json::object in_plain_form(const boost::json::object& schema, const std::string& path,
                                  std::vector<std::string>& not_enforced);

}  // namespace oc
