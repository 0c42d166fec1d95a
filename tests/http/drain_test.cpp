#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <vector>

#include "http/server.h"
#include "tests/http/raw_client.h"

namespace oc::http {
namespace {

using namespace std::chrono_literals;

// A server whose one route answers when the test does.
struct DrainTest : testing::Test {
  std::promise<ResponderPtr> held;
  std::promise<void> over;
  std::function<void()> on_drain = [] {};  // while the server looks at nothing else
  std::unique_ptr<TestServer> server;

  void start(std::chrono::milliseconds last_words, std::chrono::milliseconds drain = 0ms) {
    ServerOptions options;
    options.limits.drain = drain;
    options.limits.last_words = last_words;
    Router router;
    router.add({.method = "GET", .path = "/hold", .handler = [this](RequestPtr, ResponderPtr out) {
                  held.set_value(out);
                }});
    ServerHooks hooks;
    hooks.on_drain = [this] { on_drain(); };
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

// The server has read neither when it begins to drain, nor taken in the second one.
TEST_F(DrainTest, WhoHasAskedByThenIsTold) {
  start(1min, 1min);
  RawClient known(server->port()), silent(server->port());
  std::unique_ptr<RawClient> fresh;
  const std::string request = "GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n";
  on_drain = [&] {
    known.send(request);
    fresh = std::make_unique<RawClient>(server->port());
    fresh->send(request);
  };
  server->server().drain();
  server->join();
  for (RawClient* const client : {&known, fresh.get()}) {
    const std::string response = client->read_all();
    EXPECT_TRUE(response.starts_with("HTTP/1.1 503 ")) << response;
    EXPECT_NE(response.find("the server is shutting down"), response.npos);
  }
  EXPECT_TRUE(silent.at_end());
  EXPECT_TRUE(server->drained());
}

TEST_F(DrainTest, WithNobodyToAnswerNoTimeIsNeeded) {
  for (const int idle : {0, 1}) {
    start(1ms, 0ms);
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < idle; ++i) clients.push_back(std::make_unique<RawClient>(server->port()));
    server->server().drain();
    server->join();
    EXPECT_TRUE(server->drained()) << idle;
  }
}

// As by two signals in a row.
TEST_F(DrainTest, WithNobodyToAnswerAStopCutsNothingOff) {
  start(1min, 1min);
  RawClient idle(server->port());
  server->server().drain();
  server->server().stop();
  server->join();
  EXPECT_TRUE(server->drained());
}

}  // namespace
}  // namespace oc::http
