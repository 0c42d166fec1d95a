// One client's socket: requests in, answers out, one after the other, a time limit on every phase.
// Pulls in Asio: only for server.cpp and connection.cpp.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "http/exchange.h"
#include "http/message_parser.h"
#include "http/server_core.h"

namespace oc::http {

// Ends a connection's sleep. Handlers on other threads hold it rather than the connection, which so
// lives and dies on the io thread.
struct Waker {
  explicit Waker(std::shared_ptr<ServerCore> core_in) : core(std::move(core_in)), timer(core->io) {}
  const std::shared_ptr<ServerCore> core;
  boost::asio::steady_timer timer;  // io thread
};

// io thread only. Keeps itself alive until its socket is closed.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;
  template <class T>
  using awaitable = boost::asio::awaitable<T>;

  Connection(std::shared_ptr<ServerCore> core, boost::asio::ip::tcp::socket socket);
  ~Connection();

  void start();
  // Says that there are too many connections, and closes.
  void start_refused();
  void drain();  // closes now if it is between requests, else after the current one
  void close();
  bool idle() const { return idle_; }
  Clock::time_point idle_since() const { return idle_since_; }

 private:
  enum class Read { kOk, kTimeout, kClosed };
  struct Current;  // the request being served

  awaitable<void> run();
  awaitable<void> run_refused();
  awaitable<bool> serve_one();
  awaitable<bool> read_header(Current& current);
  awaitable<bool> read_body(Current& current);
  awaitable<bool> answer(Current& current);
  std::optional<Response> gate(Current& current) const;
  void dispatch(Current& current, std::shared_ptr<Exchange> exchange);
  awaitable<bool> refuse_and_close(Current& current, Response response);
  awaitable<bool> send_whole(Current& current, Response response, bool keep_alive);
  awaitable<void> linger();
  void record(const Current& current, int status) const;

  awaitable<Read> read_more(Clock::time_point deadline);
  awaitable<bool> write_all(std::string bytes);
  void arm(Clock::time_point deadline);
  void disarm();
  void watch(std::shared_ptr<Exchange> exchange, std::uint64_t generation);
  void unwatch();

  std::shared_ptr<ServerCore> core_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer deadline_;
  std::shared_ptr<Waker> waker_;
  std::string local_address_;
  std::string in_;  // received, not yet parsed
  bool idle_ = false;
  Clock::time_point idle_since_;
  std::uint64_t operation_ = 0;  // tells a late timer that its operation is over
  bool timed_out_ = false;
  std::uint64_t watch_generation_ = 0;
  std::shared_ptr<Exchange> exchange_;  // while one is being answered
};

}  // namespace oc::http
