#include "api/objects_json.h"

#include <boost/json/object.hpp>
#include <utility>

namespace oc {

boost::json::array objects_json(std::span<const FoundObject> objects) {
  boost::json::array out;
  for (const FoundObject& object : objects) {
    boost::json::object one;
    if (object.width && object.height) {
      one["x_min"] = object.x_min();
      one["y_min"] = object.y_min();
      one["x_max"] = object.x_max();
      one["y_max"] = object.y_max();
    } else {
      one["x"] = object.x;
      one["y"] = object.y;
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace oc
