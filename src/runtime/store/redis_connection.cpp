#include "runtime/store/redis_connection.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace oc {
namespace {

timeval seconds_of(std::chrono::milliseconds time) {
  return {.tv_sec = static_cast<time_t>(time.count() / 1000),
          .tv_usec = static_cast<suseconds_t>(time.count() % 1000 * 1000)};
}

Error broken(std::string_view why) { return {ErrorCode::kUnavailable, std::string(why)}; }

std::string text_of(const redisReply& reply) {
  return reply.str == nullptr ? std::string() : std::string(reply.str, reply.len);
}

}  // namespace

Result<std::unique_ptr<RedisConnection>> RedisConnection::open(const RedisAddress& address,
                                                               std::chrono::milliseconds connecting,
                                                               std::chrono::milliseconds each) {
  redisContext* const context =
      redisConnectWithTimeout(address.host.c_str(), address.port, seconds_of(connecting));
  if (context == nullptr) return broken("out of memory");
  std::unique_ptr<RedisConnection> connection(new RedisConnection(context));
  if (context->err != 0) return broken(context->errstr);
  if (redisSetTimeout(context, seconds_of(connecting)) != REDIS_OK) return broken("no timeouts");
  if (!address.user.empty())
    OC_RETURN_IF_ERROR(connection->ask({"AUTH", address.user, address.password}));
  else if (!address.password.empty())
    OC_RETURN_IF_ERROR(connection->ask({"AUTH", address.password}));
  if (address.database != 0)
    OC_RETURN_IF_ERROR(connection->ask({"SELECT", std::to_string(address.database)}));
  OC_RETURN_IF_ERROR(connection->ping());
  if (redisSetTimeout(context, seconds_of(each)) != REDIS_OK) return broken("no timeouts");
  return connection;
}

RedisConnection::~RedisConnection() { redisFree(context_); }

Result<std::string> RedisConnection::ask(std::initializer_list<std::string_view> words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  const std::unique_ptr<redisReply, void (*)(void*)> reply(
      static_cast<redisReply*>(
          redisCommandArgv(context_, static_cast<int>(texts.size()), texts.data(), sizes.data())),
      freeReplyObject);
  if (reply == nullptr) return broken(reason());
  if (reply->type == REDIS_REPLY_ERROR) return Error{ErrorCode::kUnsupported, text_of(*reply)};
  return text_of(*reply);
}

std::string RedisConnection::reason() const {
  if (context_->err == REDIS_ERR_EOF) return "the server closed the connection";
  if (context_->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK))
    return "no answer in time";
  return context_->errstr;
}

Result<void> RedisConnection::ping() {
  OC_ASSIGN_OR_RETURN(const std::string said, ask({"PING"}));
  if (said != "PONG") return broken("it does not speak Redis' protocol");
  return {};
}

Result<std::string> RedisConnection::get(const std::string& key, std::size_t most) {
  // Not GET: a value of any size may lie there.
  return ask({"GETRANGE", key, "0", std::to_string(most - 1)});
}

Result<void> RedisConnection::set(const std::string& key, const std::string& value,
                                  std::chrono::seconds age) {
  OC_ASSIGN_OR_RETURN(const std::string said,
                      ask({"SET", key, value, "EX", std::to_string(age.count())}));
  if (said != "OK") return broken("it does not speak Redis' protocol");
  return {};
}

}  // namespace oc
