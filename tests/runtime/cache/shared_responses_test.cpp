// The shared cache against a server that does what a test tells it; the real one is asked in
// tests/e2e/test_faults.py.
#include "runtime/cache/shared_responses.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <map>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/cache/response_cache.h"
#include "runtime/cache/response_codec.h"
#include "runtime/serving/service.h"
#include "tests/listening_socket.h"
#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

using std::chrono::milliseconds;

TEST(RedisAddress, AsPeopleWriteIt) {
  const auto plain = parse_redis_address("redis://cache.example");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->shown(), "cache.example:6379/0");
  const auto full = parse_redis_address("redis://ann:s%40cret@[::1]:7000/3");
  ASSERT_TRUE(full.ok()) << full.error().message;
  EXPECT_EQ(full->host, "::1");
  EXPECT_EQ(full->port, 7000);
  EXPECT_EQ(full->user, "ann");
  EXPECT_EQ(full->password, "s@cret");
  EXPECT_EQ(full->database, 3);
  EXPECT_EQ(full->shown(), "[::1]:7000/3");
  const auto password = parse_redis_address("redis://:pw@localhost/");
  ASSERT_TRUE(password.ok());
  EXPECT_EQ(password->user, "");
  EXPECT_EQ(password->password, "pw");
  for (const char* wrong :
       {"", "localhost", "localhost:6379", "redis://", "http://localhost", "redis://localhost:0",
        "redis://localhost:99999", "redis://localhost/x", "redis://localhost/-1",
        "redis://localhost/1/2", "redis://localhost/1?timeout=3", "redis://user@localhost",
        "redis://a b"})
    EXPECT_FALSE(parse_redis_address(wrong).ok()) << wrong;
  const auto tls = parse_redis_address("rediss://ann:secret@localhost");
  ASSERT_FALSE(tls.ok());
  EXPECT_NE(tls.error().message.find("TLS"), std::string::npos);
  EXPECT_EQ(tls.error().message.find("secret"), std::string::npos);
}

// One connection after the other; each command gets what `answer` says, nothing where that is
// empty ("" closes nothing: the client waits).
class FakeRedis {
 public:
  using Words = std::vector<std::string>;

  FakeRedis() {
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeRedis() {
    ending_ = true;
    thread_.join();
  }

  RedisAddress address() const { return {.host = "127.0.0.1", .port = listener_.port()}; }
  void set(const std::string& name, const std::string& value) {
    const std::lock_guard lock(mutex_);
    values_[name] = value;
  }
  std::map<std::string, std::string> values() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }
  std::atomic<bool> silent{false}, refuses_writes{false}, drops{false};
  std::atomic<int> lookups{0}, connections{0};

 private:
  bool readable(int fd) const {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, 10) > 0;
  }
  void serve() {
    while (!ending_) {
      if (!readable(listener_.get())) continue;
      const int client = ::accept(listener_.get(), nullptr, nullptr);
      ++connections;
      std::string received;
      while (!ending_ && !drops) {
        if (!readable(client)) continue;
        char buffer[4096];
        const ssize_t count = ::read(client, buffer, sizeof buffer);
        if (count <= 0) break;
        received.append(buffer, static_cast<std::size_t>(count));
        while (const auto words = command(received)) {
          const std::string reply = silent ? "" : answer(*words);
          if (::send(client, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) break;
        }
      }
      ::close(client);
    }
  }
  // Takes a whole "*N $size text …" from the front.
  static std::optional<Words> command(std::string& bytes) {
    std::size_t at = 0;
    const auto number = [&](char mark) -> std::optional<std::size_t> {
      const std::size_t end = bytes.find("\r\n", at);
      if (end == std::string::npos) return std::nullopt;
      EXPECT_EQ(bytes[at], mark);
      const std::size_t value = std::stoul(bytes.substr(at + 1, end - at - 1));
      at = end + 2;
      return value;
    };
    const auto count = number('*');
    if (!count) return std::nullopt;
    Words words;
    for (std::size_t i = 0; i < *count; ++i) {
      const auto size = number('$');
      if (!size || bytes.size() < at + *size + 2) return std::nullopt;
      words.push_back(bytes.substr(at, *size));
      at += *size + 2;
    }
    bytes.erase(0, at);
    return words;
  }
  std::string answer(const Words& words) {
    const std::lock_guard lock(mutex_);
    if (words[0] == "PING") return "+PONG\r\n";
    if (words[0] == "SET") {
      if (refuses_writes) return "-OOM command not allowed\r\n";
      EXPECT_EQ(words.at(3), "EX");
      EXPECT_EQ(words.at(4), "60");
      values_[words[1]] = words[2];
      return "+OK\r\n";
    }
    EXPECT_EQ(words[0], "GETRANGE");
    ++lookups;
    const std::string& value = values_[words[1]];
    return "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  }

  ListeningSocket listener_;
  std::atomic<bool> ending_{false};
  mutable std::mutex mutex_;
  std::map<std::string, std::string> values_;
  std::thread thread_;
};

template <class Condition>
bool soon(const Condition& condition) {
  for (int i = 0; i < 12'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

GenerateResult saying(std::string text) {
  GenerateResult result;
  result.text = std::move(text);
  result.prompt_tokens = 3;
  return result;
}

class SharedResponsesTest : public testing::Test {
 protected:
  void SetUp() override { log::configure(log::Level::kOff, log::Format::kText); }
  void TearDown() override { log::configure_from_environment(); }

  // Patient, so that on a busy machine nothing that comes late is taken for an outage.
  std::shared_ptr<SharedResponses> connect(milliseconds patience = milliseconds(60'000)) {
    auto shared = std::make_shared<SharedResponses>(
        SharedResponsesOptions{.address = redis_.address(),
                               .max_age = std::chrono::seconds(60),
                               .patience = patience,
                               .connecting = patience,
                               .first_pause = milliseconds(10),
                               .longest_pause = milliseconds(50),
                               .idle = milliseconds(50)});
    EXPECT_TRUE(soon([&] { return shared->connected(); }));
    return shared;
  }

  FakeRedis redis_;
};

TEST_F(SharedResponsesTest, OneWritesAndAnotherReads) {
  const auto one = connect();
  EXPECT_FALSE(one->find("key").has_value());
  one->insert("key", saying("hello"));
  one->flush();
  one->insert("big", saying(std::string(5 << 20, 'x')));  // not worth it
  one->flush();
  EXPECT_TRUE(one->find("key").has_value());
  EXPECT_FALSE(one->find("big").has_value());
  EXPECT_EQ(redis_.values().size(), 2u) << "key, and big as an empty value of the fake";
  EXPECT_EQ(one->stats().hits, 1u);
  EXPECT_EQ(one->stats().misses, 2u);
}

TEST_F(SharedResponsesTest, AValueThatIsNotRightIsAMiss) {
  const auto shared = connect();
  shared->insert("key", saying("hello"));
  shared->insert("other", saying("other"));
  shared->flush();
  const auto good = redis_.values();
  ASSERT_EQ(good.size(), 2u);
  const auto find_with = [&](const std::string& value) {
    for (const auto& [name, old] : good) redis_.set(name, value);
    return shared->find("key").has_value() || shared->find("other").has_value();
  };
  for (const auto& [name, value] : good) {
    EXPECT_FALSE(find_with(value.substr(0, value.size() / 2)));
    EXPECT_FALSE(find_with(value + "x"));
  }
  EXPECT_FALSE(find_with("{\"text\": \"hello\"}"));
  EXPECT_EQ(shared->stats().discarded, 10u);
  // Each is right in its own place only.
  redis_.set(good.begin()->first, good.rbegin()->second);
  redis_.set(good.rbegin()->first, good.begin()->second);
  EXPECT_FALSE(shared->find("key").has_value());
  EXPECT_TRUE(shared->connected()) << "the server is not to blame";
}

TEST_F(SharedResponsesTest, AServerThatFallsSilentCostsOneWait) {
  const auto shared =
      std::make_shared<SharedResponses>(SharedResponsesOptions{.address = redis_.address(),
                                                               .max_age = std::chrono::seconds(60),
                                                               .patience = milliseconds(50),
                                                               .connecting = milliseconds(50),
                                                               .first_pause = milliseconds(10),
                                                               .longest_pause = milliseconds(50),
                                                               .idle = milliseconds(60'000)});
  ASSERT_TRUE(soon([&] { return shared->connected(); }));
  const auto outages = shared->stats().outages;
  redis_.silent = true;
  Stopwatch first;
  EXPECT_FALSE(shared->find("key").has_value());
  EXPECT_LT(first.ms(), 25'000);
  ASSERT_TRUE(soon([&] { return !shared->connected(); }));
  Stopwatch next;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(shared->find("key").has_value());
    shared->insert("key", saying("hello"));
  }
  EXPECT_LT(next.ms(), 25'000) << "a thousand lookups without waiting 50 ms each";
  EXPECT_EQ(shared->stats().outages, outages + 1);
  const int tried = redis_.connections;
  EXPECT_TRUE(soon([&] { return redis_.connections > tried + 1; })) << "it goes on trying";
  EXPECT_EQ(shared->stats().outages, outages + 1);
  redis_.silent = false;
  // 50 ms may be too little on a busy machine: then it is written and asked for again.
  EXPECT_TRUE(soon([&] {
    shared->insert("key", saying("hello"));
    shared->flush();
    return shared->find("key").has_value();
  }));
}

TEST_F(SharedResponsesTest, AnOutageIsNoticedWithoutARequest) {
  const auto shared = connect(milliseconds(300));
  redis_.silent = true;
  EXPECT_TRUE(soon([&] { return !shared->connected(); }));
  EXPECT_EQ(redis_.lookups, 0);
  redis_.silent = false;
  EXPECT_TRUE(soon([&] { return shared->connected(); }));
  redis_.drops = true;
  EXPECT_TRUE(soon([&] { return shared->stats().outages >= 2; }));
  redis_.drops = false;
  EXPECT_TRUE(soon([&] { return shared->connected(); }));
}

TEST_F(SharedResponsesTest, AServerThatTakesNothingMayStillBeRead) {
  const auto shared = connect();
  shared->insert("key", saying("hello"));
  shared->flush();
  redis_.refuses_writes = true;
  shared->insert("other", saying("other"));
  shared->flush();
  EXPECT_TRUE(shared->connected());
  EXPECT_TRUE(shared->find("key").has_value());
  EXPECT_FALSE(shared->find("other").has_value());
  EXPECT_EQ(shared->stats().outages, 0u);
}

TEST_F(SharedResponsesTest, EndingDoesNotWaitForADeadServer) {
  const Stopwatch watch;
  {
    redis_.silent = true;
    const SharedResponses shared({.address = redis_.address(), .connecting = milliseconds(60'000)});
    EXPECT_FALSE(shared.connected());
  }
  EXPECT_LT(watch.ms(), 30'000);
}

TEST_F(SharedResponsesTest, TheOwnCacheIsAskedFirst) {
  const auto shared = connect();
  ResponseCache one(1 << 20, std::chrono::seconds(60), 10, shared);
  ResponseCache two(1 << 20, std::chrono::seconds(60), 10, shared);
  ResponseCache none(0, std::chrono::seconds(60), 10, shared);
  EXPECT_TRUE(none.enabled());
  one.insert("key", saying("hello"));
  shared->flush();
  EXPECT_EQ(one.find("key")->text, "hello");
  EXPECT_EQ(redis_.lookups, 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(two.find("key")->text, "hello");
  EXPECT_EQ(redis_.lookups, 1) << "then it is its own";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(none.find("key")->text, "hello");
  EXPECT_EQ(redis_.lookups, 4);
}

// The age of an answer does not begin anew with each instance that reads it.
TEST_F(SharedResponsesTest, AnOldAnswerStaysOld) {
  const auto shared = connect();
  shared->insert("key", saying("hello"));
  shared->flush();
  const std::string name = redis_.values().begin()->first;
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  redis_.set(name, seal_answer("key", saying("old"), now - 70));
  ResponseCache cache(1 << 20, std::chrono::seconds(60), 10, shared);
  EXPECT_FALSE(cache.find("key").has_value());
  redis_.set(name, seal_answer("key", saying("fresh"), now - 10));
  EXPECT_EQ(cache.find("key")->text, "fresh");
  redis_.set(name, seal_answer("key", saying("of the future"), now + 1000));
  ResponseCache other(1 << 20, std::chrono::seconds(60), 10, shared);
  EXPECT_EQ(other.find("key")->text, "of the future");
}

// --- through the service

TEST_F(SharedResponsesTest, AnotherInstanceAnswersWithoutAStep) {
  const auto shared = connect();
  const auto serve = [&](const std::string& fingerprint) {
    auto model = fake::FakeModel::answering({100, 101, fake::kEnd});
    model->mutable_info().fingerprint = fingerprint;
    auto loaded = std::make_shared<LoadedModel>();
    loaded->model = std::move(model);
    return std::make_unique<Service>(
        std::move(loaded),
        ServiceOptions{.response_cache_bytes = 1 << 20, .shared_responses = shared});
  };
  const auto ask = [&](Service& service, const std::string& owner = "", bool anew = false) {
    GenerateRequest request;
    request.cache_scope = owner;
    request.compute_anew = anew;
    request.messages = {{Role::kUser, {TextPart{"hello"}}}};
    auto promise = std::make_shared<std::promise<Result<GenerateResult>>>();
    auto future = promise->get_future();
    EXPECT_TRUE(service
                    .submit(std::move(request), nullptr,
                            [promise](auto result) { promise->set_value(std::move(result)); })
                    .ok());
    Result<GenerateResult> result = future.get();
    EXPECT_TRUE(result.ok());
    shared->flush();
    return *std::move(result);
  };
  const auto one = serve("a"), two = serve("a"), other = serve("b");
  const GenerateResult first = ask(*one);
  EXPECT_FALSE(first.cached);
  const GenerateResult second = ask(*two);
  EXPECT_TRUE(second.cached);
  EXPECT_EQ(second.text, first.text);
  EXPECT_EQ(second.completion_tokens, first.completion_tokens);
  EXPECT_FALSE(ask(*two, "somebody else").cached);
  EXPECT_FALSE(ask(*two, "", true).cached) << "a warm-up computes";
  EXPECT_FALSE(ask(*other).cached) << "another model";
}

// Redis knows the key: it can write a value that is right in itself and no answer to the request.
TEST_F(SharedResponsesTest, AnotherNumberOfAnswersThanAskedForIsAMiss) {
  const auto shared = connect();
  auto model = fake::FakeModel::answering({100, 101, fake::kEnd});
  auto loaded = std::make_shared<LoadedModel>();
  loaded->model = std::move(model);
  Service service(std::move(loaded),
                  ServiceOptions{.response_cache_bytes = 0, .shared_responses = shared});
  const auto ask = [&] {
    GenerateRequest request;
    request.n = 2;
    request.messages = {{Role::kUser, {TextPart{"hello"}}}};
    auto promise = std::make_shared<std::promise<Result<GenerateResult>>>();
    EXPECT_TRUE(service
                    .submit(std::move(request), nullptr,
                            [promise](auto result) { promise->set_value(std::move(result)); })
                    .ok());
    Result<GenerateResult> result = promise->get_future().get();
    shared->flush();
    return *std::move(result);
  };
  EXPECT_FALSE(ask().cached);
  ASSERT_TRUE(ask().cached);
  const auto [name, value] = *redis_.values().begin();
  std::string key;
  for (std::size_t i = name.rfind(':') + 1; i + 1 < name.size(); i += 2)
    key += static_cast<char>(std::stoi(name.substr(i, 2), nullptr, 16));
  const auto stored = open_answer(key, value);
  ASSERT_TRUE(stored.ok());
  for (const std::size_t more : {0, 2, 7}) {
    GenerateResult lie = stored->result;
    lie.more.resize(more, stored->result.more.front());
    redis_.set(name, seal_answer(key, lie, stored->created));
    const auto discarded = shared->stats().discarded;
    const GenerateResult got = ask();
    EXPECT_FALSE(got.cached) << more;
    EXPECT_EQ(got.more.size(), 1u);
    EXPECT_EQ(shared->stats().discarded, discarded + 1);
  }
  EXPECT_TRUE(ask().cached) << "written anew";
}

}  // namespace
}  // namespace oc
