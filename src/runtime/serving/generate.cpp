#include "runtime/serving/generate.h"

#include <algorithm>

#include "runtime/prefill_chunk.h"
#include "runtime/serving/session.h"

namespace oc {

Result<GenerateResult> generate(const Model& model, const GenerateRequest& request,
                                const GenerateHooks& hooks, const RequestCaches& caches) {
  OC_RETURN_IF_ERROR(check_request(request));
  if (request.max_tokens == 0)
    return Error{ErrorCode::kInvalidArgument, "max_tokens is 0, it must be at least 1", "",
                 "max_tokens"};
  Session session(model, request, hooks, caches);
  OC_RETURN_IF_ERROR(session.prepare());
  session.start();
  std::vector<float> logits;
  while (!session.done()) {
    OC_RETURN_IF_ERROR(session.interrupted());
    // One answer after the other.
    Sequence& current =
        **std::ranges::find_if(session.sequences(), [](const auto& one) { return !one->ended(); });
    if (current.needs_images()) {
      OC_RETURN_IF_ERROR(session.encode_step());
      continue;
    }
    const std::int64_t limit = current.chunk(kPrefillChunk);
    if (current.next_is_layered(limit)) {
      OC_RETURN_IF_ERROR(session.step_layers(current, limit));
      continue;
    }
    const StepInput input = current.next(limit);
    Tensor hidden;
    const Tensor row =
        model.forward({&input, 1}, nullptr, current.finds_objects() ? &hidden : nullptr);
    current.set_hidden(std::move(hidden));
    logits.resize(static_cast<std::size_t>(row.rows() * row.cols()));
    if (!row.empty()) model.engine().read(row, logits);
    OC_RETURN_IF_ERROR(model.intact());
    OC_RETURN_IF_ERROR(session.accept(current, logits));
  }
  return session.take_result();
}

}  // namespace oc
