#include "http/message_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <new>

#include "base/ascii.h"
#include "http/authority.h"

namespace oc::http {
namespace {

namespace beast = boost::beast;
using beast::http::field;

// What a body of `size` bytes takes, that took `capacity` before: up to twice its size, and no more
// than the whole will.
std::size_t grown(std::size_t capacity, std::size_t size, std::size_t whole) {
  if (size <= capacity) return capacity;
  return std::max(size, std::min(2 * capacity, whole));
}

// Beast's string body reserves the announced length at once; this one grows with what arrives.
struct GrowingBody {
  struct value_type {
    std::string bytes;
    std::size_t whole = 0;  // as announced, or the most that there may be
  };

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(beast::http::header<is_request, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>& announced, beast::error_code& ec) {
      ec = {};
      if (announced) body_.whole = static_cast<std::size_t>(*announced);
    }
    template <class ConstBufferSequence>
    std::size_t put(const ConstBufferSequence& buffers, beast::error_code& ec) {
      ec = {};
      std::size_t total = 0;
      for (auto it = boost::asio::buffer_sequence_begin(buffers);
           it != boost::asio::buffer_sequence_end(buffers); ++it) {
        const boost::asio::const_buffer buffer(*it);
        append(std::string_view(static_cast<const char*>(buffer.data()), buffer.size()));
        total += buffer.size();
      }
      return total;
    }
    void finish(beast::error_code& ec) { ec = {}; }

   private:
    void append(std::string_view more) {
      std::string& bytes = body_.bytes;
      const std::size_t size = bytes.size() + more.size();
      if (size > bytes.capacity()) {
        std::string larger;  // reserve() of one that has bytes takes more than it is asked for
        larger.reserve(grown(bytes.capacity(), size, body_.whole));
        larger.append(bytes);
        bytes.swap(larger);
      }
      bytes.append(more);
    }

    value_type& body_;
  };
};

ApiError explain(const beast::error_code& ec, const MessageLimits& limits) {
  using beast::http::error;
  if (ec == error::header_limit)
    return refuse(Refusal::kHeaderTooLarge,
                  fmt::format("the request's header is over {} bytes", limits.max_header_bytes));
  if (ec == error::body_limit)
    return refuse(
        Refusal::kBodyTooLarge,
        fmt::format("the request's body is over {} bytes (--max-body-mb)", limits.max_body_bytes));
  if (ec == error::bad_version)
    return refuse(Refusal::kVersionNotSupported, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  std::string_view what = "the request is not valid HTTP/1.1";
  if (ec == error::bad_method) what = "the request's method is not valid";
  if (ec == error::bad_target) what = "the request's target is not valid";
  if (ec == error::bad_field || ec == error::bad_value || ec == error::bad_line_ending ||
      ec == error::bad_obs_fold)
    what = "a header of the request is not valid";
  if (ec == error::bad_content_length || ec == error::multiple_content_length)
    what = "the request's Content-Length is not valid";
  if (ec == error::bad_transfer_encoding) what = "the request's Transfer-Encoding is not valid";
  if (ec == error::bad_chunk || ec == error::bad_chunk_extension)
    what = "a chunk of the request's body is not valid";
  return refuse(Refusal::kMalformed, std::string(what));
}

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

// Some clients send one behind a body; more than a few are somebody's time.
constexpr int kMaxEmptyLines = 8;

// The last chunk is no shorter ("0\r\n\r\n"), and each one before it has that behind it.
constexpr std::size_t kLastChunkBytes = 5;

// Splits a target into path and query; the absolute form ("http://host/path") also has a host, and
// may have no path.
bool split_target(std::string_view target, Request& request) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!starts_with_ignoring_case(target, scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t path = std::min(target.find_first_of("/?"), target.size());
    request.authority = std::string(target.substr(0, path));
    target.remove_prefix(path);
    if (!parse_authority(request.authority)) return false;
    // RFC 9112, 3.2.4: this is how a proxy is told to ask for "*".
    if (target.empty() && request.method == "OPTIONS") target = "*";
    if (target.empty() || target.front() == '?') {
      request.path = "/";
      if (!target.empty()) request.query = std::string(target.substr(1));
      return true;
    }
    break;
  }
  if (target == "*" ? request.method != "OPTIONS" : !target.starts_with('/')) return false;
  const std::size_t question = target.find('?');
  request.path = std::string(target.substr(0, question));
  if (question != std::string_view::npos) request.query = std::string(target.substr(question + 1));
  return true;
}

}  // namespace

struct MessageParser::Impl {
  beast::http::request_parser<GrowingBody> parser;
  bool header_done = false;
  std::size_t header_bytes = 0;  // taken so far
};

MessageParser::MessageParser(const MessageLimits& limits)
    : impl_(std::make_unique<Impl>()), limits_(limits) {
  impl_->parser.header_limit(static_cast<std::uint32_t>(limits.max_header_bytes));
  impl_->parser.body_limit(limits.max_body_bytes);
  impl_->parser.eager(false);
  impl_->parser.get().body().whole = limits.max_body_bytes;
}

MessageParser::~MessageParser() = default;

MessageParser::State MessageParser::fail(ApiError error) {
  error_ = std::move(error);
  return State::kFailed;
}

MessageParser::State MessageParser::feed(std::string_view bytes, std::size_t& consumed) {
  auto& parser = impl_->parser;
  consumed = 0;
  while (!begun_) {
    const std::string_view rest = bytes.substr(consumed);
    if (rest.empty() || rest == "\r") return State::kNeedMore;
    if (!rest.starts_with("\r\n")) {
      begun_ = true;
    } else if (++empty_lines_ > kMaxEmptyLines) {
      return fail(refuse(Refusal::kMalformed, "empty lines instead of a request"));
    } else {
      consumed += 2;
    }
  }
  while (true) {
    if (impl_->header_done && parser.is_done()) return finish_body();
    if (consumed == bytes.size()) return State::kNeedMore;
    // Beast 1.81 asserts (parse_chunk_header) that nobody shows it the last chunk in smaller
    // pieces.
    if (impl_->header_done && parser.chunked() && bytes.size() - consumed < kLastChunkBytes)
      return State::kNeedMore;
    beast::error_code ec;
    std::size_t taken = 0;
    try {
      taken = parser.put(
          boost::asio::const_buffer(bytes.data() + consumed, bytes.size() - consumed), ec);
    } catch (const std::bad_alloc&) {
      return fail(to_api_error(out_of_memory(), Stage::kRequest));
    }
    consumed += taken;
    const bool needs_more = ec == beast::http::error::need_more;
    if (ec && !needs_more) return fail(explain(ec, limits_));
    // Beast's own limit forgets the lines that it has taken: it begins anew when they arrive alone.
    // For the headers of chunks and the trailer, which wait untaken, it has none.
    if (!impl_->header_done) impl_->header_bytes += taken;
    const std::size_t before = impl_->header_done ? 0 : impl_->header_bytes;
    const std::size_t waiting = needs_more ? bytes.size() - consumed : 0;
    if (before + waiting > limits_.max_header_bytes)
      return fail(explain(beast::http::error::header_limit, limits_));
    if (needs_more) return State::kNeedMore;
    if (!impl_->header_done && parser.is_header_done()) return finish_header();
  }
}

MessageParser::State MessageParser::finish_header() {
  impl_->header_done = true;
  auto& parser = impl_->parser;
  parser.eager(true);
  const auto& message = parser.get();
  request_ = std::make_shared<Request>();
  request_->method = std::string(view(message.method_string()));
  if (request_->method == "HEAD") request_->method = "GET";
  int hosts = 0, lengths = 0, transfers = 0;
  for (const auto& entry : message) {
    request_->headers.emplace_back(lower(view(entry.name_string())), view(entry.value()));
    if (entry.name() == field::host) ++hosts;
    if (entry.name() == field::content_length) ++lengths;
    if (entry.name() == field::transfer_encoding) ++transfers;
  }
  if (hosts > 1) return fail(refuse(Refusal::kMalformed, "more than one Host header"));
  if (hosts == 0 && !http_1_0())
    return fail(refuse(Refusal::kMalformed, "the Host header is missing"));
  request_->authority = std::string(request_->header("host"));
  if (hosts == 1 && !parse_authority(request_->authority))
    return fail(
        refuse(Refusal::kMalformed,
               "the Host header must be a host name or an address, with or without a port"));
  if (transfers > 0)
    if (auto wrong = check_transfer(transfers, lengths)) return fail(*std::move(wrong));
  if (message.method() == beast::http::verb::connect)
    request_->path = "*";  // its target is somebody else's address
  else if (!split_target(view(message.target()), *request_))
    return fail(refuse(Refusal::kMalformed, "the request's target must be a path"));
  return State::kHeaderDone;
}

// RFC 9112, 6.1. Two ideas of where a body ends are how requests are smuggled past proxies, so
// nothing is understood but exactly "chunked".
std::optional<ApiError> MessageParser::check_transfer(int headers, int lengths) const {
  const std::string coding = lower(request_->header("transfer-encoding"));
  if (lengths > 0)
    return refuse(Refusal::kMalformed, "Content-Length together with Transfer-Encoding");
  if (http_1_0())
    return refuse(Refusal::kMalformed, "HTTP/1.0 knows no Transfer-Encoding; send Content-Length");
  if (headers == 1 && coding == "chunked" && impl_->parser.chunked()) return std::nullopt;
  // The end of the body is known all the same where another coding stands in front.
  const std::string_view others = std::string_view(coding).substr(0, coding.rfind(','));
  const bool other = headers == 1 && impl_->parser.chunked() && others != coding &&
                     others.find_first_not_of(" \t,") != std::string_view::npos &&
                     others.find("chunked") == std::string_view::npos;
  return refuse(other ? Refusal::kTransferCoding : Refusal::kMalformed,
                "only Transfer-Encoding: chunked is understood");
}

MessageParser::State MessageParser::finish_body() {
  request_->body = std::move(impl_->parser.get().body().bytes);
  return State::kDone;
}

std::string MessageParser::path() const {
  if (request_ && !request_->path.empty()) return request_->path;
  Request request;
  request.method = std::string(view(impl_->parser.get().method_string()));
  return split_target(view(impl_->parser.get().target()), request) ? request.path : "";
}

bool MessageParser::keep_alive() const { return impl_->parser.keep_alive(); }
bool MessageParser::http_1_0() const { return impl_->parser.get().version() < 11; }
bool MessageParser::head() const { return impl_->parser.get().method() == beast::http::verb::head; }

bool MessageParser::expects_continue() const {
  return !http_1_0() && lower(request_->header("expect")) == "100-continue";
}
bool MessageParser::unknown_expectation() const {
  const std::string_view value = request_->header("expect");
  return !value.empty() && lower(value) != "100-continue";
}

bool MessageParser::has_body() const {
  return impl_->parser.chunked() || content_length().value_or(0) > 0;
}
std::optional<std::size_t> MessageParser::content_length() const {
  const auto length = impl_->parser.content_length();
  if (!length) return std::nullopt;
  return static_cast<std::size_t>(*length);
}
std::size_t MessageParser::body_bytes() const { return impl_->parser.get().body().bytes.size(); }

std::size_t MessageParser::memory_for(std::size_t bytes) const {
  if (!has_body()) return 0;
  const auto& body = impl_->parser.get().body();
  // No more than is announced will be taken.
  const std::size_t size = std::min(body.bytes.size() + bytes, body.whole);
  return grown(body.bytes.capacity(), size, body.whole);
}

void MessageParser::drop_body() {
  std::string().swap(impl_->parser.get().body().bytes);
  request_.reset();
}

}  // namespace oc::http
