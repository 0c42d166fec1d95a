// HTTP/1 requests out of bytes: Beast's parser behind a small face, so that it is compiled once and
// can be tested and fuzzed without a socket. One object a request; not thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/types.h"

namespace oc::http {

struct MessageLimits {
  std::size_t max_header_bytes = 16u << 10;
  std::size_t max_body_bytes = 64u << 20;
};

class MessageParser {
 public:
  enum class State { kNeedMore, kHeaderDone, kDone, kFailed };

  explicit MessageParser(const MessageLimits& limits);
  ~MessageParser();

  // Takes bytes up to the end of the header, then (called again) up to the end of the body; sets
  // `consumed`. What it does not consume must be presented again, with more behind it. Some empty
  // lines before a request are taken, too, and are no part of it (RFC 9112, 2.2).
  State feed(std::string_view bytes, std::size_t& consumed);
  const ApiError& error() const { return error_; }  // after kFailed
  bool begun() const { return begun_; }             // a byte of the request has come

  // As far as it is known, also after kFailed; empty: it is not.
  std::string path() const;

  // After kHeaderDone:
  const std::shared_ptr<Request>& request() const { return request_; }
  // Leaves nothing behind, so that the body dies with the last handler that wants it.
  std::shared_ptr<Request> take_request() { return std::move(request_); }
  bool keep_alive() const;
  bool http_1_0() const;
  bool head() const;              // the method was HEAD
  bool expects_continue() const;  // waits for "100 Continue" before it sends the body
  bool unknown_expectation() const;
  bool has_body() const;  // a body of one byte or more, or of unknown length
  std::optional<std::size_t> content_length() const;
  std::size_t body_bytes() const;  // received so far, while not kDone
  // What the body takes in memory, once so many bytes more have been fed.
  std::size_t memory_for(std::size_t bytes) const;
  void drop_body();  // nobody wants it any more; nor is anything to be fed

 private:
  struct Impl;
  State fail(ApiError error);
  State finish_header();
  State finish_body();
  std::optional<ApiError> check_transfer(int headers, int lengths) const;

  std::unique_ptr<Impl> impl_;
  MessageLimits limits_;
  bool begun_ = false;
  int empty_lines_ = 0;
  std::shared_ptr<Request> request_;
  ApiError error_;
};

}  // namespace oc::http
