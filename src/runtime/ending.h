// How far the process is with its end: shared by what is to know of it.
#pragma once

#include <atomic>

namespace oc {

// Any thread.
class Ending {
 public:
  void begin() { begun_ = true; }
  void cut_off() { begun_ = over_ = true; }
  // What nobody should wait for ends: pulls, schemas that are not compiled yet.
  bool begun() const { return begun_; }
  // The time for what still runs is over: it ends with an error.
  bool over() const { return over_; }

 private:
  std::atomic<bool> begun_{false}, over_{false};
};

}  // namespace oc
