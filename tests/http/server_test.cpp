#include "http/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <vector>

#include "tests/http/raw_client.h"

namespace oc::http {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kGet = "GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n";

std::string post(const std::string& path, const std::string& body,
                 const std::string& headers = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
         headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Handlers for all that a connection can meet.
struct ServerTest : testing::Test {
  ServerOptions options;
  std::vector<std::string> keys;
  std::atomic<bool> ready{true};
  std::promise<ResponderPtr> held;  // the responder of the one request to /hold
  std::mutex mutex;
  std::vector<int> statuses;
  std::atomic<std::size_t> connections{0};
  std::unique_ptr<TestServer> server;

  Router routes() {
    Router router;
    router.add(
        {.method = "GET",
         .path = "/open",
         .handler = [](RequestPtr, ResponderPtr out) { out->respond(json_response("open")); },
         .open = true});
    router.add(
        {.method = "POST",
         .path = "/echo",
         .handler = [](RequestPtr in, ResponderPtr out) { out->respond(json_response(in->body)); },
         .json = true,
         .blocking = true});
    router.add({.method = "GET",
                .path = "/model",
                .handler = [](RequestPtr, ResponderPtr out) { out->respond(json_response("ok")); },
                .needs_model = true});
    router.add(
        {.method = "GET",
         .path = "/throw",
         .handler = [](RequestPtr,
                       ResponderPtr) { throw std::runtime_error("/secret/path 0x7fff12345678"); },
         .blocking = true});
    router.add({.method = "GET", .path = "/hold", .handler = [this](RequestPtr, ResponderPtr out) {
                  held.set_value(out);
                }});
    router.add({.method = "GET", .path = "/stream", .handler = [](RequestPtr, ResponderPtr out) {
                  out->offer_stream(offer());
                  out->write("one;");
                  out->write("two;");
                  out->finish();
                }});
    return router;
  }
  static StreamOffer offer() {
    StreamOffer out;
    out.head.content_type = "text/event-stream";
    out.preamble = "first;";
    out.ping = "ping;";
    out.ping_every = 20ms;
    return out;
  }

  void start() {
    ServerHooks hooks;
    hooks.model_ready = [this]() -> std::optional<ApiError> {
      if (ready) return std::nullopt;
      return refuse(Refusal::kNotReady, "loading");
    };
    hooks.on_exchange = [this](const ExchangeRecord& record) {
      const std::lock_guard lock(mutex);
      statuses.push_back(record.status);
    };
    hooks.on_connections = [this](std::size_t open) { connections = open; };
    server = std::make_unique<TestServer>(options, routes(), AccessPolicy(keys, {}), hooks);
  }
  std::string ask(std::string_view wire) {
    RawClient client(server->port());
    client.send(wire);
    return client.read_response();
  }
};

TEST_F(ServerTest, AnswersAndStaysConnected) {
  start();
  RawClient client(server->port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.send(kGet));
    const std::string response = client.read_response();
    EXPECT_EQ(status_of(response), 200);
    EXPECT_EQ(body_of(response), "open");
    EXPECT_TRUE(has(response, "\r\nx-request-id: req-"));
  }
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  RawClient client(server->port());
  client.send(post("/echo", "1") + post("/echo", "2") + std::string(kGet) + post("/echo", "3"));
  for (const char* body : {"1", "2", "open", "3"}) EXPECT_EQ(body_of(client.read_response()), body);
}

TEST_F(ServerTest, HeadHasNoBody) {
  start();
  RawClient client(server->port());
  client.send("HEAD /open HTTP/1.1\r\nHost: localhost\r\n\r\n" + std::string(kGet));
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_TRUE(has(head, "Content-Length: 4\r\n"));
  EXPECT_TRUE(client.read_until("\r\n").starts_with("HTTP/1.1 200"));  // nothing in between
}

TEST_F(ServerTest, OldClientsAreHungUpOn) {
  start();
  RawClient client(server->port());
  client.send("GET /open HTTP/1.0\r\n\r\n");
  const std::string all = client.read_all();
  EXPECT_TRUE(all.starts_with("HTTP/1.0 200"));
  EXPECT_TRUE(all.ends_with("open"));
}

TEST_F(ServerTest, ConnectionCloseIsObeyed) {
  start();
  RawClient client(server->port());
  client.send("GET /open HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(has(client.read_all(), "Connection: close\r\n"));
}

TEST_F(ServerTest, MethodsAndPaths) {
  start();
  EXPECT_EQ(status_of(ask("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")), 404);
  EXPECT_EQ(status_of(ask("DELETE /open HTTP/1.1\r\nHost: localhost\r\n\r\n")), 405);
  const std::string options_response = ask("OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status_of(options_response), 204);
  EXPECT_TRUE(has(options_response, "Allow: POST, OPTIONS\r\n"));
  EXPECT_EQ(status_of(ask("GET /open?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")), 200);
}

TEST_F(ServerTest, ChunkedBodiesAndTheNextRequest) {
  start();
  RawClient client(server->port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  client.send("3\r\ndef\r\n0\r\n\r\n" + std::string(kGet));
  EXPECT_EQ(body_of(client.read_response()), "abcdef");
  EXPECT_EQ(body_of(client.read_response()), "open");
}

TEST_F(ServerTest, LargeBodies) {
  start();
  RawClient client(server->port());
  std::string body(3 << 20, 'x');
  body += "end";
  std::thread sender([&] { client.send(post("/echo", body)); });
  const std::string response = client.read_response();
  sender.join();
  EXPECT_EQ(body_of(response), body);
}

TEST_F(ServerTest, ContinueIsSentOnceTheRequestIsWelcome) {
  start();
  RawClient client(server->port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 100 Continue"));
  client.send("abc");
  EXPECT_EQ(body_of(client.read_response()), "abc");

  RawClient unwelcome(server->port());
  unwelcome.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
      "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(status_of(unwelcome.read_response()), 415);

  EXPECT_EQ(status_of(ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
                          "Content-Type: application/json\r\nExpect: magic\r\n\r\nabc")),
            417);
}

TEST_F(ServerTest, RefusedBeforeTheBodyIsRead) {
  keys = {"key"};
  start();
  // 60 MB are announced, none of them needs to be sent to get the answer.
  const std::string announced = "Content-Length: 60000000\r\n\r\n";
  EXPECT_EQ(status_of(ask("POST /echo HTTP/1.1\r\nHost: localhost\r\n" + announced)), 401);
  EXPECT_EQ(status_of(ask("POST /echo HTTP/1.1\r\nHost: evil.com\r\n" + announced)), 403);
  EXPECT_EQ(status_of(ask("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                          "Authorization: Bearer key\r\n" +
                          announced)),
            415);
  EXPECT_EQ(status_of(ask("POST /nothing HTTP/1.1\r\nHost: localhost\r\n"
                          "Authorization: Bearer key\r\n" +
                          announced)),
            404);
  EXPECT_EQ(status_of(ask("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                          "Authorization: Bearer key\r\nOrigin: http://evil.com\r\n" +
                          announced)),
            403);
  EXPECT_EQ(status_of(ask("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                          "Authorization: Bearer key\r\nContent-Type: application/json\r\n\r\n")),
            411);
}

TEST_F(ServerTest, KeysGuardEveryRouteButTheOpenOnes) {
  keys = {"key"};
  start();
  EXPECT_EQ(status_of(ask(kGet)), 200);
  for (const char* path : {"/stream", "/hold", "/model", "/throw", "/nothing", "/"}) {
    const std::string response =
        ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(status_of(response), 401) << path;
    EXPECT_TRUE(has(response, "WWW-Authenticate: Bearer\r\n"));
  }
  EXPECT_EQ(status_of(ask("OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\n\r\n")), 401);
  EXPECT_EQ(status_of(ask("GET /stream HTTP/1.1\r\nHost: localhost\r\n"
                          "Authorization: Bearer key\r\n\r\n")),
            200);
}

TEST_F(ServerTest, NotReady) {
  ready = false;
  start();
  const std::string response = ask("GET /model HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status_of(response), 503);
  EXPECT_TRUE(has(response, "Retry-After: "));
  EXPECT_EQ(status_of(ask(kGet)), 200);
  ready = true;
  EXPECT_EQ(status_of(ask("GET /model HTTP/1.1\r\nHost: localhost\r\n\r\n")), 200);
}

TEST_F(ServerTest, RequestIds) {
  start();
  EXPECT_TRUE(has(ask("GET /open HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: my-id.1\r\n\r\n"),
                  "\r\nx-request-id: my-id.1\r\n"));
  EXPECT_TRUE(has(ask("GET /open HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a b\r\n\r\n"),
                  "\r\nx-request-id: req-"));
}

TEST_F(ServerTest, SizeLimits) {
  options.limits.message = {.max_header_bytes = 1024, .max_body_bytes = 1000};
  start();
  EXPECT_EQ(status_of(ask("GET /" + std::string(2000, 'x') + " HTTP/1.1\r\n")), 431);
  EXPECT_EQ(status_of(ask("GET /open HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(2000, 'x') +
                          "\r\n\r\n")),
            431);
  // A client that sends on without reading still gets to see why.
  RawClient client(server->port());
  std::string response;
  std::thread reader([&] { response = client.read_response(); });
  client.send(post("/echo", std::string(8 << 20, 'x')));
  reader.join();
  EXPECT_EQ(status_of(response), 413);
  EXPECT_EQ(status_of(ask("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                          "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "ffff\r\n" +
                          std::string(2000, 'x'))),
            413);
  EXPECT_EQ(status_of(ask(kGet)), 200);
}

TEST_F(ServerTest, SlowClientsAreToldAndClosed) {
  options.limits.header = 200ms;
  options.limits.body.grace = 200ms;
  start();
  RawClient header(server->port()), body(server->port());
  header.send("GET /open HTTP/1.1\r\nHost: loc");
  body.send(post("/echo", std::string(100, 'x')).substr(0, 120));
  EXPECT_EQ(status_of(header.read_all()), 408);
  EXPECT_EQ(status_of(body.read_all()), 408);
}

TEST_F(ServerTest, ExceptionsAreInternalErrors) {
  start();
  const std::string response = ask("GET /throw HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status_of(response), 500);
  EXPECT_FALSE(has(response, "secret"));
  EXPECT_FALSE(has(response, "0x7fff"));
}

TEST_F(ServerTest, GarbageGetsAnAnswerAndTheServerLivesOn) {
  start();
  EXPECT_EQ(status_of(ask("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n")), 400);
  EXPECT_EQ(status_of(ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")), 505);
  EXPECT_EQ(status_of(ask(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03zzzzz", 16))),
            400);
  EXPECT_EQ(status_of(ask("GET /open HTTP/1.1\r\n\r\n")), 400);
  EXPECT_EQ(status_of(ask(kGet)), 200);
}

TEST_F(ServerTest, Streams) {
  start();
  RawClient client(server->port());
  client.send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n" + std::string(kGet));
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_TRUE(has(head, "Transfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(has(head, "Content-Type: text/event-stream\r\n"));
  EXPECT_TRUE(has(client.read_until("\r\n0\r\n\r\n"), "first;one;two;"));
  EXPECT_EQ(body_of(client.read_response()), "open");  // the connection goes on

  RawClient old(server->port());
  old.send("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.read_all().ends_with("\r\n\r\nfirst;one;two;"));
}

TEST_F(ServerTest, SilenceIsFilledWithPings) {
  start();
  RawClient client(server->port());
  client.send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const ResponderPtr responder = held.get_future().get();
  responder->offer_stream(offer());
  EXPECT_TRUE(has(client.read_until("ping;"), "first;"));
  client.read_until("ping;");
  EXPECT_FALSE(responder->respond(json_response("too late")));
  responder->write("error;");
  responder->finish();
  EXPECT_TRUE(has(client.read_until("0\r\n\r\n"), "error;"));
}

TEST_F(ServerTest, AnOfferCanStillBecomeAnError) {
  start();
  RawClient client(server->port());
  client.send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const ResponderPtr responder = held.get_future().get();
  StreamOffer patient = offer();
  patient.ping_every = 1h;
  responder->offer_stream(patient);
  EXPECT_TRUE(responder->fail(refuse(Refusal::kBusy, "no")));
  EXPECT_EQ(status_of(client.read_response()), 429);
}

TEST_F(ServerTest, TheEndOfAClientIsNoticed) {
  start();
  RawClient client(server->port());
  // The bytes behind the request must not hide the end of the connection.
  client.send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n" + std::string(kGet));
  const ResponderPtr responder = held.get_future().get();
  std::promise<void> closed;
  responder->on_closed([&] { closed.set_value(); });
  EXPECT_FALSE(responder->closed());
  client.close();
  ASSERT_EQ(closed.get_future().wait_for(120s), std::future_status::ready);
  EXPECT_FALSE(responder->respond(json_response("nobody")));
  EXPECT_EQ(status_of(ask(kGet)), 200);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(statuses.front(), 499);
}

TEST_F(ServerTest, AReaderThatDoesNotReadIsCutOff) {
  options.limits.max_stream_backlog = 1 << 20;
  start();
  RawClient client(server->port(), 4096);
  client.send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const ResponderPtr responder = held.get_future().get();
  StreamOffer patient = offer();
  patient.ping_every = 1h;
  responder->offer_stream(patient);
  std::promise<void> closed;
  responder->on_closed([&] { closed.set_value(); });
  // Kernel buffers take some megabytes before the backlog grows.
  bool open = true;
  for (int i = 0; open && i < 100000; ++i) open = responder->write(std::string(10000, 'x'));
  EXPECT_FALSE(open);
  EXPECT_EQ(closed.get_future().wait_for(120s), std::future_status::ready);
}

TEST_F(ServerTest, IdleConnectionsMakeRoom) {
  options.limits.max_connections = 4;
  start();
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 4; ++i) {
    idle.push_back(std::make_unique<RawClient>(server->port()));
    idle.back()->send(kGet);
    EXPECT_EQ(status_of(idle.back()->read_response()), 200);
  }
  EXPECT_EQ(status_of(ask(kGet)), 200);
  EXPECT_TRUE(idle[0]->at_end());  // the one that was idle for longest
  idle[3]->send(kGet);
  EXPECT_EQ(status_of(idle[3]->read_response()), 200);
}

TEST_F(ServerTest, TooManyBusyConnections) {
  options.limits.max_connections = 1;
  start();
  RawClient busy(server->port());
  busy.send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const ResponderPtr responder = held.get_future().get();
  const std::string refused = ask(kGet);
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_TRUE(has(refused, "too_many_connections"));
  responder->respond(json_response("done"));
  EXPECT_EQ(body_of(busy.read_response()), "done");
}

TEST_F(ServerTest, ManyIdleAndSlowConnectionsDoNotKeepOthersOut) {
  start();
  std::vector<std::unique_ptr<RawClient>> others;
  for (int i = 0; i < 300; ++i) {
    others.push_back(std::make_unique<RawClient>(server->port()));
    if (i % 2 == 0) others.back()->send("POST /echo HTTP/1.1\r\nHost: localh");
  }
  EXPECT_EQ(status_of(ask(kGet)), 200);
  EXPECT_EQ(body_of(ask(post("/echo", "hello"))), "hello");
  EXPECT_GE(connections.load(), 300u);
}

TEST_F(ServerTest, BodiesShareOneBudget) {
  options.memory = std::make_shared<MemoryBudget>(200'000);
  start();
  EXPECT_EQ(status_of(ask(post("/echo", std::string(90'000, 'x')))), 200);
  const std::string refused = ask(post("/echo", std::string(210'000, 'x')));
  EXPECT_EQ(status_of(refused), 429);
  EXPECT_TRUE(has(refused, "Retry-After: "));
  EXPECT_EQ(status_of(ask(post("/echo", std::string(90'000, 'x')))), 200);
}

TEST_F(ServerTest, DrainFinishesWhatRuns) {
  start();
  RawClient busy(server->port()), idle(server->port());
  idle.send(kGet);
  idle.read_response();
  busy.send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n" + std::string(kGet));
  const ResponderPtr responder = held.get_future().get();
  server->server().drain();
  EXPECT_TRUE(idle.at_end());
  EXPECT_FALSE(RawClient(server->port()).connected());
  responder->respond(json_response("done"));
  const std::string last = busy.read_all();
  EXPECT_TRUE(last.ends_with("done")) << last;  // and not the next request's answer
  EXPECT_TRUE(has(last, "Connection: close\r\n"));
  server->join();
  EXPECT_TRUE(server->drained());
}

TEST_F(ServerTest, StopCutsOff) {
  start();
  RawClient busy(server->port());
  busy.send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const ResponderPtr responder = held.get_future().get();
  std::promise<void> closed;
  responder->on_closed([&] { closed.set_value(); });
  server->server().stop();
  server->join();
  EXPECT_FALSE(server->drained());
  closed.get_future().get();
  EXPECT_TRUE(busy.at_end());
}

TEST_F(ServerTest, ATakenPortIsNamed) {
  start();
  ServerOptions second;
  second.port = server->port();
  second.memory = std::make_shared<MemoryBudget>(1);
  auto other = Server::open(second, Router(), AccessPolicy({}, {}), {});
  ASSERT_FALSE(other.ok());
  EXPECT_TRUE(has(other.error().message, "address in use"));
  EXPECT_TRUE(has(other.error().message, std::to_string(server->port())));
  second.host = "example.com";
  auto named = Server::open(second, Router(), AccessPolicy({}, {}), {});
  ASSERT_FALSE(named.ok());
  EXPECT_EQ(named.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace oc::http
