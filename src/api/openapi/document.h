// The OpenAPI 3.1 document of a server, made from its routes and from the rows that requests are
// checked by. https://spec.openapis.org/oas/v3.1.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace oc {

struct DescribedRoute {
  std::string_view method, path;
  bool open = false;   // no key wanted
  bool admin = false;  // an admin key, where one is set
};

// `version` is the program's. The page's own files are left out by who calls.
std::string openapi_json(std::span<const DescribedRoute> routes, std::string_view version);

}  // namespace oc
