#include "http/router.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"

namespace oc::http {
namespace {

constexpr std::string_view kVersion = "/v1";  // that clients leave out, or write twice

// Without slashes that are doubled or at the end.
std::string plain_path(std::string_view path) {
  std::string plain;
  for (const char c : path)
    if (c != '/' || plain.empty() || plain.back() != '/') plain += c;
  if (plain.size() > 1 && plain.back() == '/') plain.pop_back();
  return plain;
}

bool matches(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with("/*")) return pattern == path;
  pattern.remove_suffix(1);
  return path.size() > pattern.size() && path.starts_with(pattern);
}

}  // namespace

void Router::add(Route route) { routes_.push_back(std::move(route)); }

void Router::speak(std::string_view prefix, const Dialect& dialect) {
  prefixes_.push_back({std::string(prefix), &dialect});
}

const Dialect& Router::dialect_of(std::string_view path) const {
  for (const Route& route : routes_)
    if (route.dialect != nullptr && matches(route.path, path)) return *route.dialect;
  const Prefix* found = prefix_of(path);
  if (found == nullptr) {  // it may be of a dialect that lies below /v1, as known_path() has it
    found = prefix_of(std::string(kVersion) + std::string(path));
    if (found != nullptr && found->text.size() <= kVersion.size() + 1) found = nullptr;
  }
  return found == nullptr ? *dialect_ : *found->dialect;
}

const Router::Prefix* Router::prefix_of(std::string_view path) const {
  const Prefix* longest = nullptr;
  for (const Prefix& one : prefixes_)
    if (path.starts_with(one.text) &&
        (longest == nullptr || one.text.size() >= longest->text.size()))
      longest = &one;
  return longest;
}

bool Router::is_known(std::string_view path) const {
  return std::ranges::any_of(routes_,
                             [&](const Route& route) { return matches(route.path, path); });
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  std::string allowed;
  for (const Route& route : routes_) {
    const bool all = path == "*" && (method == "OPTIONS" || method == "CONNECT");
    if (!matches(route.path, path) && !all) continue;
    if (route.method == method) return {&route, {}};
    const std::string names = route.method == "GET" ? "GET, HEAD" : route.method;
    if (allowed.find(names) == std::string::npos) allowed += names + ", ";
  }
  Match match;
  if (allowed.empty()) {
    match.instead = error_response(dialect_of(path), refuse(Refusal::kNoSuchRoute, absent(path)));
    return match;
  }
  allowed += "OPTIONS";
  if (method == "OPTIONS") {
    match.instead.status = 204;
    match.instead.content_type.clear();
  } else {
    match.instead = error_response(
        dialect_of(path),
        refuse(Refusal::kMethodNotAllowed, "this path does not know the method; see Allow"));
  }
  match.instead.headers.emplace_back("Allow", std::move(allowed));
  return match;
}

void Router::explain(std::string_view prefix, std::string_view why) {
  absent_.emplace_back(prefix, why);
}

// As it is written, else below /v1, or with one of two.
std::string Router::absent(std::string_view written) const {
  const std::string path = plain_path(written), below = std::string(kVersion) + path;
  const bool twice = path.starts_with("/v1/v1/");
  for (const std::string_view one :
       {std::string_view(path), twice ? std::string_view(path).substr(kVersion.size()) : below})
    if (const std::string* why = explained(one)) return *why;
  // A client whose API is not below /v1 has been given an address that ends with it.
  if (path.starts_with("/v1/"))
    if (const std::string rest = path.substr(kVersion.size()); is_known(rest))
      return fmt::format(
          "there is nothing at this path; {} is there: leave /v1 out of the address that the "
          "client is given",
          rest);
  const std::string_view there = example();
  return there.empty() ? "there is nothing at this path"
                       : fmt::format("there is nothing at this path; try {}", there);
}

const std::string* Router::explained(std::string_view path) const {
  const std::pair<std::string, std::string>* longest = nullptr;
  for (const auto& one : absent_)
    if (path.starts_with(one.first) &&
        (longest == nullptr || one.first.size() > longest->first.size()))
      longest = &one;
  return longest == nullptr ? nullptr : &longest->second;
}

// The models, or what else a person may look at first.
std::string_view Router::example() const {
  std::string_view first;
  for (const Route& route : routes_) {
    if (route.method != "GET" || route.path.ends_with("/*")) continue;
    if (route.path == "/v1/models") return route.path;
    if (first.empty() || route.path == "/status") first = route.path;
  }
  return first;
}

std::string Router::known_path(std::string_view path) const {
  const std::string plain = plain_path(path);
  if (is_known(plain)) return plain;
  if (plain.starts_with('/'))
    if (std::string below = std::string(kVersion) + plain; is_known(below)) return below;
  // Programs put it in front of an address that ends with it.
  if (plain.starts_with("/v1/v1/"))
    if (std::string once = plain.substr(kVersion.size()); is_known(once)) return once;
  return std::string(path);
}

bool Router::open(std::string_view path) const {
  return std::any_of(routes_.begin(), routes_.end(),
                     [&](const Route& route) { return route.open && matches(route.path, path); });
}

bool Router::for_guests(std::string_view path) const {
  return std::any_of(routes_.begin(), routes_.end(), [&](const Route& route) {
    return route.for_guests && matches(route.path, path);
  });
}

void add_livez(Router& router) {
  router.add({.method = "GET",
              .path = "/livez",
              .handler =
                  [](const RequestPtr&, const ResponderPtr& responder) {
                    responder->respond(json_response(R"({"status":"ok"})"));
                  },
              .open = true});
}

bool is_json(std::string_view content_type) {
  constexpr std::string_view kJson = "application/json";
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return equal_ignoring_case(type, kJson);
}

}  // namespace oc::http
