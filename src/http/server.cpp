#include "http/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <new>

#include "base/log.h"
#include "http/connection.h"

namespace oc::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

}  // namespace

ServerCore::ServerCore(ServerOptions options_in, Router router_in, AccessPolicy access_in,
                       ServerHooks hooks_in)
    : options(std::move(options_in)),
      router(std::move(router_in)),
      access(std::move(access_in)),
      hooks(std::move(hooks_in)),
      workers(static_cast<std::size_t>(std::max(1, options.workers))) {}

Result<void> ServerCore::listen() {
  error_code ec;
  const auto address =
      asio::ip::make_address(options.host == "localhost" ? "127.0.0.1" : options.host, ec);
  if (ec)
    return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is not an address", options.host),
                 "use 127.0.0.1, ::1, 0.0.0.0 or another address of this machine"};
  const tcp::endpoint endpoint(address, options.port);
  acceptor_.open(endpoint.protocol(), ec);
  if (!ec) acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor_.bind(endpoint, ec);
  if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) acceptor_.non_blocking(true, ec);
  if (ec == asio::error::address_in_use)
    return Error{ErrorCode::kUnavailable,
                 fmt::format("address in use: port {} of {} is taken by another program",
                             options.port, options.host),
                 options.port_hint};
  if (ec)
    return Error{
        ErrorCode::kUnavailable,
        fmt::format("cannot listen on {} port {}: {}", options.host, options.port, ec.message()),
        "is it an address of this machine, and the port above 1023?"};
  port = acceptor_.local_endpoint(ec).port();
  if (options.handle_signals) {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    wait_for_signal();
  }
  accept();
  return {};
}

void ServerCore::wait_for_signal() {
  signals_.async_wait([this](error_code ec, int number) {
    if (ec) return;
    log::event(log::Level::kInfo, "signal",
               {{"number", number}, {"action", draining ? "stop" : "drain"}});
    if (draining) {
      stop();
    } else {
      wait_for_signal();  // first: with nothing to wait for, drain() ends this wait, too
      drain();
    }
  });
}

// Waits first, as without a descriptor accepting fails also where nobody wants to come in.
void ServerCore::accept() {
  accept_paused_ = false;
  acceptor_.async_wait(tcp::acceptor::wait_read, [this](error_code ec) {
    if (!acceptor_.is_open()) return;
    if (!ec) {
      tcp::socket socket(io);
      acceptor_.accept(socket, ec);
      if (!ec) take_in(std::move(socket));
    }
    // The other end may have gone in the meantime.
    if (ec && ec != asio::error::would_block && ec != asio::error::connection_aborted)
      return on_not_accepted(ec);
    accept();
  });
}

// What fails is mostly the descriptor: that of another connection will do.
void ServerCore::on_not_accepted(const error_code& failure) {
  const auto now = std::chrono::steady_clock::now();
  // A shortage goes on as long as there is one a minute.
  if (last_shortage_ == decltype(now){} || now - last_shortage_ > std::chrono::minutes(1)) {
    log::event(
        log::Level::kWarning, "accept",
        {{"failure", failure.message()},
         {"connections", connections_.size()},
         {"do", "raise `ulimit -n`; until then connections that wait are closed for others"}});
  }
  last_shortage_ = now;
  if (close_one()) return accept();
  // When one of ours ends, remove() goes on at once; the rest of the process has some, too.
  accept_paused_ = true;
  accept_pause_.expires_after(std::chrono::milliseconds(100));
  accept_pause_.async_wait([this](error_code pause) {
    if (!pause && accept_paused_ && acceptor_.is_open()) accept();
  });
}

// One for which there is no memory is closed; it must not be the last that is accepted.
void ServerCore::take_in(tcp::socket socket) {
  try {
    on_accepted(std::move(socket));
  } catch (const std::bad_alloc&) {
    error_code ignored;
    socket.close(ignored);
  }
}

void ServerCore::on_accepted(tcp::socket socket) {
  // Even a refusal takes a connection for a moment, so there is an end to them, too.
  const std::size_t max_connections = options.limits.max_connections;
  const std::size_t max_refusals = std::clamp<std::size_t>(max_connections / 8, 8, 128);
  const bool room = connections_.size() < max_connections || close_one();
  if (!room && connections_.size() >= max_connections + max_refusals) return;
  const auto connection = std::make_shared<Connection>(shared_from_this(), std::move(socket));
  if (room)
    connection->start();
  else
    connection->start_refused();
}

// The connection that has the least claim to its place and has had it for longest makes room. What
// has not shown a key goes before what has, and what is between requests before what is in one.
bool ServerCore::close_one() {
  const auto now = std::chrono::steady_clock::now();
  Connection* first = nullptr;
  std::optional<Connection::Standing> lowest;
  for (Connection* connection : connections_) {
    const auto standing = connection->standing(now);
    if (!standing || (lowest && *lowest <= *standing)) continue;
    lowest = standing;
    first = connection;
  }
  if (first == nullptr) return false;
  first->close();
  return true;
}

void ServerCore::add(Connection* connection) {
  connections_.insert(connection);
  if (hooks.on_connections) hooks.on_connections(connections_.size());
}

void ServerCore::remove(Connection* connection) {
  if (connections_.erase(connection) == 0) return;
  if (hooks.on_connections) hooks.on_connections(connections_.size());
  if (accept_paused_ && acceptor_.is_open()) {
    accept_pause_.cancel();
    accept();
  }
  if (draining) end_when_empty();
}

// With nothing left to wait for, run() returns.
void ServerCore::end_when_empty() {
  if (!connections_.empty()) return;
  error_code ignored;
  drain_timer_.cancel();
  signals_.cancel(ignored);
}

void ServerCore::drain() {
  if (draining) return;
  draining = true;
  if (hooks.on_drain) hooks.on_drain();
  take_in_waiting();
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  drain_timer_.expires_after(options.limits.drain);
  drain_timer_.async_wait([this](error_code ec) {
    if (!ec) end_drain();
  });
  // Behind what has been read by now, which makes its connection one that is in a request.
  asio::post(io, [self = shared_from_this()] {
    self->close_idle();
    self->end_when_empty();
  });
}

// Connections that the system has for us: who has asked already is told that the server ends.
void ServerCore::take_in_waiting() {
  for (int i = 0; i < asio::socket_base::max_listen_connections; ++i) {
    error_code none_or_failure;
    tcp::socket socket(io);
    acceptor_.accept(socket, none_or_failure);
    if (none_or_failure) return;
    take_in(std::move(socket));
  }
}

// Each answer that is not finished ends with an error, as long as its client reads.
void ServerCore::end_drain() {
  close_idle();
  if (connections_.empty()) return;
  stopped = true;
  if (hooks.on_drain_over) hooks.on_drain_over();
  drain_timer_.expires_after(options.limits.last_words);
  drain_timer_.async_wait([this](error_code ec) {
    if (!ec) stop();
  });
}

void ServerCore::stop() {
  draining = true;
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  drain_timer_.cancel();
  signals_.cancel(ignored);
  close_idle();
  if (!connections_.empty()) stopped = true;  // somebody is cut off
  const auto connections = connections_;
  for (Connection* connection : connections) connection->close();
}

void ServerCore::close_idle() {
  const auto connections = connections_;
  for (Connection* connection : connections) connection->drain();
}

Result<std::unique_ptr<Server>> Server::open(const ServerOptions& options, Router router,
                                             AccessPolicy access, ServerHooks hooks) {
  OC_CHECK(options.memory != nullptr, "a server needs a memory budget");
  ServerOptions complete = options;
  if (!complete.arrivals) complete.arrivals = std::make_shared<Arrivals>(options.memory);
  auto core = std::make_shared<ServerCore>(std::move(complete), std::move(router),
                                           std::move(access), std::move(hooks));
  OC_RETURN_IF_ERROR(core->listen());
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

Server::Server(std::shared_ptr<ServerCore> core) : core_(std::move(core)) {}

Server::~Server() {
  core_->workers.join();
  core_->disk.join();
}

std::uint16_t Server::port() const { return core_->port; }

// A handler that throws, for want of memory, ends its own connection at most: the others go on.
bool Server::run() {
  for (;;) {
    try {
      core_->io.run();
      return !core_->stopped;
    } catch (const std::exception& failure) {
      log::event(log::Level::kError, "connection", {{"failure", failure.what()}});
    }
  }
}
void Server::drain() {
  asio::post(core_->io, [core = core_] { core->drain(); });
}
void Server::stop() {
  asio::post(core_->io, [core = core_] { core->stop(); });
}

}  // namespace oc::http
