// Whether work in progress should go on. Whoever does it asks between its pieces: rows, scans,
// pictures.
//
//   for (int y = 0; y < height; ++y) {
//     if (interrupt.stop()) break;
//     …
//   }
//   OC_RETURN_IF_ERROR(interrupt.check("decoding"));
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace oc {

struct Interrupt {
  std::function<bool()> cancelled = {};  // on the asking thread; may be empty
  std::optional<std::chrono::steady_clock::time_point> deadline = {};

  // Cheap: some ten nanoseconds.
  bool stop() const { return (cancelled && cancelled()) || out_of_time(); }
  // kCancelled or kDeadline, saying during what.
  Result<void> check(std::string_view during) const;

 private:
  bool out_of_time() const { return deadline && std::chrono::steady_clock::now() >= *deadline; }
};

}  // namespace oc
