// Tells a stream that wants it how far its answer is.
#pragma once

#include <chrono>

#include "base/clock.h"
#include "http/types.h"

namespace oc::http {

// An OnProgress. What comes before the request is accepted is told of once `after` has passed, and
// the stream begins with it: what is refused sooner has its status.
class ProgressSender {
 public:
  ProgressSender(ResponderPtr responder, const Dialect& dialect, std::chrono::milliseconds after,
                 std::chrono::milliseconds ping_every)
      : responder_(std::move(responder)),
        dialect_(&dialect),
        after_(after),
        ping_every_(ping_every) {}

  void operator()(const AnswerProgress& progress) const noexcept;

 private:
  void send(const AnswerProgress& progress) const;

  ResponderPtr responder_;
  const Dialect* dialect_;
  std::chrono::milliseconds after_, ping_every_;
  Stopwatch since_;
};

}  // namespace oc::http
