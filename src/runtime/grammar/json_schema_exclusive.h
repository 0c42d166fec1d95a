// A JSON schema's oneOf: where its schemas exclude each other it is an anyOf, which can be
// enforced.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace oc {

// Whether no value fits two of these schemas, as far as that is seen at once: their types or values
// differ, or they are of objects that always have a key of which the values differ. `root` has the
// definitions.
bool exclude_each_other(const boost::json::array& schemas, const boost::json::object& root);

}  // namespace oc
