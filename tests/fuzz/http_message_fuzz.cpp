// The first byte says into what pieces the rest, the wire, is cut. Pieces and the whole must give
// the same request; what comes out goes through the checks that stand in front of the handlers.
#include <algorithm>
#include <string>
#include <string_view>

#include "http/access.h"
#include "http/authority.h"
#include "http/message_parser.h"
#include "http/request_id.h"
#include "http/router.h"
#include "tests/fuzz/require.h"

namespace {

using oc::http::AccessPolicy;
using oc::http::MessageParser;
using oc::http::Request;
using State = MessageParser::State;

constexpr oc::http::MessageLimits kLimits{.max_header_bytes = 512, .max_body_bytes = 256};

// Feeds as a connection does: what was not consumed is presented again, with more behind it.
struct Reading {
  Reading(std::string_view wire, std::size_t step) : parser(kLimits) {
    std::size_t next = 0;
    while (true) {
      std::size_t consumed = 0;
      state = parser.feed(rest, consumed);
      require(consumed <= rest.size());
      rest.erase(0, consumed);
      if (state == State::kHeaderDone) header_done = true;
      if (header_done) require(parser.body_bytes() <= kLimits.max_body_bytes);
      // What a connection has to keep for later.
      if (state == State::kNeedMore) require(rest.size() <= kLimits.max_header_bytes);
      if (state == State::kDone || state == State::kFailed) break;
      if (state == State::kHeaderDone) continue;
      if (next == wire.size()) break;
      const std::string_view arrived = wire.substr(next, step);
      rest += arrived;
      next += arrived.size();
    }
    rest += wire.substr(next);
  }

  MessageParser parser;
  State state = State::kNeedMore;
  bool header_done = false;
  std::string rest;  // not consumed
};

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
}

void check_request(const Request& request) {
  require(!request.method.empty() && request.method != "HEAD");
  require(request.path == "*" || request.path.starts_with('/'));
  require(request.path.find('?') == std::string::npos);
  require(request.body.size() <= kLimits.max_body_bytes);
  for (const auto& [name, value] : request.headers) {
    require(!name.empty());
    require(std::ranges::none_of(name, [](char c) { return (c >= 'A' && c <= 'Z') || c == ':'; }));
    // A line break inside would be a second header to whoever writes it out.
    require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
  const std::string id = oc::http::request_id(request.header("x-request-id"));
  require(!id.empty() && id.size() <= 128 && printable(id) && id.find(' ') == std::string::npos);
}

void check_access(const Request& request) {
  static const AccessPolicy policy({"sk-fuzz"}, {"known.example"});
  if (!policy.check_key(request)) require(request.header("authorization").ends_with("sk-fuzz"));
  // HTTP/1.0 may have none; another one is a host.
  const auto host = oc::http::parse_authority(request.authority);
  require(host || request.authority.empty());
  if (host && !policy.check_host(request))
    require(host->is_address() || host->host == "localhost" || host->host == "known.example");
  for (const bool trusted : {false, true})
    if (const auto refused = policy.check_origin(request, trusted))
      require(printable(refused->message));

  static const oc::http::Router router = [] {
    oc::http::Router out;
    out.add({.method = "GET", .path = "/health", .handler = {}, .open = true});
    out.add({.method = "POST", .path = "/v1/chat/completions", .handler = {}, .json = true});
    out.add({.method = "GET", .path = "/v1/models/*", .handler = {}});
    return out;
  }();
  const auto match = router.find(request.method, request.path);
  if (match.route != nullptr)
    require(match.route->method == request.method);
  else
    require(request.method == "OPTIONS" || match.instead.status >= 400);
  if (router.open(request.path)) require(request.path == "/health");
  if (oc::http::is_json(request.header("content-type")))
    require(request.header("content-type").size() >= 16);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return -1;
  const std::string_view wire = as_text(data, size).substr(1);
  const Reading whole(wire, std::max<std::size_t>(1, wire.size()));
  const Reading split(wire, 1 + data[0]);
  // What is refused as a whole may, in pieces, still wait for the end of its header. Only what is
  // around chunks may be longer where it need not wait.
  require(
      (whole.state == State::kDone) == (split.state == State::kDone) ||
      (split.header_done && split.state == State::kFailed && split.parser.error().status == 431));
  for (const Reading* reading : {&whole, &split}) {
    const MessageParser& parser = reading->parser;
    if (reading->state == State::kFailed) {
      require(parser.error().status >= 400 && parser.error().status <= 505);
      require(printable(parser.error().message));
    }
    if (reading->state == State::kDone) check_request(*parser.request());
  }
  if (whole.state != State::kDone || split.state != State::kDone) return 0;
  const Request &a = *whole.parser.request(), &b = *split.parser.request();
  require(a.method == b.method && a.path == b.path && a.query == b.query);
  require(a.authority == b.authority && a.headers == b.headers && a.body == b.body);
  require(whole.rest == split.rest);
  require(whole.parser.keep_alive() == split.parser.keep_alive());
  if (!whole.parser.has_body()) require(a.body.empty());
  // Two ideas of a body's end: what smuggling is made of.
  if (!a.header("transfer-encoding").empty())
    require(a.header("content-length").empty() && !whole.parser.http_1_0() &&
            a.header("transfer-encoding").size() == 7);
  if (const auto length = whole.parser.content_length()) require(*length == a.body.size());
  check_access(a);
  return 0;
}
