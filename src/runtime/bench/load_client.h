// One request of the load generator: blocking, with the times at which text came.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "runtime/hub/transfer.h"

namespace oc {

struct StreamedAnswer {
  long status = 0;                       // 0: no response
  std::string error;                     // why it is none; empty: answered
  std::vector<double> text_ms;           // since the request was sent, one for each piece of text
  std::vector<std::size_t> text_tokens;  // of each piece; 1 where the server does not tell
  double whole_ms = 0;
  std::int64_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
  std::string text, finish_reason;
  std::string body;       // of a response that is no stream: an error, or an answer as a whole
  int retry_after_s = 0;  // when the server wants to be asked again; 0: it does not say
  bool empty() const { return text_ms.empty(); }
};

// The response to a request that asks for no stream.
struct WholeResponse {
  long status = 0;  // 0: none came, `failure` says why
  std::string body, failure;
  int retry_after_s = 0;  // when the server wants to be asked again; 0: it does not say
};

// Reads a stream of server-sent events piece by piece.
class EventReader {
 public:
  // Sees the time of each piece of text; false: enough, the rest of the answer is not wanted.
  using OnText = std::function<bool(double ms)>;

  explicit EventReader(StreamedAnswer& answer, OnText on_text = {})
      : answer_(answer), on_text_(std::move(on_text)) {}

  // `ms`: when this piece came. After the first error nothing is looked at.
  void add(std::string_view bytes, double ms);
  bool ended() const { return ended_; }  // [DONE] was seen
  bool enough() const { return enough_; }
  bool failed() const { return !answer_.error.empty(); }  // nothing is read any more

 private:
  void event(std::string_view data, double ms);

  StreamedAnswer& answer_;
  OnText on_text_;
  std::string line_;
  bool ended_ = false, enough_ = false;
};

// What stands before /v1 in a server's address, however it was typed.
std::string server_root(std::string url);

// A connection that is kept from request to request. One thread.
class LoadClient {
 public:
  LoadClient(std::string url, std::string api_key, int timeout_s);
  void set_timeout(std::chrono::milliseconds timeout) { timeout_ = timeout; }  // of one request

  // Hangs up where `on_text` says that it has enough: no error. A server that answers as a whole,
  // though a stream was asked for, is one, with the body.
  StreamedAnswer ask(const std::string& body, EventReader::OnText on_text = {});
  WholeResponse post(const std::string& path, const std::string& body);
  // The body of a response with status 200.
  Result<std::string> get(const std::string& path);

 private:
  TransferOptions options(const std::string& path) const;

  std::string url_, api_key_;
  std::chrono::milliseconds timeout_;
  Transfer transfer_;
};

}  // namespace oc
