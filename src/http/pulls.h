// /v1/models/pull: models from a hub, as `ocellus pull` brings them, for whoever may change the
// server. The stream of a pull is its client's: when that leaves, it stops.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "api/pulls.h"
#include "http/router.h"
#include "runtime/hub/background_pull.h"

namespace oc::http {

struct PullRoutesOptions {
  hub::BackgroundPull::Work pull;          // empty: hub::pull from the environment's hub
  std::chrono::milliseconds ping_every{};  // silence in a stream
  std::function<bool()> ending;            // the server ends: pulls do, too. May be empty
  std::function<void()> came;              // a model has; the pull's thread. May be empty
};

// Who is told of a pull, and how.
struct PullFor {
  RequestPtr request;
  ResponderPtr responder;
  const PullWriter* writer;
  bool stream = true;
};

// Any thread. Must be there as long as its routes are; the routes hold it.
class PullRoutes : public std::enable_shared_from_this<PullRoutes> {
 public:
  explicit PullRoutes(PullRoutesOptions options);

  void add_to(Router& router);
  // One that another route asks for, which is for who may change the server alone.
  void begin(PullRequest wanted, PullFor whom);
  // Stops what is under way and waits for it; nothing begins any more.
  void finish() { pulls_.finish(); }

 private:
  void begin(const RequestPtr& request, const ResponderPtr& responder);
  void stop(const RequestPtr& request, const ResponderPtr& responder);
  void tell(const RequestPtr& request, const ResponderPtr& responder) const;

  const PullRoutesOptions options_;
  hub::BackgroundPull pulls_;
};

}  // namespace oc::http
