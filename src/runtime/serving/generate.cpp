#include "runtime/serving/generate.h"

#include "runtime/serving/session.h"

namespace oc {

Result<GenerateResult> generate(const Model& model, const GenerateRequest& request,
                                const GenerateHooks& hooks) {
  OC_RETURN_IF_ERROR(check_request(request));
  Session session(model, request, hooks);
  OC_RETURN_IF_ERROR(session.prepare());
  session.start();
  std::vector<float> logits;
  while (!session.done()) {
    OC_RETURN_IF_ERROR(session.interrupted());
    Session* current = nullptr;  // one answer after the other
    for (Session* const one : session.sequences())
      if (current == nullptr && !one->ended()) current = one;
    if (current->needs_pictures()) {
      OC_RETURN_IF_ERROR(current->encode_step());
      continue;
    }
    const StepInput input = current->next(current->piece(Session::kPrefillChunk));
    const bool wanted = current->wants_logits(input);
    const Tensor row = model.forward({&input, 1}, nullptr);
    if (wanted) {
      logits.resize(static_cast<std::size_t>(row.rows() * row.cols()));
      model.engine().read(row, logits);
    }
    OC_RETURN_IF_ERROR(model.intact());
    OC_RETURN_IF_ERROR(current->accept(logits));
  }
  return session.take_result();
}

}  // namespace oc
