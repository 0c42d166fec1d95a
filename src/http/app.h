// The routes of the program: what is served at which path, over a Backend that may still be
// loading.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "api/openai_request.h"
#include "http/backend.h"
#include "http/memory_budget.h"
#include "http/metrics.h"
#include "http/router.h"
#include "http/server.h"

namespace oc::http {

struct AppOptions {
  ChatLimits chat;
  ImageLimits image;
  std::chrono::milliseconds ping_every{10'000};  // silence in a stream
  std::chrono::milliseconds time_limit{0};       // of one answer; 0: none
  std::shared_ptr<MemoryBudget> memory;          // decoded pictures count against it; required
  std::string version;                           // of the program
  bool shared_cache = false;                     // one cache for all keys
};

// Any thread. Outlives the server that runs its routes. An answer under way keeps it alive: end
// with set_backend(nullptr), or the backend's thread may be the one to destroy the backend.
class App : public std::enable_shared_from_this<App> {
 public:
  explicit App(AppOptions options) : options_(std::move(options)) {}

  // From now on requests are answered by `backend`; null: loading.
  void set_backend(std::shared_ptr<Backend> backend);
  std::shared_ptr<Backend> backend() const;

  Router routes();
  ServerHooks hooks();

 private:
  void chat(const RequestPtr& request, const ResponderPtr& responder);
  void health(const ResponderPtr& responder) const;
  void models(const RequestPtr& request, const ResponderPtr& responder) const;
  void stats(const ResponderPtr& responder) const;
  void metrics(const ResponderPtr& responder) const;

  const AppOptions options_;
  Metrics metrics_;
  mutable std::mutex mutex_;
  std::shared_ptr<Backend> backend_;
  std::atomic<std::size_t> connections_{0};
};

}  // namespace oc::http
