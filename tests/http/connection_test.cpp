// Who keeps a connection's place, and a body's memory, when there is not enough for all.
#include "http/connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <vector>

#include "tests/http/packed.h"
#include "tests/http/raw_client.h"

namespace oc::http {
namespace {

using namespace std::chrono_literals;
using Client = std::unique_ptr<RawClient>;

constexpr std::string_view kGet = "GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n";
const std::string kKeyed =
    "GET /closed HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key\r\n\r\n";

std::string post(const std::string& body, const std::string& headers = "") {
  return "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct ConnectionTest : testing::Test {
  ServerOptions options;
  std::vector<std::string> keys;
  std::atomic<std::size_t> connections{0}, handled{0};
  std::promise<void> disk_goes_on;
  std::shared_future<void> disk{disk_goes_on.get_future()};
  std::unique_ptr<TestServer> server;

  void start() {
    if (!options.memory) options.memory = std::make_shared<MemoryBudget>(1'000'000);
    Router router;
    const auto ok = [](RequestPtr, ResponderPtr out) { out->respond(json_response("ok")); };
    router.add({.method = "GET", .path = "/open", .handler = ok, .open = true});
    router.add({.method = "GET", .path = "/closed", .handler = ok});
    router.add({.method = "GET",
                .path = "/disk",
                .handler =
                    [this](RequestPtr, ResponderPtr out) {
                      disk.wait();
                      out->respond(json_response("read"));
                    },
                .disk = true});
    router.add({.method = "POST",
                .path = "/echo",
                .handler =
                    [this](RequestPtr in, ResponderPtr out) {
                      ++handled;
                      out->respond(json_response(in->body));
                    },
                .json = true});
    ServerHooks hooks;
    hooks.model_ready = [] { return std::nullopt; };
    hooks.on_connections = [this](std::size_t open) { connections = open; };
    server =
        std::make_unique<TestServer>(options, std::move(router), AccessPolicy(keys, {}), hooks);
  }
  Client client(std::string_view wire = "") {
    auto out = std::make_unique<RawClient>(server->port());
    if (!wire.empty()) out->send(wire);
    return out;
  }
  std::vector<Client> clients(int count, std::string_view wire = "") {
    std::vector<Client> out;
    for (int i = 0; i < count; ++i) out.push_back(client(wire));
    return out;
  }
  std::string ask(std::string_view wire) { return client(wire)->read_response(); }
  // The server has seen what the clients have sent.
  void wait_for(const std::function<bool()>& what) {
    for (int i = 0; i < 60'000 && !what(); ++i) std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(what());
  }
  // How many of them the server has closed.
  static int closed(const std::vector<Client>& all) {
    return static_cast<int>(
        std::ranges::count_if(all, [](const Client& one) { return one->is_closed(); }));
  }
};

TEST_F(ConnectionTest, HalfSentHeadersAreTheFirstToGo) {
  keys = {"key"};
  options.limits.max_connections = 8;
  start();
  const auto known = clients(3, kKeyed);
  for (const Client& one : known) EXPECT_EQ(status_of(one->read_response()), 200);
  const auto half = clients(5, "POST /echo HTTP/1.1\r\nHost: localh");
  wait_for([&] { return connections == 8; });
  // Later than those who have shown a key, and yet they go first; one for each that comes.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(ask(kKeyed)), 200);
  for (const Client& one : known) {
    one->send(kKeyed);
    EXPECT_EQ(status_of(one->read_response()), 200);
  }
  EXPECT_EQ(status_of(ask(kKeyed)), 200);
}

TEST_F(ConnectionTest, AThousandHalfSentHeadersLockNobodyOut) {
  for (const bool with_keys : {false, true}) {
    keys = with_keys ? std::vector<std::string>{"key"} : std::vector<std::string>{};
    options.limits.max_connections = 64;
    start();
    std::vector<Client> half;
    for (int i = 0; i < 200; ++i) {
      half.push_back(client("POST /echo HTTP/1.1\r\nHost: localh"));
      if (i % 10 == 0) {
        EXPECT_EQ(status_of(ask(kKeyed)), 200) << i;
      }
    }
    EXPECT_LE(connections, 64u + 8u);
    server.reset();
  }
}

TEST_F(ConnectionTest, AKeyThatIsWrongProvesNothing) {
  keys = {"key"};
  options.limits.max_connections = 4;
  start();
  const auto known = client(kKeyed);
  EXPECT_EQ(status_of(known->read_response()), 200);
  // Idle as the other one, and later: but with an open route, or a wrong key.
  const auto others = clients(2, kGet);
  for (const Client& one : others) EXPECT_EQ(status_of(one->read_response()), 200);
  const auto wrong =
      client("GET /closed HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n");
  EXPECT_EQ(status_of(wrong->read_response()), 401);
  const auto more = clients(3, kGet);
  for (const Client& one : more) EXPECT_EQ(status_of(one->read_response()), 200);
  EXPECT_EQ(closed(others), 2);
  EXPECT_TRUE(wrong->is_closed());
  known->send(kKeyed);
  EXPECT_EQ(status_of(known->read_response()), 200);
}

TEST_F(ConnectionTest, BodiesThatStandStillKeepNobodyOut) {
  options.limits.max_connections = 8;
  options.limits.body.grace = 5s;
  start();
  const auto silent = clients(8, post("123456").substr(0, post("123456").size() - 1));
  wait_for([&] { return connections == 8; });
  std::this_thread::sleep_for(600ms);  // a tenth of the grace, and they are slow
  for (int i = 0; i < 4; ++i) EXPECT_EQ(status_of(ask(kGet)), 200);
  EXPECT_GE(std::ranges::count_if(
                silent, [](const Client& one) { return one->is_closed() || one->has_bytes(); }),
            1);
}

TEST_F(ConnectionTest, RefusedOnesThatLingerKeepNobodyOut) {
  options.limits.max_connections = 8;
  start();
  const auto refused = clients(8, "NONSENSE\r\n\r\n");
  for (const Client& one : refused) EXPECT_EQ(status_of(one->read_response()), 400);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(status_of(ask(kGet)), 200);
}

TEST_F(ConnectionTest, EmptyLinesKeepAConnectionIdle) {
  options.limits.header = 50ms;
  options.limits.idle = 1h;
  start();
  const auto polite = client(std::string(kGet) + "\r\n");  // as old clients do behind a body
  EXPECT_EQ(status_of(polite->read_response()), 200);
  std::this_thread::sleep_for(150ms);
  polite->send("\r\n");
  polite->send(kGet);
  EXPECT_EQ(status_of(polite->read_response()), 200);
}

TEST_F(ConnectionTest, NothingIsSaidToOneThatIsIdle) {
  options.limits.header = 50ms;
  options.limits.idle = 200ms;
  start();
  for (const char* const nothing : {"", "\r\n"}) {
    const auto idle = client(nothing);
    EXPECT_EQ(idle->read_all(), "");
    EXPECT_TRUE(idle->is_closed());
  }
}

TEST_F(ConnectionTest, SilentBodiesDoNotHoldTheBudget) {
  options.limits.body.grace = 5s;
  start();
  // Sixteen that send all but the last byte: together they would hold all of the megabyte.
  const std::string wire = post(std::string(62'000, 'x'));
  const auto silent = clients(16, wire.substr(0, wire.size() - 1));
  wait_for([&] { return options.memory->used() > 400'000; });
  std::size_t peak = 0;
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < 700ms) {
    peak = std::max(peak, options.memory->used());
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_LE(peak, 750'000u);  // half, and the beginnings of those that wait
  // They are late by now, so bodies that come find room, and are answered.
  for (int i = 0; i < 8; ++i) EXPECT_EQ(status_of(ask(wire)), 200) << i;
  EXPECT_EQ(handled, 8u);
  // In the end all of them have been told to go, and nothing is held.
  int late = 0, full = 0;
  for (const Client& one : silent) {
    const int status = status_of(one->read_response());
    late += status == 408;
    full += status == 429;
  }
  EXPECT_EQ(late + full, 16);
  EXPECT_GE(full, 8);
  wait_for([&] { return options.memory->used() == 0; });
}

TEST_F(ConnectionTest, ABurstEarnsNoSilence) {
  // 400,000 bytes at 1 KiB/s would have bought more than the client waits.
  options.limits.body = {.grace = 200ms, .bytes_per_s = 1u << 10};
  start();
  const std::string wire = post(std::string(400'000, 'x'));
  const auto silent = client(wire.substr(0, wire.size() - 1));
  EXPECT_EQ(status_of(silent->read_response()), 408);
  EXPECT_EQ(options.memory->used(), 0u);  // not held while it lingers
}

TEST_F(ConnectionTest, ASlowClientThatIsSteadyGetsItsAnswer) {
  // Each piece earns the grace anew: however long all of them take, no pause may be longer.
  constexpr auto kGrace = 1000ms;
  options.limits.body = {.grace = kGrace, .bytes_per_s = 100};
  start();
  const std::string body(20'000, 'x');
  const std::string wire = post(body);
  std::string answer;
  // Once more where the machine made it pause for longer than a client that is steady.
  bool steady = false;
  for (int tries = 0; tries < 100 && !steady; ++tries) {
    steady = true;
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    auto last = begin;
    const auto phone = client();
    const auto send = [&](std::string_view piece) {
      phone->send(piece);
      const auto now = Clock::now();
      steady = steady && now - last < kGrace / 2;
      last = now;
    };
    std::size_t at = 0;
    for (; last - begin < 2 * kGrace; at += 400) {
      send(std::string_view(wire).substr(at, 400));
      std::this_thread::sleep_for(60ms);
    }
    send(std::string_view(wire).substr(at));
    answer = phone->read_response();
  }
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(body_of(answer), body);
}

TEST_F(ConnectionTest, ARefusedBodyHoldsNothingWhileItLingers) {
  options.limits.message.max_body_bytes = 300'000;
  start();
  const auto too_long = client(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
      "application/json\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n" +
      std::string(200'000, 'x') + "\r\n30d40\r\n");
  EXPECT_EQ(status_of(too_long->read_response()), 413);
  EXPECT_EQ(options.memory->used(), 0u);
  EXPECT_EQ(connections, 1u);
}

TEST_F(ConnectionTest, PackedBodies) {
  start();
  const std::string body(100'000, 'x');
  const std::string gzip = packed(body), zlib = packed(body, 15);
  EXPECT_EQ(body_of(ask(post(gzip, "Content-Encoding: gzip\r\n"))), body);
  EXPECT_EQ(body_of(ask(post(zlib, "Content-Encoding: deflate\r\n"))), body);
  EXPECT_EQ(body_of(ask(post("{}", "Content-Encoding: identity\r\n"))), "{}");
  EXPECT_EQ(status_of(ask(post(gzip.substr(0, 50), "Content-Encoding: gzip\r\n"))), 400);
  wait_for([&] { return options.memory->used() == 0; });
}

TEST_F(ConnectionTest, UnknownPackingIsRefusedBeforeTheBody) {
  start();
  const std::string answer =
      ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
          "Content-Encoding: br\r\nContent-Length: 600000\r\n\r\n");
  EXPECT_EQ(status_of(answer), 415);
  EXPECT_TRUE(has(answer, "Content-Encoding: br is not understood"));
  EXPECT_TRUE(has(answer, "\r\nAccept-Encoding: gzip, deflate\r\n"));
}

TEST_F(ConnectionTest, ConnectIsAMethodThatNothingKnows) {
  keys = {"key"};  // it is the method that is wrong, not the host or the key
  start();
  const auto proxying = client("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n");
  const std::string answer = proxying->read_all();
  EXPECT_EQ(status_of(answer), 405);
  EXPECT_TRUE(has(answer, "\r\nAllow: GET, HEAD, POST, OPTIONS\r\n")) << answer;
}

TEST_F(ConnectionTest, TargetsWithoutAPath) {
  start();
  EXPECT_EQ(status_of(ask("GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n")), 404);
  const std::string all = ask("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status_of(all), 204);
  EXPECT_EQ(status_of(ask("OPTIONS http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n")), 204);
}

TEST_F(ConnectionTest, ASlowDiskHoldsUpOnlyThoseThatReadIt) {
  start();
  const auto reading = clients(4, "GET /disk HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status_of(ask(kGet)), 200);  // the io thread's
  EXPECT_EQ(body_of(ask(post(packed("{}"), "Content-Encoding: gzip\r\n"))), "{}");  // a worker's
  EXPECT_FALSE(reading[0]->is_closed());
  disk_goes_on.set_value();
  EXPECT_EQ(body_of(reading[0]->read_response()), "read");
}

// Sets the process's limit of descriptors so that `left` more can be opened.
struct FewDescriptors {
  explicit FewDescriptors(int left) {
    getrlimit(RLIMIT_NOFILE, &before);
    const int next = ::open("/dev/null", O_RDONLY);
    ::close(next);
    rlimit few = before;
    few.rlim_cur = static_cast<rlim_t>(next + left);
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before); }
  rlimit before{};
};

int lines_with(const std::string& text, std::string_view part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

TEST_F(ConnectionTest, WithoutDescriptorsIdleConnectionsMakeRoom) {
#ifdef OC_SANITIZED
  GTEST_SKIP() << "a sanitizer opens pipes of its own, and ends where it cannot";
#endif
  start();
  const auto idle = clients(6, kGet);
  for (const Client& one : idle) EXPECT_EQ(status_of(one->read_response()), 200);
  std::vector<Client> late;
  for (int i = 0; i < 6; ++i) late.push_back(std::make_unique<RawClient>());
  testing::internal::CaptureStderr();
  {
    const FewDescriptors none(0);
    for (const Client& one : late) {
      one->connect(server->port());
      one->send(kGet);
      EXPECT_EQ(status_of(one->read_response()), 200);
    }
  }
  // Each of the late ones took the place of one that was idle, and the log says so once.
  EXPECT_EQ(closed(idle), 6);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(lines_with(log, "event=accept"), 1) << log;
  EXPECT_TRUE(has(log, "ulimit -n"));
}

TEST_F(ConnectionTest, AcceptingGoesOnWhenDescriptorsComeBack) {
#ifdef OC_SANITIZED
  GTEST_SKIP() << "a sanitizer opens pipes of its own, and ends where it cannot";
#endif
  start();
  const auto busy = clients(2, "GET /disk HTTP/1.1\r\nHost: localhost\r\n\r\n");
  wait_for([&] { return connections == 2; });
  std::vector<Client> late;
  for (int i = 0; i < 2; ++i) late.push_back(std::make_unique<RawClient>());
  testing::internal::CaptureStderr();
  {
    const FewDescriptors none(0);
    for (const Client& one : late) {
      one->connect(server->port());
      one->send(kGet);
    }
    std::this_thread::sleep_for(350ms);  // it tries again, and fails
    EXPECT_EQ(connections, 2u);
    busy[0]->end_of_sending();
    busy[0]->abort();
    EXPECT_EQ(status_of(late[0]->read_response()), 200);  // in the place of the one that has gone
    EXPECT_EQ(status_of(late[1]->read_response()), 200);  // in that of the first, idle by now
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(lines_with(log, "event=accept"), 1) << log;
  disk_goes_on.set_value();
}

TEST_F(ConnectionTest, TheNextBodyWaitsForTheMemoryOfTheOneBefore) {
  options.memory = std::make_shared<MemoryBudget>(200'000);
  options.limits.body.grace = std::chrono::hours(1);
  start();
  ASSERT_TRUE(options.memory->take(150'000));  // by an answered request that is not quite over
  const Client next = client(post(std::string(90'000, 'x')));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(handled, 0u);
  options.memory->give_back(150'000);
  EXPECT_TRUE(next->read_response().starts_with("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace oc::http
