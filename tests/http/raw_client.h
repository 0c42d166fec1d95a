// A blocking socket that says exactly what a test wants it to say, and a server on a free port.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "http/server.h"

namespace oc::http {

class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0) : RawClient(receive_buffer) {
    connect(port);
  }
  // Has its descriptor, and no connection yet.
  explicit RawClient(int receive_buffer = 0) {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    if (receive_buffer > 0)
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    // Far above anything that a test waits for: only a bug runs into it.
    timeval timeout{.tv_sec = 120, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  }
  void connect(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    connected_ =
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  // Closes without a word of goodbye.
  void abort() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void end_of_sending() { ::shutdown(socket_, SHUT_WR); }

  // False when the other side does not take it any more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Up to and including `end`; what was received so far if the connection ends first.
  std::string read_until(std::string_view end) {
    while (buffer_.find(end) == std::string::npos)
      if (!read_more()) return std::exchange(buffer_, {});
    const std::size_t size = buffer_.find(end) + end.size();
    std::string out = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return out;
  }
  std::string read_all() {
    while (read_more()) {
    }
    return std::exchange(buffer_, {});
  }
  // A head and a body of Content-Length bytes.
  std::string read_response() {
    std::string out = read_until("\r\n\r\n");
    const std::size_t at = out.find("Content-Length: ");
    if (at == std::string::npos) return out;
    const std::size_t length = std::stoul(out.substr(at + 16));
    while (buffer_.size() < length)
      if (!read_more()) break;
    out += buffer_.substr(0, length);
    buffer_.erase(0, length);
    return out;
  }
  // Whether the other side has closed it by now; what has been received before counts as open.
  bool is_closed() const {
    char byte = 0;
    const auto count = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  }
  bool has_bytes() const {
    char byte = 0;
    return !buffer_.empty() || ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  }
  bool at_end() {  // no more bytes will come
    return buffer_.empty() && !read_more();
  }

 private:
  bool read_more() {
    char chunk[16384];
    const auto count = ::recv(socket_, chunk, sizeof chunk, 0);
    if (count <= 0) return false;
    buffer_.append(chunk, static_cast<std::size_t>(count));
    return true;
  }

  int socket_ = -1;
  bool connected_ = false;
  std::string buffer_;
};

// Runs until the end of the test.
class TestServer {
 public:
  TestServer(ServerOptions options, Router router, AccessPolicy access, ServerHooks hooks) {
    options.port = 0;
    if (!options.memory) options.memory = std::make_shared<MemoryBudget>(64u << 20);
    auto server = Server::open(options, std::move(router), std::move(access), std::move(hooks));
    if (!server.ok()) throw std::runtime_error(server.error().describe());
    server_ = std::move(*server);
    thread_ = std::thread([this] { drained_ = server_->run(); });
  }
  ~TestServer() {
    server_->stop();
    join();
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  std::uint16_t port() const { return server_->port(); }
  Server& server() { return *server_; }
  bool drained() const { return drained_; }  // after join()

 private:
  std::unique_ptr<Server> server_;
  std::thread thread_;
  bool drained_ = false;
};

inline int status_of(std::string_view response) {
  return response.size() > 12 ? std::stoi(std::string(response.substr(9, 3))) : 0;
}
inline std::string body_of(const std::string& response) {
  const std::size_t end = response.find("\r\n\r\n");
  return end == std::string::npos ? "" : response.substr(end + 4);
}
inline bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace oc::http
