#include "http/refusal_log.h"

#include <utility>

namespace oc::http {
namespace {

constexpr std::size_t kMax = 32;
constexpr std::chrono::minutes kPause{1};

}  // namespace

std::optional<std::size_t> RefusalLog::due(const std::string& who, Clock::time_point now) {
  auto known = said_.find(who);
  if (known == said_.end() && said_.size() >= kMax) {
    std::erase_if(said_, [&](const auto& one) { return now - one.second.at >= kPause; });
    if (said_.size() >= kMax) known = said_.find("");
  }
  if (known == said_.end()) {
    said_[said_.size() < kMax ? who : ""] = {now, 0};
    return 0;
  }
  Said& said = known->second;
  if (now - said.at < kPause) {
    ++said.unsaid;
    return std::nullopt;
  }
  said.at = now;
  return std::exchange(said.unsaid, 0);
}

}  // namespace oc::http
