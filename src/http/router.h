// Which handler answers which method and path. Filled once, then const.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/types.h"

namespace oc::http {

struct Route {
  std::string method;  // GET also answers HEAD
  std::string path;    // "/v1/models"; "/v1/models/*" stands for anything that is not empty there
  Handler handler;
  bool open = false;         // no API key wanted
  bool admin = false;        // for the operator: an admin key where one is set
  bool json = false;         // the body must be application/json
  bool needs_model = false;  // 503 until a model is loaded
  bool for_guests = false;   // the original's pages ask for it (AccessPolicy::is_guest)
  // On which thread the handler runs, if not on the io thread, which answers /health.
  bool blocking = false;  // decodes or computes: a worker's
  bool disk = false;      // reads folders: one of its own, so that no answer waits for a slow disk
};

class Router {
 public:
  void add(Route route);

  // A route, or the answer there is instead (404, 405, OPTIONS).
  struct Match {
    const Route* route = nullptr;
    Response instead;
  };
  Match find(std::string_view method, std::string_view path) const;
  // Whether the path may be asked for without a key, or by guests, whatever the method.
  bool open(std::string_view path) const;
  bool for_guests(std::string_view path) const;

 private:
  std::string_view example() const;

  std::vector<Route> routes_;
};

// True for "application/json" with or without parameters.
bool is_json(std::string_view content_type);

}  // namespace oc::http
