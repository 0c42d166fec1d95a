// An HTTP exchange as handlers see it: no sockets, no library types.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/dialect.h"
#include "base/memory_budget.h"

namespace oc::http {

struct Request {
  std::string method;     // "GET"; HEAD arrives as GET
  std::string path;       // without query, as the route spells it
  std::string query;      // behind the '?', as sent
  std::string authority;  // the Host header or the absolute form's host, as sent
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::string address;  // where it comes from; behind proxies as they say ("203.0.113.7")
  std::string id;       // x-request-id: the client's if it is well-formed, else ours
  Reservation memory;   // what the body takes of the server's budget
  bool guest = false;   // of a page that may use the original's routes only (AccessPolicy)
  bool admin = true;    // may do what an operator may: load models
  bool keyed = false;   // the server has keys: what it shows says who asks

  // The first header of this (lower-case) name; empty when absent.
  std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (key == name) return value;
    return {};
  }
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::shared_ptr<const void> memory = {};  // what is counted for the body; dies with it
};
Response json_response(std::string body);
Response error_response(const Dialect& dialect, const ApiError& error);
Response error_response(const ApiError& error, std::string body);  // with another body

// A streamed answer that may or may not come about: sent at the first write(), or when `ping_every`
// has passed without one. From then on `ping` goes out whenever as much time passes in silence.
struct StreamOffer {
  Response head;         // its body is ignored
  std::string preamble;  // sent directly behind the head
  std::string ping;      // empty: silence stays silence, and begins nothing
  std::chrono::milliseconds ping_every{10'000};
};

// The answering side of one exchange. Any thread; nothing blocks. After the client has gone all
// calls are harmless and return false.
class Responder {
 public:
  virtual ~Responder() = default;
  // The whole answer. False when a stream has begun: write the failure into it, then finish().
  virtual bool respond(Response response) = 0;
  // The same with an error, in the dialect of the request's path.
  virtual bool fail(const ApiError& error) = 0;
  // False when a stream has begun: its preamble is to be written, where it has one.
  virtual bool offer_stream(StreamOffer offer) = 0;
  // More of the stream; the first one sends the offer's head. A client that does not read is cut
  // off rather than stored without end.
  virtual bool write(std::string bytes) = 0;
  virtual void finish() = 0;  // end of the stream
  // Runs once, as soon as the client has gone before the answer was complete (at once if it has).
  virtual void on_closed(std::function<void()> callback) = 0;
  virtual bool closed() const = 0;
};

using RequestPtr = std::shared_ptr<Request>;
using ResponderPtr = std::shared_ptr<Responder>;
// Must answer exactly once, now or later. An exception becomes a 500.
using Handler = std::function<void(RequestPtr, ResponderPtr)>;

}  // namespace oc::http
