#include "api/openai/errors.h"

#include "api/openai/error_body.h"
#include "io/json_text.h"

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

std::string openai_error_body(const ApiError& error) { return json_text(openai_error(error)); }

}  // namespace oc
