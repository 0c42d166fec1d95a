#include "runtime/hub/rate.h"

namespace oc::hub {
namespace {

constexpr std::chrono::milliseconds kWindow{5000};
constexpr double kLeastSeconds = 0.2;

}  // namespace

void TransferRate::add(const PullProgress& progress, Clock::time_point now) {
  if (progress.phase == PullProgress::Phase::kChecking) samples_.clear();
  if (!samples_.empty() && progress.done < samples_.back().done) samples_.clear();
  samples_.push_back({now, progress.done});
  while (samples_.size() > 2 && now - samples_.front().at > kWindow) samples_.pop_front();
}

double TransferRate::bytes_per_s() const {
  if (samples_.size() < 2) return 0;
  const std::chrono::duration<double> time = samples_.back().at - samples_.front().at;
  const std::uint64_t first = samples_.front().done, last = samples_.back().done;
  return time.count() > kLeastSeconds && last > first
             ? static_cast<double>(last - first) / time.count()
             : 0;
}

}  // namespace oc::hub
