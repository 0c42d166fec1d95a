#include <gtest/gtest.h>

#include <future>

#include "http/server.h"
#include "tests/http/raw_client.h"

namespace oc::http {
namespace {

using namespace std::chrono_literals;

// A server whose one route answers when the test does, and whose time to drain is none.
struct DrainTest : testing::Test {
  std::promise<ResponderPtr> held;
  std::promise<void> over;
  std::unique_ptr<TestServer> server;

  void start(std::chrono::milliseconds last_words) {
    ServerOptions options;
    options.limits.drain = 0ms;
    options.limits.last_words = last_words;
    Router router;
    router.add({.method = "GET", .path = "/hold", .handler = [this](RequestPtr, ResponderPtr out) {
                  held.set_value(out);
                }});
    ServerHooks hooks;
    hooks.on_drain_over = [this] { over.set_value(); };
    server = std::make_unique<TestServer>(options, std::move(router), AccessPolicy({}, {}), hooks);
  }
  ResponderPtr ask(RawClient& client) {
    client.send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return held.get_future().get();
  }
};

TEST_F(DrainTest, WhatIsNotFinishedIsTold) {
  start(1min);
  RawClient client(server->port());
  const ResponderPtr responder = ask(client);
  server->server().drain();
  over.get_future().get();
  responder->respond(json_response("why"));
  EXPECT_TRUE(client.read_all().ends_with("why"));
  server->join();
  EXPECT_FALSE(server->drained());
}

TEST_F(DrainTest, WhatHasNoLastWordsIsCutOff) {
  start(1ms);
  RawClient client(server->port());
  const ResponderPtr responder = ask(client);
  server->server().drain();
  over.get_future().get();
  server->join();
  EXPECT_FALSE(server->drained());
  EXPECT_TRUE(client.at_end());
}

}  // namespace
}  // namespace oc::http
