// A server on this machine that says the same to everybody, or what a test says.
#pragma once

#include <poll.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/system/sockets.h"
#include "tests/listening_socket.h"

namespace oc {

class AnsweringServer {
 public:
  // Of the request's head. What stands behind "..." is said again and again, until the client has
  // gone; where nothing does, and for "", nothing more is said.
  using Answer = std::function<std::string(const std::string& head)>;

  explicit AnsweringServer(Answer answer)
      : answer_(std::move(answer)), thread_([this] { run(); }) {}
  ~AnsweringServer() {
    ending_ = true;
    thread_.join();
  }
  std::uint16_t port() const { return socket_.port(); }
  std::string url(std::string_view host = "127.0.0.1") const {
    return "http://" + std::string(host) + ":" + std::to_string(port()) + "/a.png";
  }
  std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }

 private:
  bool readable(int fd) const {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, 10) > 0;
  }
  void run() {
    while (!ending_) {
      if (!readable(socket_.get())) continue;
      const int fd = ::accept(socket_.get(), nullptr, nullptr);
      if (fd >= 0) serve(fd);
      ::close(fd);
    }
  }
  void serve(int fd) {
    std::string head;
    char block[4096];
    while (!ending_ && head.find("\r\n\r\n") == head.npos) {
      if (!readable(fd)) continue;
      const ssize_t count = ::recv(fd, block, sizeof block, 0);
      if (count <= 0) return;
      head.append(block, static_cast<std::size_t>(count));
    }
    {
      const std::lock_guard lock(mutex_);
      heads_.push_back(head);
    }
    const std::string answer = answer_(head);
    const std::size_t again = answer.find("...");
    if (!send(fd, answer.substr(0, again))) return;
    if (!answer.empty() && again == answer.npos) return;
    const std::string rest = again == answer.npos ? "" : answer.substr(again + 3);
    while (!ending_) {
      if (!rest.empty() && !send(fd, rest)) return;
      if (rest.empty() && readable(fd) && ::recv(fd, block, sizeof block, 0) <= 0) return;
    }
  }
  bool send(int fd, std::string_view bytes) const {
    while (!bytes.empty() && !ending_) {
      const ssize_t sent = send_without_waiting(fd, bytes);
      if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
      if (sent < 0) {
        pollfd one{fd, POLLOUT, 0};
        ::poll(&one, 1, 10);
      } else {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      }
    }
    return true;
  }

  const Answer answer_;
  ListeningSocket socket_;
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  std::atomic<bool> ending_{false};
  std::thread thread_;  // the last one: it uses the others
};

}  // namespace oc
