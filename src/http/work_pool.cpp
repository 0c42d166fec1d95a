#include "http/work_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace oc::http {

struct WorkPool::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> waiting;
  std::size_t at_work = 0;
  bool finishing = false;

  void end() {
    {
      const std::lock_guard lock(mutex);
      finishing = true;
    }
    wake.notify_all();
  }
  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      // What is at work may post more.
      wake.wait(lock, [&] { return !waiting.empty() || (finishing && at_work == 0); });
      if (waiting.empty()) return;
      std::function<void()> work = std::move(waiting.front());
      waiting.pop_front();
      ++at_work;
      lock.unlock();
      try {
        work();
      } catch (const std::exception&) {
        // Work says itself what went wrong; for what it could not say there was no memory.
      }
      work = nullptr;  // whatever it holds goes here, without the lock
      lock.lock();
      --at_work;
      if (finishing) wake.notify_all();
    }
  }
};

WorkPool::WorkPool(int threads)
    : state_(std::make_shared<State>()),
      threads_(threads > 0 ? threads
                           : std::max(2, static_cast<int>(std::thread::hardware_concurrency())),
               [state = state_] { state->run(); }) {}

WorkPool::~WorkPool() {
  state_->end();
  threads_.join_or_let_go();
}

void WorkPool::post(std::function<void()> work) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->finishing && state_->at_work == 0 && state_->waiting.empty()) return;
    state_->waiting.push_back(std::move(work));
  }
  state_->wake.notify_one();
}

void WorkPool::finish() {
  state_->end();
  threads_.join();
}

}  // namespace oc::http
