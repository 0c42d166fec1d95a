#include "http/connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "base/clock.h"
#include "base/log.h"
#include "http/request_id.h"
#include "http/response_head.h"

namespace oc::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kReadChunk = 32u << 10;
// Pipelined bytes that are taken in while an answer is being made, to see the end behind them.
constexpr std::size_t kMaxAhead = 64u << 10;
constexpr std::size_t kMaxLingerBytes = 256u << 20;

void add_headers(Response& response,
                 const std::vector<std::pair<std::string, std::string>>& headers) {
  response.headers.insert(response.headers.end(), headers.begin(), headers.end());
}

}  // namespace

struct Connection::Current {
  explicit Current(const MessageLimits& limits) : parser(limits) {}
  MessageParser parser;
  Stopwatch since_header;
  std::string id, method, path;
  std::string_view route = "none";
  const Route* target = nullptr;
  bool head = false, http_1_0 = false, keep_alive = false;
  bool body_pending = false;                              // the client may still be sending
  std::vector<std::pair<std::string, std::string>> cors;  // headers of the answer
};

Connection::Connection(std::shared_ptr<ServerCore> core, asio::ip::tcp::socket socket)
    : core_(std::move(core)),
      socket_(std::move(socket)),
      deadline_(core_->io),
      waker_(std::make_shared<Waker>(core_)) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  const auto local = socket_.local_endpoint(ignored);
  if (!ignored) local_address_ = local.address().to_string();
  core_->add(this);
}

Connection::~Connection() { core_->remove(this); }

void Connection::start() {
  asio::co_spawn(
      core_->io, [self = shared_from_this()] { return self->run(); }, asio::detached);
}

void Connection::start_refused() {
  asio::co_spawn(
      core_->io, [self = shared_from_this()] { return self->run_refused(); }, asio::detached);
}

void Connection::drain() {
  if (idle_) close();
}

void Connection::close() {
  error_code ignored;
  socket_.close(ignored);
  waker_->timer.cancel();
  if (exchange_) exchange_->close();
}

Connection::awaitable<void> Connection::run() {
  try {
    while (co_await serve_one()) {
    }
  } catch (const std::exception& failure) {
    log::event(log::Level::kError, "connection", {{"failure", failure.what()}});
  }
  close();
}

Connection::awaitable<void> Connection::run_refused() {
  Current current(core_->options.limits.message);
  co_await refuse_and_close(current, error_response(refuse(Refusal::kTooManyConnections,
                                                           "the server has too many connections")));
  close();
}

// One request and its answer. False: the connection is to be closed.
Connection::awaitable<bool> Connection::serve_one() {
  Current current(core_->options.limits.message);
  if (!co_await read_header(current)) co_return false;
  if (auto refused = gate(current)) {
    if (current.body_pending) co_return co_await refuse_and_close(current, std::move(*refused));
    co_return co_await send_whole(current, std::move(*refused), current.keep_alive);
  }
  if (!co_await read_body(current)) co_return false;
  co_return co_await answer(current);
}

Connection::awaitable<bool> Connection::read_header(Current& current) {
  const ServerLimits& limits = core_->options.limits;
  idle_ = in_.empty();
  idle_since_ = Clock::now();
  if (idle_) {
    if (core_->draining) co_return false;
    const Read read = co_await read_more(idle_since_ + limits.idle);
    idle_ = false;
    if (read != Read::kOk) co_return false;
  }
  const auto deadline = Clock::now() + limits.header;
  while (true) {
    std::size_t consumed = 0;
    const auto state = current.parser.feed(in_, consumed);
    in_.erase(0, consumed);
    if (state == MessageParser::State::kHeaderDone) break;
    if (state == MessageParser::State::kFailed)
      co_return co_await refuse_and_close(current, error_response(current.parser.error()));
    const Read read = co_await read_more(deadline);
    if (read == Read::kClosed) co_return false;
    if (read == Read::kTimeout)
      co_return co_await refuse_and_close(
          current, error_response(
                       refuse(Refusal::kTimeout, "the request's header took too long to arrive")));
  }
  const auto& request = current.parser.request();
  current.since_header.restart();
  request->id = request_id(request->header("x-request-id"));
  request->memory = Reservation(core_->options.memory);
  current.id = request->id;
  current.method = request->method;
  current.path = request->path;
  current.head = current.parser.head();
  current.http_1_0 = current.parser.http_1_0();
  current.keep_alive = current.parser.keep_alive();
  current.body_pending = current.parser.has_body();
  current.cors = core_->access.cors_headers(*request);
  co_return true;
}

// All that can be refused before a byte of the body was read.
std::optional<Response> Connection::gate(Current& current) const {
  const Request& request = *current.parser.request();
  if (auto error = core_->access.check_host(request, local_address_)) return error_response(*error);
  if (auto allowed = core_->access.preflight(request)) return allowed;
  if (auto error = core_->access.check_origin(request)) return error_response(*error);
  if (!core_->router.open(request.path))
    if (auto error = core_->access.check_key(request)) return error_response(*error);
  auto match = core_->router.find(request.method, request.path);
  if (match.route == nullptr) return std::move(match.instead);
  current.target = match.route;
  current.route = match.route->path;
  if (current.parser.unknown_expectation())
    return error_response(
        refuse(Refusal::kExpectationFailed, "only Expect: 100-continue is understood"));
  if (match.route->json && !is_json(request.header("content-type")))
    return error_response(refuse(Refusal::kNotJson, "Content-Type must be application/json"));
  if (match.route->json && !current.parser.has_body() && !current.parser.content_length())
    return error_response(refuse(Refusal::kLengthRequired, "the request has no body"));
  if (core_->draining)
    return error_response(refuse(Refusal::kShuttingDown, "the server is shutting down"));
  if (match.route->needs_model)
    if (auto error = core_->hooks.model_ready()) return error_response(*error);
  return std::nullopt;
}

Connection::awaitable<bool> Connection::read_body(Current& current) {
  const ServerLimits& limits = core_->options.limits;
  MessageParser& parser = current.parser;
  if (current.body_pending && parser.expects_continue() && in_.empty())
    if (!co_await write_all("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
  const auto start = Clock::now();
  while (true) {
    std::size_t consumed = 0;
    const auto state = parser.feed(in_, consumed);
    in_.erase(0, consumed);
    if (state == MessageParser::State::kFailed)
      co_return co_await refuse_and_close(current, error_response(parser.error()));
    const bool done = state == MessageParser::State::kDone;
    if (!parser.request()->memory.grow_to(done ? parser.request()->body.size()
                                               : parser.body_bytes()))
      co_return co_await refuse_and_close(
          current, error_response(refuse(
                       Refusal::kBusy, "the server holds as many request bytes as it may; later")));
    if (done) break;
    const auto earned = std::chrono::milliseconds(
        parser.body_bytes() * 1000 / std::max<std::size_t>(1, limits.body_bytes_per_s));
    const Read read = co_await read_more(start + limits.body_grace + earned);
    if (read == Read::kClosed) co_return false;
    if (read == Read::kTimeout)
      co_return co_await refuse_and_close(
          current,
          error_response(refuse(Refusal::kTimeout, "the request's body arrives too slowly")));
  }
  current.body_pending = false;
  co_return true;
}

void Connection::dispatch(Current& current, std::shared_ptr<Exchange> exchange) {
  RequestPtr request = current.parser.take_request();
  auto call = [handler = &current.target->handler, id = current.id, exchange,
               request = std::move(request)]() mutable {
    try {
      (*handler)(std::move(request), exchange);
    } catch (const std::exception& failure) {
      log::event(log::Level::kError, "handler", {{"failure", failure.what()}}, id);
      exchange->respond(error_response(
          refuse(Refusal::kInternal,
                 "internal error; the server's log has the details under this request id")));
    }
  };
  if (current.target->blocking)
    asio::post(core_->workers, std::move(call));
  else
    call();
}

Connection::awaitable<bool> Connection::answer(Current& current) {
  auto wake = [waker = waker_] { asio::post(waker->core->io, [waker] { waker->timer.cancel(); }); };
  auto exchange =
      std::make_shared<Exchange>(std::move(wake), core_->options.limits.max_stream_backlog);
  exchange_ = exchange;
  watch(exchange, ++watch_generation_);
  dispatch(current, exchange);

  bool alive = true, chunked = false;
  int status = 0;
  auto last_sent = Clock::now();
  while (alive) {
    Exchange::Output out = exchange->take();
    if (out.closed) {
      alive = false;
      break;
    }
    if (out.whole) {
      exchange->complete();
      unwatch();
      exchange_.reset();
      co_return co_await send_whole(current, std::move(*out.whole), current.keep_alive);
    }
    std::string wire;
    if (out.head) {
      add_headers(*out.head, current.cors);
      status = out.head->status;
      chunked = !current.http_1_0;
      if (!chunked) current.keep_alive = false;
      if (core_->draining) current.keep_alive = false;
      wire = make_head(*out.head, {.http_1_0 = current.http_1_0,
                                   .keep_alive = current.keep_alive,
                                   .chunked = chunked,
                                   .content_length = std::nullopt,
                                   .request_id = current.id});
    }
    wire += chunked ? make_chunk(out.bytes) : out.bytes;
    if (out.finished && chunked) wire += kLastChunk;
    if (!wire.empty()) {
      alive = co_await write_all(std::move(wire));
      last_sent = Clock::now();
    }
    if (out.finished) break;
    if (!alive || !out.bytes.empty()) continue;
    const auto ping = exchange->ping_every();
    const auto due = ping ? last_sent + *ping : Clock::time_point::max();
    if (Clock::now() >= due) {
      exchange->tick();
      continue;
    }
    error_code ignored;
    waker_->timer.expires_at(due);
    co_await waker_->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (alive)
    exchange->complete();
  else
    exchange->close();
  unwatch();
  exchange_.reset();
  record(current, alive ? status : 499);
  co_return alive&& current.keep_alive && !core_->draining;
}

Connection::awaitable<bool> Connection::send_whole(Current& current, Response response,
                                                   bool keep_alive) {
  keep_alive = keep_alive && !core_->draining;
  add_headers(response, current.cors);
  std::string wire = make_head(response, {.http_1_0 = current.http_1_0,
                                          .keep_alive = keep_alive,
                                          .chunked = false,
                                          .content_length = response.body.size(),
                                          .request_id = current.id});
  if (!current.head) wire += response.body;
  const bool sent = co_await write_all(std::move(wire));
  record(current, sent ? response.status : 499);
  co_return sent&& keep_alive;
}

// For requests whose rest is not wanted: the client must be able to read why before the socket
// goes.
Connection::awaitable<bool> Connection::refuse_and_close(Current& current, Response response) {
  if (current.id.empty()) current.id = random_id("req-");
  co_await send_whole(current, std::move(response), false);
  co_await linger();
  co_return false;
}

Connection::awaitable<void> Connection::linger() {
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  const auto deadline = Clock::now() + core_->options.limits.linger;
  std::size_t total = 0;
  while (total < kMaxLingerBytes) {
    in_.clear();
    if (co_await read_more(deadline) != Read::kOk) co_return;
    total += in_.size();
  }
}

void Connection::record(const Current& current, int status) const {
  if (!core_->hooks.on_exchange) return;
  core_->hooks.on_exchange({.id = current.id,
                            .method = current.method,
                            .path = current.path,
                            .route = current.route,
                            .status = status,
                            .ms = current.since_header.ms()});
}

// Appends what has arrived to in_.
Connection::awaitable<Connection::Read> Connection::read_more(Clock::time_point deadline) {
  const std::size_t before = in_.size();
  in_.resize(before + kReadChunk);
  error_code ec;
  arm(deadline);
  const std::size_t count = co_await socket_.async_read_some(
      asio::buffer(in_.data() + before, kReadChunk), asio::redirect_error(asio::use_awaitable, ec));
  disarm();
  in_.resize(before + count);
  if (count > 0) co_return Read::kOk;
  if (ec == asio::error::operation_aborted && timed_out_) co_return Read::kTimeout;
  co_return Read::kClosed;
}

Connection::awaitable<bool> Connection::write_all(std::string bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    error_code ec;
    arm(Clock::now() + core_->options.limits.write);
    sent +=
        co_await socket_.async_write_some(asio::buffer(bytes.data() + sent, bytes.size() - sent),
                                          asio::redirect_error(asio::use_awaitable, ec));
    disarm();
    if (ec) co_return false;
  }
  co_return true;
}

void Connection::arm(Clock::time_point deadline) {
  timed_out_ = false;
  deadline_.expires_at(deadline);
  deadline_.async_wait([self = shared_from_this(), operation = ++operation_](error_code ec) {
    if (ec || operation != self->operation_) return;
    self->timed_out_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
  });
}

void Connection::disarm() {
  ++operation_;
  deadline_.cancel();
}

// While an answer is being made nobody reads; this notices that the client has gone.
void Connection::watch(std::shared_ptr<Exchange> exchange, std::uint64_t generation) {
  socket_.async_wait(
      asio::ip::tcp::socket::wait_read,
      [self = shared_from_this(), exchange = std::move(exchange), generation](error_code ec) {
        if (generation != self->watch_generation_) return;
        if (!ec && self->in_.size() >= kMaxAhead) return;  // a failing write will have to tell
        std::array<char, 4096> buffer;
        const std::size_t count = ec ? 0 : self->socket_.read_some(asio::buffer(buffer), ec);
        if (ec && ec != asio::error::would_block) {
          exchange->close();
          self->waker_->timer.cancel();
          return;
        }
        self->in_.append(buffer.data(), count);
        self->watch(exchange, generation);
      });
}

void Connection::unwatch() {
  ++watch_generation_;
  error_code ignored;
  socket_.cancel(ignored);
}

}  // namespace oc::http
