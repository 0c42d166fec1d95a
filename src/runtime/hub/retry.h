// When to try again, how long to wait, and what to tell people when it is no use.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "runtime/hub/http.h"

namespace oc::hub {

using Clock = std::chrono::steady_clock;

// How a pull behaves, and whom it tells.
struct Patience {
  int retries = 6;   // without a byte in between, for each file
  int stall_s = 30;  // that a connection is given up after, below kSlowest bytes a second
  std::function<bool()> cancelled;               // asked several times a second; may be empty
  std::function<void(const std::string&)> note;  // one line: "retrying in 2 s: …"; may be empty

  bool stop() const { return cancelled && cancelled(); }
  void tell(const std::string& line) const {
    if (note) note(line);
  }
};

// 408, 425, 429, 5xx, and responses that broke off.
bool worth_a_retry(const HttpOutcome& outcome);

// Before try number `failures` + 1: 0.3 s and doubling, at most 20 s, a quarter of it by chance;
// what Retry-After says where it is there, at most 2 minutes.
std::chrono::milliseconds back_off(int failures, const HttpHead& head);

// "the hub answered 503", "connection reset by peer".
std::string reason(const HttpOutcome& outcome);

// A failed request as an error: `what` is the thing asked for ("microsoft/Phi at main").
Error to_error(const HttpOutcome& outcome, std::string_view what, const Hub& hub);

Error stopped();

}  // namespace oc::hub
