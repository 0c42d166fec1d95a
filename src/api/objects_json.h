// Things that were found in a picture, as JSON. Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include <boost/json/array.hpp>
#include <span>

#include "models/task.h"

namespace oc {

// [{"x_min", "y_min", "x_max", "y_max"}] of boxes, [{"x", "y"}] of points, in shares of the
// picture's sides.
boost::json::array objects_json(std::span<const FoundObject> objects);

}  // namespace oc
