#include "api/answer_schema.h"

#include <utility>

#include "runtime/grammar/json_schema.h"

namespace oc {

Result<void> want_schema(const boost::json::value& schema, const std::string& path,
                         ChatRequest& request) {
  OC_ASSIGN_OR_RETURN(EnforceableSchema enforced, enforceable_schema(schema, path));
  request.generate.json_schema = std::move(enforced.text);
  request.not_enforced = std::move(enforced.not_enforced);
  return {};
}

}  // namespace oc
