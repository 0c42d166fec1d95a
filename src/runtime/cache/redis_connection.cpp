#include "runtime/cache/redis_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace oc {
namespace {

using std::chrono::milliseconds;
using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

constexpr milliseconds kTick{20};            // between two questions whether to stop
constexpr std::size_t kMaxStatus = 4 << 10;  // bytes of a reply that is no value
constexpr std::size_t kHeadBytes = 64;       // of a reply beside its text

Error broken(std::string_view why) { return {ErrorCode::kUnavailable, std::string(why)}; }
Error no_answer() { return broken("no answer in time"); }
Error no_redis() { return broken("it does not speak Redis' protocol"); }

Addresses addresses_of(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    found = nullptr;
  return {found, &::freeaddrinfo};
}

// Asking for a name cannot be interrupted, so it is done on a thread that nobody waits for.
struct Naming {
  std::mutex mutex;
  std::condition_variable known;
  bool done = false;
  Addresses found{nullptr, &::freeaddrinfo};
};

Result<Addresses> resolve(const RedisAddress& address, const RedisPatience& patience) {
  if (Addresses numeric = addresses_of(address.host, address.port, AI_NUMERICHOST)) return numeric;
  const auto naming = std::make_shared<Naming>();
  std::thread([naming, host = address.host, port = address.port] {
    Addresses found = addresses_of(host, port, 0);
    const std::lock_guard lock(naming->mutex);
    naming->found = std::move(found);
    naming->done = true;
    naming->known.notify_all();
  }).detach();
  const auto end = std::chrono::steady_clock::now() + patience.resolving;
  std::unique_lock lock(naming->mutex);
  while (!naming->done) {
    if (std::chrono::steady_clock::now() >= end || (patience.stop && patience.stop()))
      return broken("its name is not answered for in time");
    naming->known.wait_for(lock, kTick);
  }
  if (naming->found == nullptr) return broken("its name is not known");
  return std::move(naming->found);
}

bool prepare(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
         ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

RedisConnection::RedisConnection(RedisPatience patience)
    : patience_(std::move(patience)), reader_(redisReaderCreate()) {}

RedisConnection::~RedisConnection() {
  if (fd_ >= 0) ::close(fd_);
  if (reader_ != nullptr) redisReaderFree(reader_);
}

Result<std::unique_ptr<RedisConnection>> RedisConnection::open(const RedisAddress& address,
                                                               RedisPatience patience) {
  const RedisPatience then = patience;
  patience.silence = patience.whole = patience.connecting;
  std::unique_ptr<RedisConnection> connection(new RedisConnection(std::move(patience)));
  if (connection->reader_ == nullptr) return broken("out of memory");
  OC_RETURN_IF_ERROR(connection->connect(address));
  const auto tell = [&](std::initializer_list<std::string_view> words) -> Result<void> {
    const auto said = connection->ask(words, kMaxStatus);
    return said.ok() ? Result<void>() : said.error();
  };
  if (!address.user.empty())
    OC_RETURN_IF_ERROR(tell({"AUTH", address.user, address.password}));
  else if (!address.password.empty())
    OC_RETURN_IF_ERROR(tell({"AUTH", address.password}));
  if (address.database != 0) OC_RETURN_IF_ERROR(tell({"SELECT", std::to_string(address.database)}));
  OC_RETURN_IF_ERROR(connection->ping());
  connection->patience_ = then;
  return connection;
}

Result<void> RedisConnection::connect(const RedisAddress& address) {
  OC_ASSIGN_OR_RETURN(const Addresses found, resolve(address, patience_));
  Error last = broken("it has no address");
  for (const addrinfo* one = found.get(); one != nullptr; one = one->ai_next) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = ::socket(one->ai_family, one->ai_socktype, one->ai_protocol);
    if (fd_ < 0 || !prepare(fd_)) {
      last = broken(std::strerror(errno));
      continue;
    }
    if (::connect(fd_, one->ai_addr, one->ai_addrlen) == 0) return {};
    if (errno != EINPROGRESS && errno != EINTR) {
      last = broken(std::strerror(errno));
      continue;
    }
    if (const Result<void> ready = wait(POLLOUT, Clock::now() + patience_.connecting);
        !ready.ok()) {
      last = ready.error();
      if (patience_.stop && patience_.stop()) return last;
      continue;
    }
    int failure = 0;
    socklen_t size = sizeof failure;
    if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0) return {};
    last = broken(std::strerror(failure));
  }
  return last;
}

// Until the socket is ready for one of `events`, or the silence or the command has lasted too long.
Result<void> RedisConnection::wait(short events, Clock::time_point end) const {
  end = std::min(end, Clock::now() + patience_.silence);
  while (true) {
    if (patience_.stop && patience_.stop()) return broken("stopped");
    pollfd one{fd_, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(kTick.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return broken(std::strerror(errno));
    if (Clock::now() >= end) return no_answer();
  }
}

Result<void> RedisConnection::send(std::string_view bytes, Clock::time_point end) {
  while (!bytes.empty()) {
    // The thread that speaks to the server has SIGPIPE blocked.
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (count < 0 && !would_block()) return broken(std::strerror(errno));
    if (Clock::now() >= end) return no_answer();
    OC_RETURN_IF_ERROR(wait(POLLOUT, end));
  }
  return {};
}

// One reply. Only what a value, a status or a number begins with is looked at: a list could ask
// for memory without sending anything.
Result<std::string> RedisConnection::receive(std::size_t max_bytes, Clock::time_point end) {
  std::size_t bytes = 0;
  std::array<char, 16 << 10> buffer;
  while (true) {
    const ssize_t count = ::read(fd_, buffer.data(), buffer.size());
    if (count == 0) return broken("the server closed the connection");
    if (count < 0) {
      if (!would_block()) return broken(std::strerror(errno));
      OC_RETURN_IF_ERROR(wait(POLLIN, end));
      continue;
    }
    const auto size = static_cast<std::size_t>(count);
    if (bytes == 0 && std::string_view("$+-:").find(buffer[0]) == std::string_view::npos)
      return no_redis();
    bytes += size;
    received_ += size;
    if (bytes > max_bytes + kHeadBytes) return broken("it sends more than was asked for");
    void* raw = nullptr;
    if (redisReaderFeed(reader_, buffer.data(), size) != REDIS_OK ||
        redisReaderGetReply(reader_, &raw) != REDIS_OK)
      return no_redis();
    if (raw == nullptr) {
      if (Clock::now() >= end) return no_answer();
      continue;
    }
    const std::unique_ptr<redisReply, void (*)(void*)> reply(static_cast<redisReply*>(raw),
                                                             freeReplyObject);
    if (reader_->len != reader_->pos) return broken("it says what nobody asked for");
    std::string text =
        reply->str == nullptr ? std::string() : std::string(reply->str, std::size_t(reply->len));
    if (text.size() > max_bytes) return broken("it sends more than was asked for");
    if (reply->type != REDIS_REPLY_ERROR) return text;
    constexpr std::size_t kShown = 200;
    return Error{ErrorCode::kUnsupported, text.substr(0, kShown)};
  }
}

Result<std::string> RedisConnection::ask(std::initializer_list<std::string_view> words,
                                         std::size_t max_bytes) {
  char early = 0;
  const ssize_t before = ::read(fd_, &early, 1);
  if (before > 0) return broken("it says what nobody asked for");
  if (before == 0) return broken("the server closed the connection");
  if (!would_block()) return broken(std::strerror(errno));
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* command = nullptr;
  const auto size =
      redisFormatCommandArgv(&command, static_cast<int>(texts.size()), texts.data(), sizes.data());
  const std::unique_ptr<char, void (*)(char*)> owner(command, redisFreeCommand);
  if (command == nullptr || size <= 0) return broken("out of memory");
  const auto end = Clock::now() + patience_.whole;
  OC_RETURN_IF_ERROR(send({command, static_cast<std::size_t>(size)}, end));
  return receive(max_bytes, end);
}

Result<void> RedisConnection::ping() {
  OC_ASSIGN_OR_RETURN(const std::string said, ask({"PING"}, kMaxStatus));
  if (said != "PONG") return no_redis();
  return {};
}

Result<std::string> RedisConnection::get(const std::string& key, std::size_t max_bytes) {
  // Not GET: a value of any size may lie there.
  return ask({"GETRANGE", key, "0", std::to_string(max_bytes - 1)},
             std::max(max_bytes, kMaxStatus));
}

Result<void> RedisConnection::set(const std::string& key, const std::string& value,
                                  std::chrono::seconds age) {
  OC_ASSIGN_OR_RETURN(const std::string said,
                      ask({"SET", key, value, "EX", std::to_string(age.count())}, kMaxStatus));
  if (said != "OK") return no_redis();
  return {};
}

}  // namespace oc
