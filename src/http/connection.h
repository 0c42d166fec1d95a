// One client's socket: requests in, answers out, one after the other, a time limit on every phase.
// connection.cpp answers, connection_request.cpp reads, connection_socket.cpp moves the bytes.
// Pulls in Asio: only for those and server.cpp.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http/arrivals.h"
#include "http/content_coding.h"
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
  // Closes now if it is between requests and none is here to be read, else after the current one,
  // which is told that the server ends where it has only come.
  void drain();
  void close();

  // Whose place is the first to be given to others, the lowest: a rank, and since when it has had
  // it. None while it is being answered or makes progress.
  using Standing = std::pair<int, Clock::time_point>;
  std::optional<Standing> standing(Clock::time_point now) const;

 private:
  enum class Read { kOk, kTimeout, kClosed };
  enum class Phase { kIdle, kHeader, kBody, kAnswer, kWrite, kLinger };

  // The request being served.
  struct Current {
    explicit Current(const MessageLimits& limits) : parser(limits) {}
    MessageParser parser;
    std::unique_ptr<Arrivals::Body> arrival;  // while its body is read
    Stopwatch since_header;
    std::string id, method, path;
    std::string client;        // behind proxies; empty: the connection's other end
    std::string key = "none";  // AccessPolicy::label()
    std::string_view route = "none";
    const Route* target = nullptr;
    Coding coding = Coding::kNone;
    bool head = false, http_1_0 = false, keep_alive = false;
    bool body_pending = false;                              // the client may still be sending
    std::vector<std::pair<std::string, std::string>> cors;  // headers of the answer
  };

  awaitable<void> run();
  awaitable<void> run_refused();
  awaitable<bool> serve_one();
  awaitable<bool> answer(Current& current);
  void dispatch(Current& current, std::shared_ptr<Exchange> exchange);
  awaitable<bool> refuse_and_close(Current& current, Response response);
  awaitable<bool> send_whole(Current& current, Response response, bool keep_alive);
  awaitable<void> linger();
  void record(const Current& current, int status) const;

  awaitable<bool> read_header(Current& current);
  void begin_request(Current& current);
  std::optional<Response> gate(Current& current);
  std::optional<Response> check_access(const Current& current, const Request& request);
  // In the dialect of its path, as far as that has been read.
  Response refusal(const Current& current, const ApiError& error) const;
  bool welcomes(const Request& request) const;
  void tell_owner(const Request& request, std::string_view what, std::string_view who,
                  std::string_view flag);
  awaitable<bool> read_body(Current& current);
  awaitable<bool> find_room(Current& current);

  awaitable<Read> read_more(Clock::time_point deadline, std::size_t max_bytes);
  awaitable<bool> write_all(std::string bytes);
  void enter(Phase phase);
  void arm(Clock::time_point deadline);
  void disarm();
  bool waits_for_nothing() const;  // between requests, and none is here to be read
  void reset();
  void watch(std::shared_ptr<Exchange> exchange, std::uint64_t generation);
  void unwatch();

  std::shared_ptr<ServerCore> core_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer deadline_;
  std::shared_ptr<Waker> waker_;
  std::string address_;    // of the other end
  bool trusted_ = false;   // its X-Forwarded-… count
  bool loopback_ = false;  // it comes from this machine
  bool proven_ = false;    // it has shown a key or, where none is wanted, a request
  std::string in_;         // received, not yet parsed
  Phase phase_ = Phase::kIdle;
  Clock::time_point since_;        // it is in the phase, or has last made progress
  std::uint64_t operation_ = 0;    // tells a late timer that its operation is over
  std::uint64_t body_number_ = 0;  // tells a late call to give way that its body is over
  bool timed_out_ = false;
  std::uint64_t watch_generation_ = 0;
  std::shared_ptr<Exchange> exchange_;  // while one is being answered
};

}  // namespace oc::http
