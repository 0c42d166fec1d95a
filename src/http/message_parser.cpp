#include "http/message_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <cctype>

namespace oc::http {
namespace {

namespace beast = boost::beast;
using beast::http::field;

// Beast's string body reserves the announced length at once; this one grows with what arrives.
struct GrowingBody {
  using value_type = std::string;

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(beast::http::header<is_request, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>&, beast::error_code& ec) { ec = {}; }
    template <class ConstBufferSequence>
    std::size_t put(const ConstBufferSequence& buffers, beast::error_code& ec) {
      ec = {};
      std::size_t total = 0;
      for (auto it = boost::asio::buffer_sequence_begin(buffers);
           it != boost::asio::buffer_sequence_end(buffers); ++it) {
        const boost::asio::const_buffer buffer(*it);
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
        total += buffer.size();
      }
      return total;
    }
    void finish(beast::error_code& ec) { ec = {}; }

   private:
    value_type& body_;
  };
};

ApiError explain(const beast::error_code& ec, const MessageLimits& limits) {
  using beast::http::error;
  if (ec == error::header_limit)
    return refuse(Refusal::kHeaderTooLarge,
                  fmt::format("the request's header is over {} bytes", limits.max_header_bytes));
  if (ec == error::body_limit)
    return refuse(Refusal::kBodyTooLarge,
                  fmt::format("the request's body is over {} bytes", limits.max_body_bytes));
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

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

// The last chunk is no shorter ("0\r\n\r\n"), and each one before it has that behind it.
constexpr std::size_t kLastChunkBytes = 5;

// Splits a target into path and query; the absolute form ("http://host/path") also has a host.
bool split_target(std::string_view target, Request& request) {
  if (lower(target.substr(0, 7)) == "http://") {
    target.remove_prefix(7);
    const std::size_t slash = target.find_first_of("/?");
    request.authority = std::string(target.substr(0, slash));
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
    if (target.front() == '?') return false;
  }
  if (target != "*" && (target.empty() || target.front() != '/')) return false;
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
}

MessageParser::~MessageParser() = default;

MessageParser::State MessageParser::fail(ApiError error) {
  error_ = std::move(error);
  return State::kFailed;
}

MessageParser::State MessageParser::feed(std::string_view bytes, std::size_t& consumed) {
  auto& parser = impl_->parser;
  consumed = 0;
  while (true) {
    if (impl_->header_done && parser.is_done()) return finish_body();
    if (consumed == bytes.size()) return State::kNeedMore;
    // Beast 1.81 asserts (parse_chunk_header) that nobody shows it the last chunk in smaller
    // pieces.
    if (impl_->header_done && parser.chunked() && bytes.size() - consumed < kLastChunkBytes)
      return State::kNeedMore;
    beast::error_code ec;
    const std::size_t taken =
        parser.put(boost::asio::const_buffer(bytes.data() + consumed, bytes.size() - consumed), ec);
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
  int hosts = 0, lengths = 0;
  for (const auto& entry : message) {
    request_->headers.emplace_back(lower(view(entry.name_string())), view(entry.value()));
    if (entry.name() == field::host) ++hosts;
    if (entry.name() == field::content_length) ++lengths;
  }
  if (hosts > 1) return fail(refuse(Refusal::kMalformed, "more than one Host header"));
  if (hosts == 0 && !http_1_0())
    return fail(refuse(Refusal::kMalformed, "the Host header is missing"));
  // Two statements about one length are how requests are smuggled past proxies.
  if (parser.chunked() && lengths > 0)
    return fail(refuse(Refusal::kMalformed, "Content-Length together with Transfer-Encoding"));
  if (message.find(field::transfer_encoding) != message.end() && !parser.chunked())
    return fail(refuse(Refusal::kMalformed, "only Transfer-Encoding: chunked is understood"));
  request_->authority = std::string(request_->header("host"));
  if (!split_target(view(message.target()), *request_))
    return fail(refuse(Refusal::kMalformed, "the request's target must be a path"));
  return State::kHeaderDone;
}

MessageParser::State MessageParser::finish_body() {
  request_->body = std::move(impl_->parser.get().body());
  return State::kDone;
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
std::size_t MessageParser::body_bytes() const { return impl_->parser.get().body().size(); }

}  // namespace oc::http
