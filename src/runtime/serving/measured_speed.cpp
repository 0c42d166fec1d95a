#include "runtime/serving/measured_speed.h"

#include <algorithm>
#include <cmath>

namespace oc {

void SpeedMeter::Rate::add(double more, double ms) {
  if (more <= 0 || ms <= 0) return;
  const double kept = std::exp2(-more / half_life);
  units = units * kept + more;
  seconds = seconds * kept + ms / 1000;
}

std::optional<double> SpeedMeter::Rate::per_second() const {
  if (seconds <= 0) return std::nullopt;
  return units / seconds;
}

void SpeedMeter::count(const GenerateResult& result, std::int64_t views) {
  const Timings& t = result.timings;
  const auto answers = static_cast<double>(result.more.size() + 1);
  const bool text = result.objects.empty() && result.scores.empty();
  const std::lock_guard lock(mutex_);
  views_.add(static_cast<double>(views), t.preprocess_ms + t.encode_ms);
  prefill_.add(static_cast<double>(result.prompt_tokens - result.cached_tokens), t.prefill_ms);
  // The first token comes with the prompt.
  if (text) decode_.add(static_cast<double>(result.completion_tokens) / answers - 1, t.decode_ms);
}

MeasuredSpeed SpeedMeter::speed() const {
  const std::lock_guard lock(mutex_);
  MeasuredSpeed speed;
  if (const auto views = views_.per_second()) speed.seconds_per_view = 1 / *views;
  speed.prefill_tokens_per_second = prefill_.per_second();
  speed.decode_tokens_per_second = decode_.per_second();
  return speed;
}

}  // namespace oc
