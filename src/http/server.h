// The sockets: listens, serves connections, ends in order. One io thread (the one that calls run),
// a few worker threads for handlers that take a while (parsing a body, unpacking one), one for
// those that look at disks.
//
//   auto server = Server::open(options, std::move(router), std::move(access), hooks);
//   if (!server) …            // "port 8080 is in use"
//   (*server)->run();         // until drain() or stop()
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "http/access.h"
#include "http/arrivals.h"
#include "http/message_parser.h"
#include "http/router.h"

namespace oc::http {

struct ServerLimits {
  MessageLimits message;
  std::size_t max_connections = 1024;
  std::size_t max_stream_backlog = 4u << 20;  // of one stream that is not read
  std::chrono::milliseconds idle{75'000};     // between requests, and before the first
  std::chrono::milliseconds header{10'000};   // from its first byte to its last
  ArrivalLimits body;
  std::chrono::milliseconds write{30'000};      // for each 64 KiB
  std::chrono::milliseconds linger{5'000};      // to let a refused client read why
  std::chrono::milliseconds drain{120'000};     // to finish what runs, after SIGTERM
  std::chrono::milliseconds last_words{5'000};  // then, to tell what is not finished why it ends
};

struct ServerOptions {
  std::string host = "127.0.0.1";  // an address, or "localhost"
  std::uint16_t port = 8080;       // 0: any that is free
  // What to do when the port is taken: the flag that chooses another.
  std::string port_hint = "choose another one with --port, or 0 for any that is free";
  int workers = 2;
  bool handle_signals = false;  // SIGTERM, SIGINT: drain; the second: stop
  ServerLimits limits;
  std::shared_ptr<MemoryBudget> memory;  // bodies and answers count against it; required
  std::shared_ptr<MemoryBudget> unsent;  // of it, for answers that wait for their readers; or null
  std::shared_ptr<Arrivals> arrivals;    // of all ports that share it; null: this one's own
};

// One finished exchange, for logs and metrics.
struct ExchangeRecord {
  std::string_view id, method, path;
  std::string_view route;   // the pattern, or "none": few values, whatever is asked for
  int status = 0;           // 499: the client went away first
  double ms = 0;            // from the header's last byte to the answer's
  std::string_view client;  // its address, behind trusted proxies
  std::string_view key;     // AccessPolicy::label(); "none" where the request was not understood
};

struct ServerHooks {
  // Whether a route that needs the model may be asked now. Any thread.
  std::function<std::optional<ApiError>()> model_ready;
  // io thread; must not block.
  std::function<void(const ExchangeRecord&)> on_exchange;
  std::function<void(std::size_t open)> on_connections;  // io thread: their number changed
  std::function<void()> on_drain;                        // io thread: it begins
  std::function<void()> on_drain_over;                   // io thread: what runs is to end now
};

class ServerCore;

class Server {
 public:
  // Binds and listens. kUnavailable names the address and port that are taken; kInvalidArgument a
  // host that is no address.
  static Result<std::unique_ptr<Server>> open(const ServerOptions& options, Router router,
                                              AccessPolicy access, ServerHooks hooks);
  ~Server();

  std::uint16_t port() const;

  // Serves until everything is answered after drain() (true), or until stop() (false).
  bool run();
  void drain();  // any thread: no new connections, running requests are finished
  void stop();   // any thread: everything is cut off

 private:
  explicit Server(std::shared_ptr<ServerCore> core);
  std::shared_ptr<ServerCore> core_;
};

}  // namespace oc::http
