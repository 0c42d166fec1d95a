// What the listener and its connections share. Pulls in Asio: only for server.cpp and
// connection*.cpp.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <set>

#include "http/refusal_log.h"
#include "http/server.h"

namespace oc::http {

class Connection;

// io thread only, save for what is atomic or const.
class ServerCore : public std::enable_shared_from_this<ServerCore> {
 public:
  using tcp = boost::asio::ip::tcp;

  ServerCore(ServerOptions options_in, Router router_in, AccessPolicy access_in,
             ServerHooks hooks_in);

  Result<void> listen();
  void drain();
  void end_drain();
  void stop();
  void add(Connection* connection);
  void remove(Connection* connection);

  const ServerOptions options;
  const Router router;
  const AccessPolicy access;
  const ServerHooks hooks;
  boost::asio::io_context io{1};
  boost::asio::thread_pool workers, disk{1};
  RefusalLog refusals;
  bool draining = false, stopped = false;
  std::uint16_t port = 0;

 private:
  void accept();
  void take_in_waiting();
  void close_idle();
  void take_in(tcp::socket socket);
  void on_accepted(tcp::socket socket);
  void on_not_accepted(const boost::system::error_code& failure);
  bool close_one();
  void end_when_empty();
  void wait_for_signal();

  std::set<Connection*> connections_;
  tcp::acceptor acceptor_{io};
  boost::asio::signal_set signals_{io};
  boost::asio::steady_timer drain_timer_{io};
  boost::asio::steady_timer accept_pause_{io};
  bool accept_paused_ = false;
  std::chrono::steady_clock::time_point last_shortage_;  // of descriptors
};

}  // namespace oc::http
