#include "http/backend_api.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include <boost/json/parse.hpp>

#include "tests/http/raw_client.h"

namespace oc::http {
namespace {

namespace json = boost::json;

// Models by name only; a switch works as the test says.
class FakeModels final : public ModelSource {
 public:
  std::optional<ServedModel> active() const override { return named(); }
  std::vector<ServedModel> models() const override { return {named()}; }
  std::vector<std::string> installed() const override {
    if (disk.valid()) disk.wait();
    return {"other"};
  }
  ServiceStats stats() const override { return {}; }
  RequestDefaults defaults(const std::string&) const override { return {}; }
  bool loads(const std::string& name) const override { return name == "other"; }
  void find(const std::string&, Ready ready) override {
    ++asked;
    ready(Error{ErrorCode::kNotFound, "none"});
  }
  void activate(const std::string& name, Switched done) override {
    if (refusal) return done(*refusal);
    {
      const std::lock_guard lock(mutex_);
      active_name_ = name;
    }
    done({});
  }

  int asked = 0;
  std::shared_future<void> disk;  // what is read from it comes then
  std::optional<Error> refusal;

 private:
  ServedModel named() const {
    const std::lock_guard lock(mutex_);
    ServedModel model;
    model.name = active_name_;
    return model;
  }

  mutable std::mutex mutex_;
  std::string active_name_ = "one";
};

struct BackendApiTest : testing::Test {
  std::shared_ptr<FakeModels> models = std::make_shared<FakeModels>();
  BackendApiOptions options;
  AccessPolicy access{{}, {}};
  std::vector<std::string> written;
  std::shared_ptr<App> app;
  std::unique_ptr<TestServer> server;

  void start() {
    AppOptions app_options;
    app_options.memory = std::make_shared<MemoryBudget>(4u << 20);
    app = std::make_shared<App>(app_options);
    app->set_models(models);
    const auto api = std::make_shared<BackendApi>(app, options);
    ServerOptions server_options;
    server_options.memory = app_options.memory;
    access.let_guests_in();
    server = std::make_unique<TestServer>(server_options, api->routes(), access, api->hooks());
  }
  std::string patch(const std::string& body, const std::string& headers = "") {
    return ask("PATCH", "/api/v1/config", body, headers);
  }
  std::string ask(const char* method, const char* path, const std::string& body,
                  const std::string& headers = "") {
    RawClient client(server->port());
    client.send(
        fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\n{}"
                    "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                    method, path, headers, body.size(), body));
    return client.read_response();
  }
  std::string get(const char* path, const std::string& headers = "") {
    RawClient client(server->port());
    client.send(fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", path, headers));
    return client.read_response();
  }
};

TEST_F(BackendApiTest, ChangesAreWrittenBackAfterTheSwitch) {
  options.keeper.keep = [this](const std::string& changes) -> Result<void> {
    EXPECT_EQ(models->active()->name, "two");
    written.push_back(changes);
    return {};
  };
  start();
  const std::string response = patch(R"({"active_model":"two","server":{"port":9}})");
  EXPECT_EQ(status_of(response), 200);
  ASSERT_EQ(written.size(), 1u);
  EXPECT_EQ(json::parse(written[0]), json::parse(R"({"active_model":"two","server":{"port":9}})"));
  EXPECT_EQ(json::parse(body_of(response)).at("restart_required"), true);
  EXPECT_EQ(status_of(patch("{}")), 200);  // nothing to write
  EXPECT_EQ(written.size(), 1u);
}

TEST_F(BackendApiTest, AFailedSwitchWritesNothing) {
  options.keeper.keep = [this](const std::string& changes) -> Result<void> {
    written.push_back(changes);
    return {};
  };
  models->refusal = Error{ErrorCode::kUnavailable, "it is truncated"};
  start();
  const std::string response = patch(R"({"active_model":"two"})");
  EXPECT_EQ(status_of(response), 503);
  EXPECT_EQ(json::parse(body_of(response)).at("detail"), "it is truncated");
  EXPECT_TRUE(written.empty());
}

TEST_F(BackendApiTest, OneChangeIsWrittenAtATime) {
  std::atomic<int> inside{0}, peak{0}, all{0};
  options.keeper.keep = [&](const std::string&) -> Result<void> {
    peak = std::max(peak.load(), ++inside);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    --inside;
    ++all;
    return {};
  };
  start();
  std::vector<std::thread> clients;
  for (int i = 1; i <= 4; ++i)
    clients.emplace_back([this, i] {
      const std::string body = fmt::format("{{\"frontend\":{{\"video_width\":{}}}}}", i);
      EXPECT_EQ(status_of(patch(body)), 200);
    });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(all, 4);
  EXPECT_EQ(peak, 1);
}

// A 500 that says what is in force and what is not.
TEST_F(BackendApiTest, AFailedWriteIsTold) {
  options.keeper.keep = [](const std::string&) -> Result<void> {
    return Error{ErrorCode::kUnavailable, "the disk is full"};
  };
  start();
  const std::string switched = patch(R"({"active_model":"two","frontend":{"video_width":7}})");
  EXPECT_EQ(status_of(switched), 500);
  const json::value error = json::parse(body_of(switched)).at("error");
  EXPECT_EQ(error.at("code"), "configuration_not_written");
  EXPECT_EQ(error.at("type"), "server_error");
  EXPECT_EQ(error.at("message"),
            "the model is switched until the server ends, nothing else changed: the disk is full");
  EXPECT_EQ(models->active()->name, "two");
  const std::string plain = patch(R"({"frontend":{"video_width":7}})");
  EXPECT_EQ(status_of(plain), 500);
  EXPECT_EQ(json::parse(body_of(plain)).at("detail"), "nothing was changed: the disk is full");
  EXPECT_EQ(json::parse(body_of(get("/config"))).at("video_width"), 640);
}

// What would fail is known before anything is done.
TEST_F(BackendApiTest, WhatTheKeeperRefusesIsNotDone) {
  std::optional<Error> refusal;
  options.keeper.check = [&](const std::string&) -> Result<void> {
    if (refusal) return *refusal;
    return {};
  };
  options.keeper.keep = [this](const std::string& changes) -> Result<void> {
    written.push_back(changes);
    return {};
  };
  start();
  const std::string body = R"({"active_model":"two","server":{"host":"nowhere"}})";
  refusal = Error{ErrorCode::kInvalidArgument, "not an address", "", "server.host"};
  std::string response = patch(body);
  EXPECT_EQ(status_of(response), 400);
  EXPECT_EQ(json::parse(body_of(response)).at("error").at("param"), "server.host");
  refusal = Error{ErrorCode::kUnavailable, "the folder is read-only"};
  response = patch(body);
  EXPECT_EQ(status_of(response), 500);
  EXPECT_EQ(json::parse(body_of(response)).at("detail"),
            "nothing was changed: the folder is read-only");
  EXPECT_EQ(models->active()->name, "one");
  EXPECT_TRUE(written.empty());
  refusal.reset();
  EXPECT_EQ(status_of(patch(body)), 200);
  EXPECT_EQ(written.size(), 1u);
}

TEST_F(BackendApiTest, WhereAnAdminKeyIsSetOnlyItMayPatch) {
  access = AccessPolicy({"api"}, {});
  access.set_admin_keys({"root"});
  start();
  const auto with = [&](const std::string& key) {
    return status_of(patch(R"({"active_model":"two"})",
                           key.empty() ? "" : "Authorization: Bearer " + key + "\r\n"));
  };
  EXPECT_EQ(with(""), 401);
  EXPECT_EQ(with("other"), 401);
  EXPECT_EQ(with("api"), 403);
  EXPECT_EQ(models->active()->name, "one");
  EXPECT_EQ(with("root"), 200);
  EXPECT_EQ(models->active()->name, "two");
  EXPECT_EQ(status_of(get("/config", "Authorization: Bearer api\r\n")), 200);
  EXPECT_EQ(status_of(get("/config", "Authorization: Bearer root\r\n")), 200);
}

constexpr char kGuest[] = "Origin: null\r\n";

TEST_F(BackendApiTest, GuestsMayAskButNotChangeOrLoad) {
  start();
  const std::string chat = R"({"messages":[{"role":"user","content":"Hi"}]})";
  EXPECT_EQ(status_of(ask("POST", "/v1/chat/completions", chat, kGuest)), 404);  // as the fake says
  EXPECT_EQ(models->asked, 1);
  const std::string other = R"({"model":"other","messages":[{"role":"user","content":"Hi"}]})";
  const std::string refused = ask("POST", "/v1/chat/completions", other, kGuest);
  EXPECT_EQ(status_of(refused), 403);
  EXPECT_EQ(json::parse(body_of(refused)).at("error").at("param"), "model");
  EXPECT_EQ(models->asked, 1);
  EXPECT_EQ(status_of(ask("POST", "/v1/chat/completions", other)), 404);  // no page: no guest
  EXPECT_EQ(models->asked, 2);
  EXPECT_EQ(status_of(ask("PATCH", "/api/v1/config", R"({"active_model":"two"})", kGuest)), 403);
  EXPECT_EQ(models->active()->name, "one");
  for (const auto& [path, readable] :
       {std::pair{"/status", true}, std::pair{"/config", true}, std::pair{"/api/v1/config", false},
        std::pair{"/", false}, std::pair{"/health", false}}) {
    const std::string response = ask("GET", path, "", kGuest);
    EXPECT_EQ(response.find("Access-Control-Allow-Origin: null") != std::string::npos, readable)
        << path;
  }
}

TEST_F(BackendApiTest, EveryErrorHasTheOriginalsDetail) {
  access = AccessPolicy({"key"}, {});
  start();
  const std::string key = "Authorization: Bearer key\r\n";
  const auto detail = [](const std::string& response) {
    const json::object body = json::parse(body_of(response)).as_object();
    EXPECT_TRUE(body.contains("error")) << response;
    if (const json::value* text = body.if_contains("detail"))
      EXPECT_EQ(*text, body.at("error").at("message"));
    return body.contains("detail");
  };
  for (const std::string& response :
       {get("/config"), get("/nothing", key), get("/health", "Host: two\r\n"), patch("{}"),
        patch("{", key), ask("DELETE", "/config", "", key),
        ask("PATCH", "/api/v1/config", "{}", key + "Content-Encoding: br\r\n"),
        ask("CONNECT", "/v1/chat/completions", "", key)})
    EXPECT_TRUE(status_of(response) >= 400 && detail(response)) << response;
  // These are OpenAI's.
  for (const std::string& response : {get("/v1/chat/completions"), get("/v1/nothing", key),
                                      ask("POST", "/v1/chat/completions", "{", key)})
    EXPECT_TRUE(status_of(response) >= 400 && !detail(response)) << response;
}

TEST_F(BackendApiTest, TheStateTrackerIsNotThere) {
  start();
  for (const auto& [method, path] :
       {std::pair{"GET", "/api/v1/state"}, std::pair{"GET", "/api/v1/state/metrics"},
        std::pair{"POST", "/api/v1/state/process"}, std::pair{"POST", "/api/v1/state/query"},
        std::pair{"GET", "/api/v1/state/query/capabilities"}}) {
    const std::string response = ask(method, path, R"({"query":"next?"})");
    EXPECT_EQ(status_of(response), 501) << path;
    EXPECT_NE(response.find("x-should-retry: false"), std::string::npos);
    const json::value body = json::parse(body_of(response));
    EXPECT_EQ(body.at("error").at("code"), "not_implemented");
    EXPECT_EQ(body.at("detail"), body.at("error").at("message"));
  }
}

TEST_F(BackendApiTest, TypedQuestionsAreNoted) {
  start();
  const auto told = [&](const std::string& body) {
    const std::string response = ask("POST", "/api/v1/logging/user_query", body);
    EXPECT_EQ(status_of(response), 200) << body.substr(0, 80);
    return json::parse(body_of(response));
  };
  EXPECT_EQ(told(R"({"query_id":"q1","query":"What is next?","language":"en","timestamp":"now"})"),
            json::parse(R"({"status":"logged","query_id":"q1"})"));
  for (const std::string& wrong :
       {std::string("{}"), std::string("[]"), std::string("{"), std::string(R"({"query_id":"q1"})"),
        std::string(R"({"query_id":1,"query":"x"})"),
        R"({"query_id":")" + std::string(129, 'x') + R"(","query":"x"})",
        R"({"query_id":"q1","query":")" + std::string(65536, 'x') + "\"}"}) {
    const json::value out = told(wrong);
    EXPECT_EQ(out.at("status"), "error") << wrong.substr(0, 80);
    EXPECT_TRUE(out.at("message").is_string());
  }
}

TEST_F(BackendApiTest, ASlowDiskHoldsUpNobodyElse) {
  std::promise<void> comes;
  models->disk = comes.get_future();
  start();
  TestServer main_port({.memory = std::make_shared<MemoryBudget>(4u << 20)}, app->routes(),
                       AccessPolicy({}, {}), app->hooks());
  const auto get = [](std::uint16_t port, const std::string& path) {
    auto client = std::make_unique<RawClient>(port);
    client->send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return client;
  };
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (int i = 0; i < 4; ++i) {  // more than there are workers
    waiting.push_back(get(server->port(), "/status"));
    waiting.push_back(get(main_port.port(), "/v1/models"));
    waiting.push_back(get(main_port.port(), "/v1/models/other"));
  }
  for (const std::uint16_t port : {server->port(), main_port.port()})
    EXPECT_EQ(status_of(get(port, "/health")->read_response()), 200);
  EXPECT_EQ(status_of(patch(R"({"active_model":"two"})")), 200);  // a worker's
  for (const auto& client : waiting) EXPECT_FALSE(client->has_bytes());
  comes.set_value();
  for (const auto& client : waiting) EXPECT_EQ(status_of(client->read_response()), 200);
}

}  // namespace
}  // namespace oc::http
