// Which handler answers which method and path. Filled once, then const.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/registry.h"
#include "http/types.h"

namespace oc::http {

struct Route {
  std::string method;  // GET also answers HEAD
  std::string path;    // "/v1/models"; "/v1/models/*" stands for anything that is not empty there
  Handler handler;
  const Dialect* dialect =
      nullptr;            // of its answers and errors; null: Router::dialect_of() its path
  bool open = false;      // no API key wanted
  bool admin = false;     // for the operator: an admin key where one is set
  bool own_page = false;  // of web pages for the server's own alone, whomever --cors-origin names
  bool json = false;      // the body must be application/json
  bool any_type = false;  // of web pages alone: other clients' own examples say another type
  bool needs_model = false;  // 503 until a model is loaded
  bool for_guests = false;   // the original's pages ask for it (AccessPolicy::is_guest)
  // On which thread the handler runs, if not on the io thread, which answers /health.
  bool blocking = false;  // takes a while: a worker's
  bool disk = false;      // reads folders: one of its own, so that no answer waits for a slow disk
};

class Router {
 public:
  // `dialect` is spoken where nothing else is said, and where there is no path to be read.
  explicit Router(const Dialect& dialect = default_dialect()) : dialect_(&dialect) {}

  void add(Route route);
  // Where a path begins so, this dialect is spoken, unless a longer prefix or a route says another.
  // Of two that are the same the later one counts.
  void speak(std::string_view prefix, const Dialect& dialect);

  // Why there is nothing where a path begins so; the longest prefix counts.
  void explain(std::string_view prefix, std::string_view why);

  // A route, or the answer there is instead (404, 405, OPTIONS).
  struct Match {
    const Route* route = nullptr;
    Response instead;
  };
  Match find(std::string_view method, std::string_view path) const;
  // What a client has written as the routes know it: without slashes that are doubled or at the
  // end, and below /v1 where nothing else is called so. All below are asked with this. As it is
  // where there is nothing either way.
  std::string known_path(std::string_view path) const;
  // In which errors are told to whoever asks for the path, be there anything or not.
  const Dialect& dialect_of(std::string_view path) const;
  const std::vector<Route>& routes() const { return routes_; }
  // Whether the path may be asked for without a key, or by guests, whatever the method.
  bool open(std::string_view path) const;
  bool for_guests(std::string_view path) const;

 private:
  struct Prefix {
    std::string text;
    const Dialect* dialect;
  };

  std::string_view example() const;
  std::string absent(std::string_view written) const;
  const std::string* explained(std::string_view path) const;  // null: nobody has
  const Prefix* prefix_of(std::string_view path) const;       // the longest; null: none
  bool is_known(std::string_view path) const;

  std::vector<Route> routes_;
  const Dialect* dialect_;
  std::vector<Prefix> prefixes_;
  std::vector<std::pair<std::string, std::string>> absent_;  // prefix, why
};

// GET /livez: the process answers, whatever its models do.
void add_livez(Router& router);

// True for "application/json" with or without parameters.
bool is_json(std::string_view content_type);

}  // namespace oc::http
