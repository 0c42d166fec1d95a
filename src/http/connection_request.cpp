// Reading requests, and who may go on to a handler.
#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "base/memory_full.h"
#include "http/authority.h"
#include "http/connection.h"
#include "http/request_id.h"

namespace oc::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kHeaderChunk = 4u << 10, kBodyChunk = 32u << 10;

}  // namespace

Connection::awaitable<bool> Connection::read_header(Current& current) {
  const ServerLimits& limits = core_->options.limits;
  enter(Phase::kIdle);  // until a byte of a request is there
  auto deadline = since_ + limits.idle;
  while (true) {
    std::size_t consumed = 0;
    const auto state = current.parser.feed(in_, consumed);
    in_.erase(0, consumed);
    if (state == MessageParser::State::kHeaderDone) break;
    if (state == MessageParser::State::kFailed)
      co_return co_await refuse_and_close(current, refusal(current, current.parser.error()));
    if (phase_ == Phase::kIdle && current.parser.begun()) {
      enter(Phase::kHeader);
      deadline = since_ + limits.header;
    }
    if (core_->draining && waits_for_nothing()) co_return false;
    if (in_.empty()) std::string().swap(in_);  // what the last request took
    const Read read = co_await read_more(deadline, kHeaderChunk);
    if (read == Read::kClosed) co_return false;
    if (read == Read::kTimeout && phase_ == Phase::kIdle) co_return false;
    if (read == Read::kTimeout)
      co_return co_await refuse_and_close(
          current, refusal(current, refuse(Refusal::kTimeout,
                                           "the request's header took too long to arrive")));
  }
  begin_request(current);
  co_return true;
}

Response Connection::refusal(const Current& current, const ApiError& error) const {
  const std::string path = current.path.empty() ? current.parser.path() : current.path;
  return error_response(core_->router.dialect_of(path), error);
}

void Connection::begin_request(Current& current) {
  const auto& request = current.parser.request();
  current.since_header.restart();
  request->id = request_id(request->header("x-request-id"));
  request->memory = Reservation(core_->options.memory);
  request->admin = core_->access.is_admin(*request);
  request->keyed = core_->access.has_keys();
  current.id = request->id;
  current.method = request->method;
  current.path = request->path = core_->router.known_path(request->path);
  current.head = current.parser.head();
  current.http_1_0 = current.parser.http_1_0();
  current.keep_alive = current.parser.keep_alive() && request->method != "CONNECT";
  current.body_pending = current.parser.has_body();
  request->guest = core_->access.is_guest(*request, trusted_, loopback_);
  if (trusted_) current.client = core_->access.forwarded_for(*request);
  request->address = current.client.empty() ? address_ : current.client;
  current.key = core_->access.label(*request);
  current.cors = core_->access.cors_headers(*request, welcomes(*request));
}

// All that can be refused before a byte of the body was read.
std::optional<Response> Connection::gate(Current& current) {
  const Request& request = *current.parser.request();
  // Its Host is the one that it wants to be connected to.
  if (request.method == "CONNECT") return core_->router.find(request.method, request.path).instead;
  if (auto refused = check_access(current, request)) return refused;
  auto match = core_->router.find(request.method, request.path);
  if (match.route == nullptr) return std::move(match.instead);
  current.target = match.route;
  current.route = match.route->path;
  if (match.route->own_page && core_->access.is_foreign_page(request, trusted_))
    return refusal(current, refuse(Refusal::kOriginNotAllowed,
                                   "web pages of other origins may not do this, whichever they "
                                   "are; the server's own page and other programs may"));
  if (match.route->admin)
    if (auto error = core_->access.check_admin(request)) return refusal(current, *error);
  if (current.parser.unknown_expectation())
    return refusal(current,
                   refuse(Refusal::kExpectationFailed, "only Expect: 100-continue is understood"));
  const bool of_page =
      !request.header("origin").empty() || !request.header("sec-fetch-site").empty();
  if (match.route->json && (of_page || !match.route->any_type) &&
      !is_json(request.header("content-type")))
    return refusal(current, refuse(Refusal::kNotJson, "Content-Type must be application/json"));
  if (match.route->json && !current.parser.has_body() && !current.parser.content_length())
    return refusal(current, refuse(Refusal::kLengthRequired, "the request has no body"));
  if (const auto error = find_coding(request, &current.coding)) {
    Response response = refusal(current, *error);
    response.headers.emplace_back("Accept-Encoding", kCodings);
    return response;
  }
  if (core_->draining)
    return refusal(current, refuse(Refusal::kShuttingDown, "the server is shutting down"));
  if (match.route->needs_model)
    if (auto error = core_->hooks.model_ready()) return refusal(current, *error);
  return std::nullopt;
}

std::optional<Response> Connection::check_access(const Current& current, const Request& request) {
  const AccessPolicy& access = core_->access;
  if (auto error = access.check_host(request)) {
    const auto host = parse_authority(request.authority);
    tell_owner(request, "host refused", host ? host->host : "", "--allow-host");
    return refusal(current, *error);
  }
  // Some are refused here, from others their browser keeps the answer.
  const bool welcome = welcomes(request);
  if (!welcome && !access.knows_page(request, trusted_))
    tell_owner(request, "page refused", request.header("origin"), "--cors-origin");
  if (auto allowed = access.preflight(request, welcome)) return allowed;
  if (!welcome)
    if (auto error = access.check_origin(request, trusted_)) return refusal(current, *error);
  if (!core_->router.open(request.path)) {
    const std::string_view header = core_->router.dialect_of(request.path).key_header();
    if (auto error = access.check_key(request, header)) return refusal(current, *error);
    proven_ = true;
  }
  if (!access.has_keys()) proven_ = true;
  return std::nullopt;
}

bool Connection::welcomes(const Request& request) const {
  return request.guest && core_->router.for_guests(request.path);
}

// What a visitor is told only the visitor sees; the log is where the owner looks.
void Connection::tell_owner(const Request& request, std::string_view what, std::string_view who,
                            std::string_view flag) {
  who = who.substr(0, 256);
  const auto unsaid = core_->refusals.due(std::string(flag) + " " + std::string(who), Clock::now());
  if (!unsaid) return;
  log::event(log::Level::kWarning, what,
             {{"name", who},
              {"host", request.authority.substr(0, 256)},
              {"path", request.path.substr(0, 128)},
              {"if_it_is_yours",
               flag == "--cors-origin" ? how_to_name(who) : fmt::format("{} {}", flag, who)},
              {"like_it_since", *unsaid}},
             request.id);
}

Connection::awaitable<bool> Connection::read_body(Current& current) {
  MessageParser& parser = current.parser;
  enter(Phase::kBody);
  current.arrival = std::make_unique<Arrivals::Body>(
      core_->options.arrivals, core_->options.limits.body,
      [core = core_, weak = weak_from_this(), number = ++body_number_] {
        asio::post(core->io, [weak, number] {
          const auto self = weak.lock();
          error_code ignored;
          if (self && self->body_number_ == number) self->socket_.cancel(ignored);
        });
      },
      since_);
  if (current.body_pending && parser.expects_continue() && in_.empty())
    if (!co_await write_all("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
  while (true) {
    if (!co_await find_room(current))
      co_return co_await refuse_and_close(
          current, refusal(current, to_api_error(memory_full(), Stage::kRequest)));
    const std::size_t before = parser.body_bytes();
    std::size_t consumed = 0;
    const auto state = parser.feed(in_, consumed);
    in_.erase(0, consumed);
    if (state == MessageParser::State::kFailed)
      co_return co_await refuse_and_close(current, refusal(current, parser.error()));
    if (state == MessageParser::State::kDone) break;
    if (const std::size_t after = parser.body_bytes(); after > before) {
      // Bytes earn the time that they take at the least speed, so that one now and then does not
      // keep a place.
      const auto now = Clock::now();
      const std::size_t per_s = std::max<std::size_t>(1, core_->options.limits.body.bytes_per_s);
      since_ = std::min<Clock::time_point>(
          now, since_ + std::chrono::microseconds((after - before) * 1'000'000 / per_s));
      current.arrival->received(after - before, now);
    }
    const Read read = co_await read_more(current.arrival->deadline(), kBodyChunk);
    if (current.arrival->gave_way()) continue;  // and so finds no room
    if (read == Read::kClosed) co_return false;
    if (read == Read::kTimeout)
      co_return co_await refuse_and_close(
          current,
          refusal(current, refuse(Refusal::kTimeout, "the request's body arrives too slowly")));
  }
  ++body_number_;
  parser.request()->memory = current.arrival->finish();
  parser.request()->memory.belongs_to(current.id);
  current.arrival.reset();
  current.body_pending = false;
  co_return true;
}

// Memory for what has come. Until others are late, and give way for it, takes a moment; and the
// request before may still hold its own when its answer has been read.
Connection::awaitable<bool> Connection::find_room(Current& current) {
  using Room = Arrivals::Body::Room;
  const std::size_t bytes = current.parser.memory_for(in_.size());
  const auto begun = Clock::now();
  const auto grace = core_->options.limits.body.grace;
  const bool possible = bytes <= core_->options.memory->limit();
  while (!current.arrival->gave_way()) {
    const auto now = Clock::now();
    const Room room = current.arrival->grow_to(bytes, now);
    if (room == Room::kHere) co_return true;
    if (now >= begun + grace / (room == Room::kNone ? 50 : 5) || !possible) break;
    error_code ignored;
    waker_->timer.expires_after(std::chrono::milliseconds(2));
    co_await waker_->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (!socket_.is_open()) break;
  }
  co_return false;
}

}  // namespace oc::http
