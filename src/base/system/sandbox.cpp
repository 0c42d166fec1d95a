#include "base/system/sandbox.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/system/memory.h"

namespace oc {
namespace {

#ifdef OC_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

bool set_limit(decltype(RLIMIT_CPU) what, rlim_t value) {
  rlimit both{.rlim_cur = value, .rlim_max = value};
  // A second more, so that the first signal is the one that says why.
  if (what == RLIMIT_CPU) both.rlim_max = value + 1;
  rlimit now{};
  if (::getrlimit(what, &now) == 0) both.rlim_max = std::min(both.rlim_max, now.rlim_max);
  both.rlim_cur = std::min(both.rlim_cur, both.rlim_max);
  return ::setrlimit(what, &both) == 0;
}

}  // namespace

bool limit_process(const ProcessLimits& limits) {
  constexpr rlim_t kSlower = kSanitized ? 20 : 1;
  if (!kSanitized) {
    if (const std::size_t mapped = mapped_addresses(); mapped > 0)
      if (!set_limit(RLIMIT_AS, mapped + limits.more_memory)) return false;
    if (!set_limit(RLIMIT_NOFILE, 0)) return false;
  }
  return set_limit(RLIMIT_CPU, static_cast<rlim_t>(limits.cpu_seconds) * kSlower) &&
         set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_FSIZE, 0);
}

}  // namespace oc
