#include "runtime/generate.h"

#include "runtime/session.h"

namespace oc {

Result<GenerateResult> generate(const Model& model, const GenerateRequest& request,
                                const GenerateHooks& hooks) {
  OC_RETURN_IF_ERROR(check_request(request));
  Session session(model, request, hooks);
  OC_RETURN_IF_ERROR(session.plan());
  OC_RETURN_IF_ERROR(session.prompt());
  OC_RETURN_IF_ERROR(session.encode());
  OC_RETURN_IF_ERROR(session.prefill());
  OC_RETURN_IF_ERROR(session.decode());
  return session.take_result();
}

}  // namespace oc
