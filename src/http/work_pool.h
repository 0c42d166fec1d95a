// Threads for what takes a processor long: decoding and preparing pictures, and the JSON of large
// answers. All ports share them, and nothing else runs on them, so that whoever asks something
// small does not wait behind them.
#pragma once

#include <functional>
#include <memory>

#include "http/pool_threads.h"

namespace oc::http {

class WorkPool {
 public:
  // 0: as many as the machine has cores, two at least.
  explicit WorkPool(int threads = 0);
  ~WorkPool();  // finish(); also on a thread of its own

  // Any thread. First come, first served: work that posts its next piece lets others in between. It
  // must not throw.
  void post(std::function<void()> work);
  // Returns when all work is done, and drops what is posted from then on. Not on a thread of its
  // own.
  void finish();

 private:
  struct State;
  std::shared_ptr<State> state_;
  PoolThreads threads_;
};

}  // namespace oc::http
