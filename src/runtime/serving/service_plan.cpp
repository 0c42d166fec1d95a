// The service's plans of requests: what submit() would make of one, but nothing is run.
#include <utility>

#include "runtime/serving/service.h"

namespace oc {

std::optional<double> seconds_to_first_token(const RequestPlan& plan) {
  if (plan.answered) return 0;
  const MeasuredSpeed& speed = plan.speed;
  if (!speed.prefill_tokens_per_second) return std::nullopt;
  const auto left = static_cast<double>(plan.prompt_tokens - plan.cached_tokens);
  const double prefill = left / *speed.prefill_tokens_per_second;
  if (plan.views_left == 0) return prefill;
  if (!speed.seconds_per_view) return std::nullopt;
  return prefill + static_cast<double>(plan.views_left) * *speed.seconds_per_view;
}

Result<RequestPlan> Service::plan(GenerateRequest request) {
  RequestEntry entry(preprocess_budget_);
  entry.request = std::move(request);
  OC_RETURN_IF_ERROR(complete(entry.request));
  OC_RETURN_IF_ERROR(queue_.open());
  add_digests(entry.request);
  entry.hooks.cancelled = entry.request.abandoned;
  OC_RETURN_IF_ERROR(guarded([&] { return prepare_prompt(entry); }));

  RequestPlan plan = entry.session->plan();
  const std::vector<std::string>& keys = entry.session->pictures().keys();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    plan.images[i].encoded = encoded_.contains(keys[i]);
    if (plan.images[i].encoded && plan.views_left > 0)
      plan.views_left -= entry.session->pictures().views_of(i);
  }
  if (responses_.enabled() && !entry.request.compute_anew) {
    const auto key = response_key(entry.request, entry.session->pictures().plans(), computed_by_);
    plan.answered = key && responses_.holds(*key);
  }
  plan.ahead = queue_.waiting() + queue_.active();
  plan.speed = speed_.speed();
  return plan;
}

}  // namespace oc
