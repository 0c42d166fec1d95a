// The threads of a pool, and their end.
#pragma once

#include <functional>
#include <thread>
#include <vector>

namespace oc::http {

class PoolThreads {
 public:
  // Each calls `run`, which holds what it uses and returns once the pool is told to finish.
  PoolThreads(int count, const std::function<void()>& run);

  void join();
  // As join(); but the last piece of work may have held whoever holds the pool: on one of these
  // threads they are let go of, and end by themselves.
  void join_or_let_go();

 private:
  std::vector<std::thread> threads_;
};

}  // namespace oc::http
