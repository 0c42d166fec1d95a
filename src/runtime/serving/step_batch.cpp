#include "runtime/serving/step_batch.h"

#include <algorithm>
#include <span>

namespace oc {

void StepBatch::run(const Model& model) {
  const auto width = static_cast<std::size_t>(model.info().vocab_size);
  std::vector<StepInput> inputs;
  for (const Part& part : parts_) inputs.push_back(part.input);
  const bool objects =
      std::ranges::any_of(parts_, [](const Part& part) { return part.sequence->finds_objects(); });
  Tensor hidden;  // as of ForwardPass
  const Result<void> computed = guarded([&]() -> Result<void> {
    const Tensor rows = model.forward(inputs, nullptr, objects ? &hidden : nullptr);
    logits_.resize(static_cast<std::size_t>(rows.rows()) * width);
    if (!rows.empty()) model.engine().read(rows, logits_);
    return model.intact();
  });
  std::size_t first = 0, first_hidden = 0;
  for (const Part& part : parts_) {
    if (!computed.ok()) {  // whose fault it was is not known
      part.entry->failure = computed.error();
      continue;
    }
    const std::size_t count = std::max<std::size_t>(part.input.logit_rows.size(), 1);
    const auto rows = part.input.logits
                          ? std::span<const float>(logits_).subspan(first * width, count * width)
                          : std::span<const float>();
    if (part.input.logits) first += count;
    first_hidden += count;
    const Result<void> taken = guarded([&] {
      if (part.sequence->finds_objects() && part.sequence->pending() == 0) {
        const auto last = static_cast<std::int64_t>(first_hidden) - 1;
        part.sequence->set_hidden(
            model.engine().gather(std::span(&hidden, 1), std::span(&last, 1), 1));
      }
      return part.entry->session->accept(*part.sequence, rows);
    });
    if (!taken.ok()) part.entry->failure = taken.error();
  }
}

}  // namespace oc
