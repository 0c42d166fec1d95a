#include "http/reference.h"

#include <memory>
#include <string>
#include <vector>

#include "api/openapi/document.h"
#include "http/page.h"

namespace oc::http {

void add_reference(Router& router, std::string_view version) {
  const auto document = std::make_shared<std::string>();
  for (const char* path : {"/openapi.json", "/docs/openapi.json"})
    router.add({.method = "GET",
                .path = path,
                .handler =
                    [document](const RequestPtr&, const ResponderPtr& responder) {
                      responder->respond(json_response(*document));
                    },
                .open = true});
  add_reference_page(router);
  std::vector<DescribedRoute> described;
  for (const Route& route : router.routes())
    if (!is_page_file(route.path))
      described.push_back({route.method, route.path, route.open, route.admin});
  *document = openapi_json(described, version);
}

}  // namespace oc::http
