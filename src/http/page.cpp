#include "http/page.h"

#include <algorithm>
#include <string>
#include <utility>

namespace oc::http {
namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string_view content_type(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js") || name.ends_with(".mjs")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  if (name.ends_with(".png")) return "image/png";
  return "text/plain; charset=utf-8";  // licences
}

// If-None-Match: a list of tags, weak or not, or "*" (RFC 9110, 13.1.2).
bool is_known(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view tag = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (!tag.empty() && (tag.front() == ' ' || tag.front() == '\t')) tag.remove_prefix(1);
    while (!tag.empty() && (tag.back() == ' ' || tag.back() == '\t')) tag.remove_suffix(1);
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == etag || tag == "*") return true;
  }
  return false;
}

Response answer(const WebFile& file, const Request& request) {
  const std::string etag = '"' + std::string(file.sha256.substr(0, 32)) + '"';
  Response response;
  // Kept by the browser, but asked about each time: another version of the program is seen at once.
  response.headers = {{"Cache-Control", "no-cache"},
                      {"ETag", etag},
                      {"Content-Security-Policy", std::string(kPolicy)},
                      {"Cross-Origin-Resource-Policy", "same-origin"},
                      {"Referrer-Policy", "no-referrer"},
                      {"X-Frame-Options", "DENY"}};
  if (is_known(request.header("if-none-match"), etag)) {
    response.status = 304;
    response.content_type.clear();
    return response;
  }
  response.content_type = content_type(file.name);
  response.body = file.bytes;
  return response;
}

// Where a browser that was sent to "/docs/" looks for what the page is made of.
constexpr std::string_view kBelowDocs = "/docs/";

bool of_reference(std::string_view name) { return name.starts_with("reference."); }

std::string path_of(const WebFile& file) {
  if (file.name == "index.html") return "/";
  if (file.name == "reference.html") return "/docs";
  return "/" + std::string(file.name);
}

void add_file(Router& router, const WebFile& file, std::string path) {
  router.add({.method = "GET",
              .path = std::move(path),
              .handler =
                  [&file](const RequestPtr& request, const ResponderPtr& responder) {
                    responder->respond(answer(file, *request));
                  },
              .open = true});
}

}  // namespace

void add_page(Router& router) {
  for (const WebFile& file : web_files())
    if (!of_reference(file.name)) add_file(router, file, path_of(file));
}

void add_reference_page(Router& router) {
  for (const WebFile& file : web_files()) {
    if (!of_reference(file.name)) continue;
    add_file(router, file, path_of(file));
    if (!file.name.ends_with(".html"))
      add_file(router, file, std::string(kBelowDocs) + std::string(file.name));
  }
}

bool is_page_file(std::string_view path) {
  if (path.starts_with(kBelowDocs)) return true;
  return std::ranges::any_of(web_files(), [&](const WebFile& file) {
    return path_of(file) == path && !file.name.ends_with(".html");
  });
}

}  // namespace oc::http
