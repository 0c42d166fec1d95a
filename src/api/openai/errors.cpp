#include "api/openai/errors.h"

#include <utility>

namespace oc {

boost::json::object openai_error(const ApiError& error) {
  boost::json::object inner;
  inner["message"] = error.message;
  inner["type"] = error.type;
  if (error.param.empty())
    inner["param"] = nullptr;
  else
    inner["param"] = error.param;
  inner["code"] = error.code;
  boost::json::object outer;
  outer["error"] = std::move(inner);
  return outer;
}

}  // namespace oc
