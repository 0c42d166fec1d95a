#include "api/backend/errors.h"

#include "api/openai/errors.h"

namespace oc {

boost::json::object backend_error(const ApiError& error) {
  boost::json::object out = openai_error(error);
  out["detail"] = error.message;
  return out;
}

}  // namespace oc
