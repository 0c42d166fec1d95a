// Work of several threads whose results come out in the order of the jobs, however long each one
// takes; at any time only so many jobs are under way or wait for an older one.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace oc {

// One run. take() and give() are called one at a time, work() on all threads at once. What one of
// them throws ends the run and comes out of run().
template <class Job, class Done>
class InOrder {
 public:
  struct Steps {
    std::function<std::optional<Job>()> take;  // the next job; nullopt: there is none
    std::function<Done(Job)> work;
    std::function<bool(Done)> give;  // in the order of take(); false: no more
  };

  // `ahead`: how many jobs are taken before the oldest one's result has gone out.
  InOrder(std::size_t threads, std::size_t ahead, Steps steps)
      : threads_(threads), ahead_(ahead), steps_(std::move(steps)) {}

  // Returns when every job that was taken has been worked on.
  void run() {
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < threads_; ++i) others.emplace_back([this] { work(); });
    work();
    for (std::thread& thread : others) thread.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  using Lock = std::unique_lock<std::mutex>;

  void work() {
    try {
      while (work_once()) {
      }
    } catch (...) {
      const Lock lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      all_taken_ = ended_ = true;
      room_.notify_all();
    }
  }

  // False: there is nothing left to take.
  bool work_once() {
    Lock lock(mutex_);
    room_.wait(lock, [this] { return all_taken_ || taken_ < given_ + ahead_; });
    if (all_taken_) return false;
    std::optional<Job> job = steps_.take();
    if (!job) {
      all_taken_ = true;
      room_.notify_all();
      return false;
    }
    const std::size_t place = taken_++;
    lock.unlock();
    Done done = steps_.work(*std::move(job));
    lock.lock();
    waiting_.emplace(place, std::move(done));
    give();
    room_.notify_all();
    return true;
  }

  void give() {
    while (!ended_ && !waiting_.empty() && waiting_.begin()->first == given_) {
      Done next = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      ++given_;
      if (!steps_.give(std::move(next))) all_taken_ = ended_ = true;
    }
  }

  const std::size_t threads_, ahead_;
  const Steps steps_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::size_t taken_ = 0, given_ = 0;
  bool all_taken_ = false, ended_ = false;
  std::map<std::size_t, Done> waiting_;  // results of jobs behind one that is still under way
  std::exception_ptr failure_;
};

}  // namespace oc
