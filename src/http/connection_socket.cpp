// Moving a connection's bytes, with a time limit on each step.
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "http/connection.h"

namespace oc::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Pipelined bytes that are taken in while an answer is being made, to see the end behind them.
constexpr std::size_t kMaxAhead = 64u << 10;
constexpr std::size_t kMaxLingerBytes = 256u << 20;

}  // namespace

void Connection::enter(Phase phase) {
  phase_ = phase;
  since_ = Clock::now();
}

Connection::awaitable<void> Connection::linger() {
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  enter(Phase::kLinger);
  const auto deadline = since_ + core_->options.limits.linger;
  std::size_t total = 0;
  while (total < kMaxLingerBytes) {
    in_.clear();
    if (co_await read_more(deadline, 32u << 10) != Read::kOk) co_return;
    total += in_.size();
  }
}

// Appends what has arrived to in_.
Connection::awaitable<Connection::Read> Connection::read_more(Clock::time_point deadline,
                                                              std::size_t max_bytes) {
  const std::size_t before = in_.size();
  in_.resize(before + max_bytes);
  error_code ec;
  arm(deadline);
  const std::size_t count = co_await socket_.async_read_some(
      asio::buffer(in_.data() + before, max_bytes), asio::redirect_error(asio::use_awaitable, ec));
  disarm();
  in_.resize(before + count);
  if (count > 0) co_return Read::kOk;
  if (ec == asio::error::operation_aborted && timed_out_) co_return Read::kTimeout;
  co_return Read::kClosed;
}

Connection::awaitable<bool> Connection::write_all(std::string bytes) {
  // A reader has its time for each of these, not for each byte that it takes.
  constexpr std::size_t kStep = 64u << 10;
  const Phase before = phase_;
  std::size_t sent = 0, next = 0;
  while (sent < bytes.size()) {
    error_code ec;
    if (sent >= next) {
      enter(Phase::kWrite);
      next = sent + kStep;
    }
    arm(since_ + core_->options.limits.write);
    sent +=
        co_await socket_.async_write_some(asio::buffer(bytes.data() + sent, bytes.size() - sent),
                                          asio::redirect_error(asio::use_awaitable, ec));
    disarm();
    if (ec && timed_out_) reset();
    if (ec) co_return false;
  }
  enter(before);
  co_return true;
}

// For a reader that is given up: what the kernel has of its answer goes with the connection, and
// not when it pleases the reader.
void Connection::reset() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
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
