// Comments in a stream that wants to hear how far its answer is.
#include "http/progress_sender.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "http/app.h"
#include "image/image.h"
#include "io/base64.h"
#include "tests/http/raw_client.h"
#include "tests/http/single_model.h"

namespace oc::http {
namespace {

using namespace std::chrono_literals;
using enum AnswerPhase;

// Tells what the test says of each request, then answers.
class Teller final : public Backend {
 public:
  const ServedModel& model() const override { return model_; }
  ServiceStats stats() const override { return {}; }
  Result<std::shared_ptr<Job>> submit(GenerateRequest request, Service::OnText text,
                                      Service::OnDone done) override {
    listened = static_cast<bool>(request.on_progress);
    if (request.on_progress)
      for (const AnswerProgress& progress : telling) request.on_progress(progress);
    if (refusal) return *refusal;
    if (text) text({.text = "Hello"});
    GenerateResult result;
    result.text = "Hello";
    done(std::move(result));
    return std::make_shared<Job>();
  }
  Result<RequestPlan> plan(GenerateRequest) override { return RequestPlan(); }

  std::vector<AnswerProgress> telling;
  std::optional<Error> refusal;
  bool listened = false;

 private:
  ServedModel model_;
};

struct ProgressTest : testing::Test {
  AppOptions options;
  std::shared_ptr<Teller> model = std::make_shared<Teller>();
  std::shared_ptr<App> app;
  std::unique_ptr<TestServer> server;

  ~ProgressTest() override {
    server.reset();
    if (app) app->finish();
  }
  void start(std::chrono::milliseconds after) {
    options.memory = std::make_shared<MemoryBudget>(16u << 20);
    options.progress_after = after;
    app = std::make_shared<App>(options);
    app->set_models(single_model(model));
    ServerOptions server_options;
    server_options.memory = options.memory;
    server = std::make_unique<TestServer>(server_options, app->routes(), AccessPolicy({}, {}),
                                          app->hooks());
  }
  static std::string picture(bool whole) {
    std::vector<std::byte> png =
        encode_png(Image{40, 30, std::vector<std::uint8_t>(40 * 30 * 3, 99)});
    if (!whole) png.resize(png.size() - 20);
    return R"({"type":"image_url","image_url":{"url":")" + picture_data_uri(png, "PNG") + R"("}},)";
  }
  std::string ask(const std::string& pictures, bool progress = true) const {
    const std::string body = fmt::format(
        R"({{"messages":[{{"role":"user","content":[{}{{"type":"text","text":"What?"}}]}}],)"
        R"("stream":true,"stream_options":{{"include_progress":{}}}}})",
        pictures, progress);
    RawClient client(server->port());
    client.send(
        fmt::format("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                    "Connection: close\r\nContent-Type: application/json\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    body.size(), body));
    return client.read_all();
  }
  // Its comments and, of what else it has, a word each, in order.
  static std::vector<std::string> events(const std::string& response) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < response.size();) {
      const std::size_t end = std::min(response.find('\n', at), response.size());
      const std::string line = response.substr(at, end - at);
      at = end + 1;
      if (line.starts_with(": progress ")) out.push_back(line.substr(11));
      if (!line.starts_with("data: ")) continue;
      for (const char* word : {"\"role\"", "\"Hello\"", "\"stop\"", "\"error\"", "[DONE]"})
        if (has(line, word)) {
          out.emplace_back(word);
          break;
        }
    }
    return out;
  }
};

TEST_F(ProgressTest, CommentsStandBetweenTheEvents) {
  start(1h);
  model->telling = {{.phase = kPreparing, .done = 0, .total = 1},
                    {.phase = kQueued, .ahead = 1},
                    {.phase = kEncoding, .done = 1, .total = 2},
                    {.phase = kPrefill, .done = 5, .total = 5},
                    {.phase = kAnswering},
                    {.phase = kAnswering, .done = 1}};
  EXPECT_EQ(events(ask("")), (std::vector<std::string>{
                                 "\"role\"", R"({"phase":"queued","ahead":1})",
                                 R"({"phase":"encoding","done":1,"total":2})",
                                 R"({"phase":"prefill","done":5,"total":5})",
                                 R"({"phase":"answering"})", "\"Hello\"", "\"stop\"", "[DONE]"}));
}

TEST_F(ProgressTest, NobodyIsToldWhoDoesNotWantIt) {
  start(0ms);
  model->telling = {{.phase = kQueued, .ahead = 1}};
  const std::string response = ask(picture(true), false);
  EXPECT_FALSE(model->listened);
  EXPECT_FALSE(has(response, "progress")) << response;
}

// A stream that begins with its pictures is as another one, and so is its end.
TEST_F(ProgressTest, PicturesThatTakeLongAreToldOf) {
  start(0ms);
  model->telling = {{.phase = kPreparing, .done = 0, .total = 2}};
  EXPECT_EQ(events(ask(picture(true) + picture(true))),
            (std::vector<std::string>{R"({"phase":"decoding","done":0,"total":2})",
                                      R"({"phase":"decoding","done":1,"total":2})",
                                      R"({"phase":"decoding","done":2,"total":2})", "\"role\"",
                                      R"({"phase":"preparing","done":0,"total":2})", "\"Hello\"",
                                      "\"stop\"", "[DONE]"}));
  const std::string damaged = ask(picture(true) + picture(false));
  EXPECT_EQ(status_of(damaged), 200);
  EXPECT_EQ(events(damaged), (std::vector<std::string>{R"({"phase":"decoding","done":0,"total":2})",
                                                       R"({"phase":"decoding","done":1,"total":2})",
                                                       "\"error\"", "[DONE]"}));
  model->refusal = Error{ErrorCode::kQueueFull, "too many wait"};
  const std::string full = ask("");
  EXPECT_EQ(events(full).back(), "[DONE]") << full;
  EXPECT_TRUE(has(full, "queue_full")) << full;
}

TEST_F(ProgressTest, WhatIsRefusedSoonHasItsStatus) {
  start(1h);
  model->telling = {{.phase = kPreparing, .done = 0, .total = 1}};
  EXPECT_EQ(status_of(ask(picture(true) + picture(false))), 400);
  model->refusal = Error{ErrorCode::kQueueFull, "too many wait"};
  EXPECT_EQ(status_of(ask("")), 429);
}

}  // namespace
}  // namespace oc::http
