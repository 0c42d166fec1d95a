#include "http/app.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <future>
#include <mutex>

#include "tests/http/raw_client.h"
#include "tests/http/single_model.h"

namespace oc::http {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

// Answers as the test says; keeps the last request.
class FakeBackend final : public Backend {
 public:
  using Answer =
      std::function<void(const GenerateRequest&, const Service::OnText&, const Service::OnDone&)>;
  explicit FakeBackend(Answer answer) : answer_(std::move(answer)) {
    model_.name = "fake";
    model_.aliases = {"org/fake"};
    model_.fingerprint = "0123456789abcdef";
    model_.context_length = 100;
  }
  ~FakeBackend() override {
    if (thread_.joinable()) thread_.join();
  }
  const ServedModel& model() const override { return model_; }
  ServiceStats stats() const override {
    ServiceStats stats;
    stats.completed = 4;
    stats.total_ms = 2000;
    stats.queued = 3;
    return stats;
  }
  Result<std::shared_ptr<Job>> submit(GenerateRequest request, Service::OnText text,
                                      Service::OnDone done) override {
    if (refusal) return *refusal;
    const std::lock_guard lock(mutex_);  // the next request may come before this one is let go
    if (thread_.joinable()) thread_.join();
    last = request;
    job = std::make_shared<Job>();
    thread_ = std::thread([this, request = std::move(request), text = std::move(text),
                           done = std::move(done)] { answer_(request, text, done); });
    return job;
  }

  Result<RequestPlan> plan(GenerateRequest request) override {
    if (refusal) return *refusal;
    last = std::move(request);
    return planned;
  }

  std::optional<Error> refusal;
  RequestPlan planned;
  GenerateRequest last;
  std::shared_ptr<Job> job;

 private:
  ServedModel model_;
  Answer answer_;
  std::mutex mutex_;
  std::thread thread_;
};

GenerateResult result_of(std::string text) {
  GenerateResult out;
  out.text = std::move(text);
  out.prompt_tokens = 10;
  out.completion_tokens = 3;
  return out;
}

void say_hello(const GenerateRequest&, const Service::OnText& text, const Service::OnDone& done) {
  if (text) {
    text({.text = "Hel"});
    text({.text = "lo"});
  }
  done(result_of("Hello"));
}

struct AppTest : testing::Test {
  AppOptions options;
  std::shared_ptr<FakeBackend> backend;
  std::shared_ptr<App> app;
  std::unique_ptr<TestServer> server;

  // The backend then goes with the fixture, not with the last answer, on the backend's own thread.
  ~AppTest() override {
    if (app) app->set_models(nullptr);
  }
  void start(FakeBackend::Answer answer = say_hello) {
    options.memory = std::make_shared<MemoryBudget>(4u << 20);
    options.version = "1.2.3";
    app = std::make_shared<App>(options);
    if (answer) {
      backend = std::make_shared<FakeBackend>(std::move(answer));
      app->set_models(single_model(backend));
    }
    ServerOptions server_options;
    server_options.memory = options.memory;
    server = std::make_unique<TestServer>(server_options, app->routes(), AccessPolicy({}, {}),
                                          app->hooks());
  }
  static std::string post(const std::string& body) {
    return fmt::format(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        body.size(), body);
  }
  std::string chat(const std::string& fields = "") {
    return ask(post(R"({"messages":[{"role":"user","content":"Hi"}])" + fields + "}"));
  }
  std::string get(const std::string& path) {
    return ask("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  std::string ask(const std::string& wire) {
    RawClient client(server->port());
    client.send(wire);
    std::string head = client.read_response();
    if (has(head, "chunked")) head += client.read_until("\r\n0\r\n\r\n");
    return head;
  }
  static json::value error_of(const std::string& response) {
    return json::parse(body_of(response)).at("error");
  }
};

TEST_F(AppTest, ASupersededFrameIsGoneAndNotToBeSentAgain) {
  start([](const GenerateRequest&, const Service::OnText&, const Service::OnDone& done) {
    done(Error{ErrorCode::kSuperseded, "a newer frame came"});
  });
  for (const char* fields : {"", R"(,"stream":true)"}) {
    const std::string response = chat(fields);
    EXPECT_EQ(status_of(response), 410);
    EXPECT_TRUE(has(response, "\r\nx-should-retry: false\r\n")) << response;
    EXPECT_EQ(error_of(response).at("code"), "superseded");
  }
}

TEST_F(AppTest, FieldsWithoutEffectAreToldAtTheEnd) {
  start();
  const std::string fields =
      R"(,"store":true,"tools":[{"type":"function","function":{"name":"f"}}])";
  const std::string warning =
      "tools are not called: the model answers in text; without effect here: store";
  EXPECT_EQ(json::parse(body_of(chat(fields))).at("warning"), json::value(warning));
  const std::string streamed = chat(fields + R"(,"stream":true)");
  const std::size_t first = streamed.find("\"warning\":\"" + warning + "\"");
  ASSERT_NE(first, std::string::npos) << streamed;
  EXPECT_EQ(streamed.find("\"warning\"", first + 1), std::string::npos);
  EXPECT_GT(first, streamed.find("\"finish_reason\":\"stop\""));
  EXPECT_FALSE(has(chat(), "warning"));
}

TEST_F(AppTest, AWholeAnswer) {
  start();
  const std::string response = chat(R"(,"model":"fake","max_tokens":5)");
  EXPECT_EQ(status_of(response), 200);
  const json::value body = json::parse(body_of(response));
  EXPECT_TRUE(std::string_view(body.at("id").as_string()).starts_with("chatcmpl-"));
  EXPECT_EQ(body.at("model"), "fake");
  EXPECT_EQ(body.at("choices").at(0).at("message").at("content"), "Hello");
  EXPECT_EQ(body.at("usage").at("total_tokens"), 13);
  EXPECT_EQ(backend->last.max_tokens, 5);
  EXPECT_TRUE(has(response, "x-request-id: " + backend->last.id));
}

TEST_F(AppTest, AStreamedAnswer) {
  start();
  const std::string response = chat(R"(,"stream":true,"stream_options":{"include_usage":true})");
  EXPECT_TRUE(has(response, "Content-Type: text/event-stream"));
  EXPECT_FALSE(has(response, "event:"));
  std::string text;
  int events = 0;
  bool role_first = false, usage_last = false;
  for (std::size_t at = response.find("data: "); at != std::string::npos;
       at = response.find("data: ", at + 1)) {
    const std::string data = response.substr(at + 6, response.find('\n', at) - at - 6);
    if (data == "[DONE]") break;
    const json::value chunk = json::parse(data);
    const json::array& choices = chunk.at("choices").as_array();
    if (events++ == 0) role_first = choices.at(0).at("delta").as_object().contains("role");
    usage_last = choices.empty() && chunk.at("usage").at("total_tokens") == 13;
    if (!choices.empty())
      if (const json::value* content = choices[0].at("delta").as_object().if_contains("content"))
        text += std::string_view(content->as_string());
  }
  EXPECT_TRUE(role_first);
  EXPECT_TRUE(usage_last);
  EXPECT_EQ(events, 5);  // role, two pieces, finish, usage
  EXPECT_EQ(text, "Hello");
  EXPECT_TRUE(has(response, "data: [DONE]\n\n"));
}

TEST_F(AppTest, APlanRunsNothing) {
  start([](const GenerateRequest&, const Service::OnText&, const Service::OnDone&) { FAIL(); });
  backend->planned.prompt_tokens = 12;
  backend->planned.ahead = 1;
  const std::string body =
      R"({"messages":[{"role":"user","content":"Hi"}],"model":"fake","stream":true,"user":"me"})";
  const auto plan = [&](const std::string& fields) {
    return ask(fmt::format(
        "POST /v1/images/plan HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        fields.size(), fields));
  };
  const std::string response = plan(body);
  EXPECT_EQ(status_of(response), 200);
  const json::value told = json::parse(body_of(response));
  EXPECT_EQ(told.at("model"), "fake");
  EXPECT_EQ(told.at("usage").at("prompt_tokens"), 12);
  EXPECT_EQ(told.at("requests_ahead"), 1);
  EXPECT_EQ(told.at("warning"), "without effect here: user");
  EXPECT_EQ(backend->last.messages.size(), 1u);
  backend->refusal = Error{ErrorCode::kContextLength, "300 tokens do not fit in 100"};
  EXPECT_EQ(status_of(plan(body)), 400);
  EXPECT_EQ(error_of(plan(body)).at("code"), "context_length_exceeded");
  EXPECT_EQ(status_of(plan(R"({"messages":[]})")), 400);
  EXPECT_EQ(status_of(plan(R"({"messages":[{"role":"user","content":"Hi"}],"model":"other"})")),
            404);
  EXPECT_EQ(status_of(get("/v1/images/plan")), 405);
}

TEST_F(AppTest, ErrorsBeforeTheFirstWordAreRealStatuses) {
  start([](const GenerateRequest&, const Service::OnText&, const Service::OnDone& done) {
    done(Error{ErrorCode::kContextLength, "300 tokens do not fit in 100", "", "messages"});
  });
  for (const char* stream : {"", R"(,"stream":true)"}) {
    const std::string response = chat(stream);
    EXPECT_EQ(status_of(response), 400);
    EXPECT_EQ(error_of(response).at("code"), "context_length_exceeded");
    EXPECT_TRUE(has(response, "300 tokens"));
  }
}

TEST_F(AppTest, ErrorsInTheMiddleAreNestedAndLast) {
  start([](const GenerateRequest&, const Service::OnText& text, const Service::OnDone& done) {
    text({.text = "Hel"});
    done(Error{ErrorCode::kInternal, "secret"});
  });
  const std::string response = chat(R"(,"stream":true)");
  EXPECT_EQ(status_of(response), 200);
  const std::size_t at = response.find("data: {\"error\":{");
  ASSERT_NE(at, std::string::npos);
  const json::value error = json::parse(response.substr(at + 6, response.find('\n', at) - at - 6));
  EXPECT_EQ(error.at("error").at("code"), "internal_error");
  EXPECT_LT(at, response.find("data: [DONE]"));
  EXPECT_FALSE(has(response, "secret"));
}

TEST_F(AppTest, ALongSilenceIsPinged) {
  options.ping_every = 20ms;
  std::promise<void> go_on;
  start([&](const GenerateRequest&, const Service::OnText& text, const Service::OnDone& done) {
    go_on.get_future().wait();
    say_hello({}, text, done);
  });
  RawClient client(server->port());
  client.send(post(R"({"messages":[{"role":"user","content":"Hi"}],"stream":true})"));
  EXPECT_TRUE(has(client.read_until(": ping\n\n"), "\"role\":\"assistant\""));
  go_on.set_value();
  EXPECT_TRUE(has(client.read_until("data: [DONE]\n\n"), "\"content\":\"lo\""));
}

TEST_F(AppTest, AClientThatGoesCancelsItsJob) {
  std::promise<void> begun, cancelled;
  start([&](const GenerateRequest&, const Service::OnText&, const Service::OnDone& done) {
    begun.set_value();
    while (!backend->job->cancelled()) std::this_thread::sleep_for(1ms);
    cancelled.set_value();
    done(Error{ErrorCode::kCancelled, "cancelled"});
  });
  for (const bool stream : {false, true}) {
    begun = {};
    cancelled = {};
    RawClient client(server->port());
    client.send(post(
        fmt::format(R"({{"messages":[{{"role":"user","content":"Hi"}}],"stream":{}}})", stream)));
    begun.get_future().wait();
    client.close();
    EXPECT_EQ(cancelled.get_future().wait_for(120s), std::future_status::ready);
  }
}

TEST_F(AppTest, RefusalsOfTheQueue) {
  start();
  backend->refusal = Error{ErrorCode::kQueueFull, "64 wait already"};
  const std::string full = chat(R"(,"stream":true)");
  EXPECT_EQ(status_of(full), 429);
  EXPECT_TRUE(has(full, "Retry-After: "));
  backend->refusal = Error{ErrorCode::kUnavailable, "going away"};
  EXPECT_EQ(status_of(chat()), 503);
}

TEST_F(AppTest, ModelNames) {
  start();
  for (const char* name : {"\"fake\"", "\"org/fake\"", "\"\"", "null"})
    EXPECT_EQ(status_of(chat(std::string(",\"model\":") + name)), 200) << name;
  const std::string response = chat(R"(,"model":"gpt-4o")");
  EXPECT_EQ(status_of(response), 404);
  EXPECT_EQ(error_of(response).at("code"), "model_not_found");
  EXPECT_EQ(error_of(response).at("param"), "model");
  EXPECT_EQ(json::parse(body_of(get("/v1/models"))).at("data").at(0).at("id"), "fake");
  EXPECT_EQ(json::parse(body_of(get("/v1/models/org%2Ffake"))).at("id"), "fake");
  EXPECT_EQ(status_of(get("/v1/models/org/fake")), 200);
  EXPECT_EQ(status_of(get("/v1/models/other")), 404);
}

TEST_F(AppTest, PicturesReachTheModel) {
  start();
  // A grey 1 x 1 PNG.
  const std::string png =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg"
      "==";
  const auto with_image = [&](const std::string& data, const std::string& more) {
    return ask(post(R"({"messages":[{"role":"user","content":[{"type":"text","text":"What?"},)"
                    R"({"type":"image_url","image_url":{"url":"data:image/jpeg;base64,)" +
                    data + "\"" + more + "}}]}]}"));
  };
  const std::string response = with_image(png, R"(,"detail":"low")");
  ASSERT_EQ(status_of(response), 200) << response;
  ASSERT_EQ(backend->last.images.size(), 1u);
  EXPECT_EQ(backend->last.images[0].image->width, 1);
  EXPECT_EQ(backend->last.images[0].options.detail, ImageDetail::kLow);
  EXPECT_EQ(status_of(with_image("bm90IGEgcGljdHVyZSwganVzdCB0ZXh0", "")) / 100, 4);
  EXPECT_EQ(status_of(with_image("AAAADGpQICANCocK", "")), 415);  // JPEG 2000
  EXPECT_EQ(status_of(with_image("AAAA!", "")), 400);
  // The answer may be here before the worker has let go of the request.
  for (int i = 0; i < 60'000 && options.memory->used() > 0; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(options.memory->used(), 0u);
}

TEST_F(AppTest, ReadingABodyIsPaidForLikeTheBody) {
  std::atomic<std::size_t> held{0};
  start([&](const GenerateRequest& request, const auto& text, const auto& done) {
    held = options.memory->used();
    say_hello(request, text, done);
  });
  const auto say = [&](std::size_t bytes) {
    return ask(
        post(R"({"messages":[{"role":"user","content":")" + std::string(bytes, 'x') + "\"}]}"));
  };
  const auto wait_until_free = [&] {
    for (int i = 0; i < 60'000 && options.memory->used() > 0; ++i) std::this_thread::sleep_for(1ms);
    return options.memory->used() == 0;
  };
  EXPECT_EQ(status_of(say(1u << 20)), 200);
  EXPECT_GE(held, 1u << 20) << "its text, and nothing else";
  EXPECT_LT(held, (1u << 20) + (16u << 10));
  ASSERT_TRUE(wait_until_free());
  const std::string never = say(3u << 20);
  EXPECT_EQ(status_of(never), 413) << never;
  ASSERT_TRUE(wait_until_free());
  Reservation others(options.memory);
  ASSERT_TRUE(others.grow_to(2u << 20));
  const std::string later = say(3u << 19);
  EXPECT_EQ(status_of(later), 429) << later;
  EXPECT_EQ(error_of(later).at("code"), "memory_full");
  EXPECT_NE(later.find("(--max-memory-mb)"), std::string::npos) << later;
  EXPECT_EQ(status_of(say(100)), 200) << "small ones are read all the same";
}

TEST_F(AppTest, PicturesOverTheBudget) {
  start();
  Image large;
  large.width = 1200;
  large.height = 1200;
  large.rgb.assign(std::size_t{1200} * 1200 * 3, 7);
  const std::vector<std::byte> png = encode_png(large);
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i + 2 < png.size() / 3 * 3; i += 3) {
    const unsigned bits = static_cast<unsigned>(png[i]) << 16 |
                          static_cast<unsigned>(png[i + 1]) << 8 |
                          static_cast<unsigned>(png[i + 2]);
    for (int j = 18; j >= 0; j -= 6) text += kAlphabet[bits >> j & 63];
  }
  const std::string response =
      ask(post(R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":)"
               "\"data:image/png;base64," +
               text + "\"}}]}]}"));
  EXPECT_EQ(status_of(response), 413) << response;  // 4.3 MB of pixels, 4 MB of budget
  EXPECT_EQ(error_of(response).at("code"), "image_too_large");
}

TEST_F(AppTest, Loading) {
  start(nullptr);
  const std::string health = get("/health");
  EXPECT_EQ(status_of(health), 503);
  EXPECT_TRUE(has(health, "Retry-After: "));
  EXPECT_EQ(json::parse(body_of(health)).at("status"), "loading");
  for (const char* path : {"/v1/models", "/stats"}) EXPECT_EQ(status_of(get(path)), 503) << path;
  const std::string refused = chat();
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_TRUE(has(refused, "Retry-After: "));
  EXPECT_EQ(status_of(get("/metrics")), 200);
  EXPECT_EQ(status_of(get("/")), 200);  // the page shows that it is loading
  app->set_models(single_model(std::make_shared<FakeBackend>(say_hello)));
  EXPECT_EQ(status_of(get("/health")), 200);
}

TEST_F(AppTest, InformationRoutes) {
  start();
  const json::value health = json::parse(body_of(get("/health")));
  EXPECT_EQ(health.at("status"), "healthy");
  EXPECT_EQ(health.at("model"), "fake");
  EXPECT_EQ(health.at("version"), "1.2.3");
  EXPECT_EQ(health.at("performance").at("avg_time"), "0.50s");
  const json::value stats = json::parse(body_of(get("/stats")));
  EXPECT_EQ(stats.at("statistics").at("requests"), 4);
  EXPECT_TRUE(has(body_of(get("/")), "<title>ocellus</title>"));
}

TEST_F(AppTest, MetricsAreCounted) {
  start();
  chat();
  chat(R"(,"echo":true)");
  get("/no/such/path?x=%22");
  const std::string metrics = get("/metrics");
  EXPECT_TRUE(has(metrics, "Content-Type: text/plain; version=0.0.4"));
  for (const char* line :
       {"ocellus_http_requests_total{route=\"/v1/chat/completions\",method=\"POST\",code=\"200\"} "
        "1\n",
        "ocellus_http_requests_total{route=\"/v1/chat/completions\",method=\"POST\",code=\"400\"} "
        "1\n",
        "ocellus_http_requests_total{route=\"none\",method=\"GET\",code=\"404\"} 1\n",
        "ocellus_time_to_first_token_seconds_count 1\n", "ocellus_queue_depth 3\n",
        "ocellus_time_to_first_token_seconds_bucket{le=\"+Inf\"} 1\n",
        "ocellus_generations_total{result=\"completed\"} 4\n", "ocellus_ready 1\n",
        "ocellus_model_info{model=\"fake\"} 1\n",
        "ocellus_model_loads_total{model=\"fake\",result=\"loaded\"} 0\n"})
    EXPECT_TRUE(has(metrics, line)) << line;
  EXPECT_FALSE(has(metrics, "no/such/path"));
}

TEST_F(AppTest, RefusedParametersNameThemselves) {
  start();
  const std::string response = chat(R"(,"echo":true)");
  EXPECT_EQ(status_of(response), 400);
  EXPECT_EQ(error_of(response).at("param"), "echo");
  EXPECT_EQ(error_of(response).at("code"), "unsupported_parameter");
  EXPECT_EQ(error_of(response).at("type"), "invalid_request_error");
}

TEST_F(AppTest, WhoAsksIsKnownAlsoWithOneCacheForAll) {
  for (const bool shared : {false, true}) {
    options.shared_cache = shared;
    start();
    const std::string body = R"({"messages":[{"role":"user","content":"Hi"}]})";
    for (const auto& [header, client] :
         {std::pair{"Authorization: Bearer k1\r\n", "k1"},
          std::pair{"authorization: bearer   k1\r\n", "k1"},
          std::pair{"Authorization: Bearer k2\r\n", "k2"},
          std::pair{"Authorization: Basic eA==\r\n", "Basic eA=="}, std::pair{"", ""}}) {
      std::string wire = post(body);
      wire.insert(wire.find("Content-Type"), header);
      EXPECT_EQ(status_of(ask(wire)), 200);
      EXPECT_EQ(backend->last.client, client);
      EXPECT_EQ(backend->last.asker, "127.0.0.1") << "without keys, whatever is shown as one";
      EXPECT_EQ(backend->last.cache_scope, shared ? "" : client);
    }
    app->set_models(nullptr);
  }
}

TEST_F(AppTest, WhoAsksThroughAProxyIsWhoItSays) {
  start();
  std::string wire = post(R"({"messages":[{"role":"user","content":"Hi"}]})");
  wire.insert(wire.find("Content-Type"), "X-Forwarded-For: 2001:db8::7\r\n");
  EXPECT_EQ(status_of(ask(wire)), 200);
  EXPECT_EQ(backend->last.asker, "2001:db8::/64");
}

TEST_F(AppTest, AnswersHaveATimeLimitIfAsked) {
  options.time_limit = 1000ms;
  start();
  chat();
  EXPECT_TRUE(backend->last.deadline.has_value());
}

}  // namespace
}  // namespace oc::http
