#include "http/connection.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "base/clock.h"
#include "base/log.h"
#include "base/system/sockets.h"
#include "http/request_id.h"
#include "http/response_head.h"

namespace oc::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Up to here bytes are joined to what stands before them.
constexpr std::size_t kCopied = 64u << 10;
// What the kernel takes of an answer is out of our sight: neither its reader's pace nor its memory
// can be told.
constexpr int kUnsentBytes = 128 << 10;

void add_headers(Response& response,
                 const std::vector<std::pair<std::string, std::string>>& headers) {
  response.headers.insert(response.headers.end(), headers.begin(), headers.end());
}

}  // namespace

Connection::Connection(std::shared_ptr<ServerCore> core, asio::ip::tcp::socket socket)
    : core_(std::move(core)),
      socket_(std::move(socket)),
      deadline_(core_->io),
      waker_(std::make_shared<Waker>(core_)),
      since_(Clock::now()) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  limit_unsent_bytes(socket_.native_handle(), kUnsentBytes);
  socket_.non_blocking(true, ignored);
  const auto peer = socket_.remote_endpoint(ignored);
  if (!ignored) {
    address_ = peer.address().to_string();
    trusted_ = core_->access.trusts(address_);
    loopback_ = is_loopback(address_);
  }
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
  if (waits_for_nothing()) close();
}

bool Connection::waits_for_nothing() const {
  error_code ignored;
  return phase_ == Phase::kIdle && socket_.available(ignored) == 0;
}

void Connection::close() {
  error_code ignored;
  if (phase_ == Phase::kWrite) reset();  // whoever did not read what was sent
  socket_.close(ignored);
  waker_->timer.cancel();
  if (exchange_) exchange_->close();
  core_->remove(this);  // its place is free now, not when the last handler has seen it
}

std::optional<Connection::Standing> Connection::standing(Clock::time_point now) const {
  const bool slow = now - since_ >= core_->options.limits.body.grace / 10;
  switch (phase_) {
    case Phase::kLinger:
      return Standing{0, since_};  // has got its answer
    case Phase::kIdle:
      return Standing{proven_ ? 2 : 1, since_};
    case Phase::kHeader:
      return Standing{proven_ ? 3 : 1, since_};
    case Phase::kBody:
      return slow ? std::optional(Standing{4, since_}) : std::nullopt;
    case Phase::kWrite:
      return slow ? std::optional(Standing{5, since_}) : std::nullopt;
    case Phase::kAnswer:
      break;
  }
  return std::nullopt;
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
  try {
    Current current(core_->options.limits.message);
    co_await refuse_and_close(current,
                              refusal(current, refuse(Refusal::kTooManyConnections,
                                                      "the server has as many connections as it "
                                                      "may (--max-connections); try later")));
  } catch (const std::exception& failure) {
    log::event(log::Level::kError, "connection", {{"failure", failure.what()}});
  }
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

void Connection::dispatch(Current& current, std::shared_ptr<Exchange> exchange) {
  auto call = [handler = &current.target->handler, id = current.id, coding = current.coding,
               max_bytes = core_->options.limits.message.max_body_bytes, exchange,
               request = current.parser.take_request()]() mutable {
    try {
      if (coding != Coding::kNone) {
        if (exchange->closed()) return;
        if (const auto error = unpack_body(*request, coding, max_bytes)) {
          exchange->fail(*error);
          return;
        }
      }
      (*handler)(std::move(request), exchange);
    } catch (const std::bad_alloc&) {
      exchange->fail(to_api_error(out_of_memory(), Stage::kRequest));
    } catch (const std::exception& failure) {
      log::event(log::Level::kError, "handler", {{"failure", failure.what()}}, id);
      exchange->fail(
          refuse(Refusal::kInternal,
                 "internal error; the server's log has the details under this request id"));
    }
  };
  if (current.target->disk)
    asio::post(core_->disk, std::move(call));
  else if (current.target->blocking || current.coding != Coding::kNone)
    asio::post(core_->workers, std::move(call));
  else
    call();
}

Connection::awaitable<bool> Connection::answer(Current& current) {
  auto wake = [waker = waker_] { asio::post(waker->core->io, [waker] { waker->timer.cancel(); }); };
  auto exchange = std::make_shared<Exchange>(
      std::move(wake), core_->router.dialect_of(current.path),
      core_->options.limits.max_stream_backlog, core_->options.memory, core_->options.unsent);
  exchange_ = exchange;
  enter(Phase::kAnswer);
  watch(exchange, ++watch_generation_);
  dispatch(current, exchange);

  bool alive = true, chunked = false;
  int status = 0;
  auto last_sent = Clock::now();
  while (alive) {
    Exchange::Output out = exchange->take();
    if (out.closed) {
      reset();
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
    const bool more = !out.bytes.empty();
    if (out.bytes.size() <= kCopied) {
      wire += chunked ? make_chunk(out.bytes) : out.bytes;
    } else {  // is not in memory twice
      if (chunked) wire += chunk_head(out.bytes.size());
      alive = co_await write_all(std::move(wire)) && co_await write_all(std::move(out.bytes));
      wire = chunked ? kChunkEnd : "";
    }
    if (out.finished && chunked) wire += kLastChunk;
    if (alive && !wire.empty()) {
      alive = co_await write_all(std::move(wire));
      last_sent = Clock::now();
    }
    if (out.finished) break;
    if (!alive || more) continue;
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
  bool sent = true;
  if (current.head || response.body.size() <= kCopied) {
    if (!current.head) wire += response.body;
    sent = co_await write_all(std::move(wire));
  } else {  // is not in memory twice
    sent = co_await write_all(std::move(wire)) && co_await write_all(std::move(response.body));
  }
  record(current, sent ? response.status : 499);
  co_return sent&& keep_alive;
}

// For requests whose rest is not wanted: the client must be able to read why before the socket
// goes.
Connection::awaitable<bool> Connection::refuse_and_close(Current& current, Response response) {
  if (current.id.empty()) current.id = random_id("req-");
  ++body_number_;
  current.arrival.reset();  // nothing is kept for it while it reads its refusal
  current.parser.drop_body();
  std::string().swap(in_);
  co_await send_whole(current, std::move(response), false);
  co_await linger();
  co_return false;
}

void Connection::record(const Current& current, int status) const {
  if (!core_->hooks.on_exchange) return;
  core_->hooks.on_exchange({.id = current.id,
                            .method = current.method,
                            .path = current.path,
                            .route = current.route,
                            .status = status,
                            .ms = current.since_header.ms(),
                            .client = current.client.empty() ? address_ : current.client,
                            .key = current.key});
}

}  // namespace oc::http
