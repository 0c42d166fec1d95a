// Pulls for a program that goes on meanwhile: one at a time, each on a thread of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "runtime/hub/pull.h"

namespace oc::hub {

// What is being pulled, and how far it is.
struct PullState {
  std::uint64_t id = 0;
  ModelRef ref;
  PullProgress progress;
};

// Any thread, unless said otherwise.
class BackgroundPull {
 public:
  // pull(), or what a test has in its place.
  using Work = std::function<Result<PullReport>(const ModelRef&, const PullOptions&)>;
  using Done = std::function<void(Result<PullReport>)>;

  explicit BackgroundPull(Work work) : work_(std::move(work)) {}
  ~BackgroundPull() { finish(); }

  // The pull's id, or none where another is under way. The functions of `options`, and `done`, once
  // and last, are called on the pull's thread; when `done` is, the next pull may begin. It must not
  // call finish().
  std::optional<std::uint64_t> start(const ModelRef& ref, PullOptions options, Done done);
  std::optional<PullState> now() const;
  // It ends with kCancelled within a moment; what has come is kept. `ended` is called then, or at
  // once where that pull is not under way any more.
  void cancel(std::uint64_t id, std::function<void()> ended = {});
  // No pull begins any more; waits until the last one has ended. Not on a pull's thread.
  void finish();

 private:
  struct Running;
  void run(const std::shared_ptr<Running>& running);

  const Work work_;
  mutable std::mutex mutex_;
  std::shared_ptr<Running> running_;
  std::thread thread_;
  std::uint64_t last_id_ = 0;
  bool finished_ = false;
};

}  // namespace oc::hub
