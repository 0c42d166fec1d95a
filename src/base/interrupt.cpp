#include "base/interrupt.h"

#include <fmt/format.h>

namespace oc {

Result<void> Interrupt::check(std::string_view during) const {
  if (cancelled && cancelled())
    return Error{ErrorCode::kCancelled, fmt::format("the request was cancelled during {}", during)};
  if (out_of_time())
    return Error{ErrorCode::kDeadline, fmt::format("out of time during {}", during),
                 "allow more time (--time-limit), or send fewer or smaller pictures"};
  return {};
}

}  // namespace oc
