// The original backend's API (its port 8000) over the same models: status, configuration, the
// switch of the active model, chat completions.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "api/backend/config.h"
#include "http/app.h"

namespace oc::http {

// Keeps a PATCH's changes (changes_json()) where the next start finds them. Both functions are
// empty where there is no such place: changes last as long as the process. Any thread, one call at
// a time. kUnavailable: the place does not take them.
struct ConfigKeeper {
  // Before anything is done: kInvalidArgument where the next start would not work with them.
  std::function<Result<void>(const std::string& changes)> check;
  // After the switch has worked.
  std::function<Result<void>(const std::string& changes)> keep;
};

struct BackendApiOptions {
  BackendConfig config;
  ConfigKeeper keeper;
};

// Any thread. Outlives the server that runs its routes.
class BackendApi : public std::enable_shared_from_this<BackendApi> {
 public:
  BackendApi(std::shared_ptr<App> app, BackendApiOptions options);

  Router routes();
  ServerHooks hooks();

 private:
  using Tell = Response (BackendApi::*)(const ServerState& server) const;
  void tell(const ResponderPtr& responder, Tell what) const;
  Response root(const ServerState& server) const;
  Response health(const ServerState& server) const;
  Response status(const ServerState& server) const;
  Response page(const ServerState& server) const;
  Response config(const ServerState& server) const;
  void add_tracker_routes(Router& router) const;
  void patch(const RequestPtr& request, const ResponderPtr& responder);
  Result<void> check(const BackendPatch& patch);
  void finish(const BackendPatch& patch, const std::string& id, const ResponderPtr& responder);
  BackendConfig current() const;

  const std::shared_ptr<App> app_;
  const ConfigKeeper keeper_;
  std::mutex keeping_;  // one change of the file at a time: each begins with what the last one left
  mutable std::mutex mutex_;
  BackendConfig config_;
};

}  // namespace oc::http
