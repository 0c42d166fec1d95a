#include "runtime/hub/background_pull.h"

#include <atomic>
#include <exception>
#include <utility>
#include <vector>

namespace oc::hub {

struct BackgroundPull::Running {
  PullState state;  // mutex_
  PullOptions options;
  Done done;
  std::atomic<bool> cancelled{false};
  std::vector<std::function<void()>> ended;  // mutex_
};

std::optional<std::uint64_t> BackgroundPull::start(const ModelRef& ref, PullOptions options,
                                                   Done done) {
  const auto running = std::make_shared<Running>();
  running->state.ref = ref;
  running->options = std::move(options);
  running->done = std::move(done);
  std::thread before;  // one that has nothing left to do but to tell
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (running_ || finished_) return std::nullopt;
    id = running->state.id = ++last_id_;
    before = std::move(thread_);
    running_ = running;
    thread_ = std::thread([this, running] { run(running); });
  }
  if (before.joinable()) before.join();
  return id;
}

void BackgroundPull::run(const std::shared_ptr<Running>& running) {
  PullOptions options = running->options;
  options.patience.cancelled = [running, also = running->options.patience.cancelled] {
    return running->cancelled.load() || (also && also());
  };
  options.on_progress = [this, running](const PullProgress& progress) {
    {
      const std::lock_guard lock(mutex_);
      running->state.progress = progress;
    }
    if (running->options.on_progress) running->options.on_progress(progress);
  };
  Result<PullReport> report = [&]() -> Result<PullReport> {
    try {
      return work_(running->state.ref, options);
    } catch (const std::exception& failure) {
      return Error{ErrorCode::kInternal, failure.what()};
    }
  }();
  std::vector<std::function<void()>> ended;
  {
    const std::lock_guard lock(mutex_);
    running_.reset();
    ended = std::move(running->ended);
  }
  running->done(std::move(report));
  for (const auto& tell : ended) tell();
}

std::optional<PullState> BackgroundPull::now() const {
  const std::lock_guard lock(mutex_);
  if (!running_) return std::nullopt;
  return running_->state;
}

void BackgroundPull::cancel(std::uint64_t id, std::function<void()> ended) {
  {
    const std::lock_guard lock(mutex_);
    if (running_ && running_->state.id == id) {
      running_->cancelled = true;
      if (ended) running_->ended.push_back(std::exchange(ended, nullptr));
    }
  }
  if (ended) ended();
}

void BackgroundPull::finish() {
  std::thread last;
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    if (running_) running_->cancelled = true;
    last = std::move(thread_);
  }
  if (last.joinable()) last.join();
}

}  // namespace oc::hub
