// A dialect that is nothing like OpenAI's goes through the server: lines of JSON (NDJSON), errors
// that are strings, no keep-alive.
#include "api/dialect.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>

#include "http/app.h"
#include "tests/http/raw_client.h"
#include "tests/http/single_model.h"

namespace oc::http {
namespace {

using namespace std::chrono_literals;

class LinesWriter final : public AnswerWriter {
 public:
  explicit LinesWriter(const AnswerStart& start) : id_(start.id) {}
  std::string whole(const GenerateResult& result) override {
    return fmt::format(R"({{"id":"{}","text":"{}"}})", id_, result.text);
  }
  void head(std::string& out) override { out += line("begin", ""); }
  void piece(std::string& out, const AnswerPiece& piece) override {
    out += line(std::to_string(++count_), piece.text);
  }
  void end(std::string& out, const GenerateResult&) override { out += line("end", ""); }
  void error(std::string& out, const ApiError& error) override {
    out += line("error", error.message);
  }

 private:
  static std::string line(std::string_view key, std::string_view value) {
    return fmt::format("{{\"{}\":\"{}\"}}\n", key, value);
  }
  const std::string id_;
  int count_ = 0;  // a writer may have a state
};

// The body is the question; "stream: " before it asks for a stream, "!" is refused.
class Lines final : public Dialect {
 public:
  std::string error_body(const ApiError& error) const override {
    return fmt::format(R"({{"error":"{}"}})", error.message);
  }
  Result<ChatRequest> parse(std::string&& body, const ChatLimits&,
                            Reservation& memory) const override {
    std::string text;
    text.swap(body);
    if (text == "!") return Error{ErrorCode::kInvalidArgument, "not a question"};
    ChatRequest request;
    request.stream = text.starts_with("stream: ");
    request.generate.messages.push_back({Role::kUser, {TextPart{std::move(text)}}});
    memory.shrink_to(held_bytes(request));
    return request;
  }
  std::unique_ptr<AnswerWriter> writer(const ChatRequest&, AnswerStart start) const override {
    return std::make_unique<LinesWriter>(start);
  }
  std::string_view id_prefix() const override { return "line-"; }
  std::string_view stream_type() const override { return "application/x-ndjson"; }
  std::string_view keep_alive() const override { return {}; }
  void append_progress(std::string&, const AnswerProgress&) const override {}
};
const Lines kLines;

// Does what the test says.
class Scripted final : public Backend {
 public:
  using Play = std::function<std::optional<Error>(const Service::OnText&, const Service::OnDone&)>;
  const ServedModel& model() const override { return model_; }
  ServiceStats stats() const override { return {}; }
  Result<std::shared_ptr<Job>> submit(GenerateRequest, Service::OnText text,
                                      Service::OnDone done) override {
    if (auto error = play(text, done)) return *error;
    return std::make_shared<Job>();
  }
  Result<RequestPlan> plan(GenerateRequest) override { return RequestPlan(); }
  Play play;

 private:
  ServedModel model_;
};

GenerateResult hello() {
  GenerateResult result;
  result.text = "Hello";
  return result;
}

struct DialectTest : testing::Test {
  AppOptions options;
  std::shared_ptr<Scripted> model = std::make_shared<Scripted>();
  std::shared_ptr<App> app;
  std::unique_ptr<TestServer> server;

  ~DialectTest() override {
    server.reset();
    if (app) app->finish();
  }
  void start(bool loaded = true) {
    options.memory = std::make_shared<MemoryBudget>(4u << 20);
    app = std::make_shared<App>(options);
    if (loaded) app->set_models(single_model(model));
    Router router = app->routes();
    app->add_chat(router, "/lines/ask", kLines);
    router.speak("/lines/", kLines);
    ServerOptions server_options;
    server_options.memory = options.memory;
    server_options.limits.message.max_body_bytes = 1000;
    server_options.limits.message.max_header_bytes = 1000;
    server = std::make_unique<TestServer>(server_options, std::move(router),
                                          AccessPolicy({"k"}, {}), app->hooks());
  }
  std::string send(const std::string& wire) const {
    RawClient client(server->port());
    client.send(wire);
    return client.read_all();
  }
  std::string ask(const std::string& body, const std::string& path = "/lines/ask",
                  const std::string& headers = "Authorization: Bearer k\r\n") const {
    return send(
        fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}"
                    "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                    path, headers, body.size(), body));
  }
  // A stream's bytes without the framing of its chunks.
  static std::string stream_of(const std::string& response) {
    EXPECT_TRUE(has(response, "Transfer-Encoding: chunked")) << response;
    std::string rest = body_of(response), out;
    while (!rest.empty()) {
      const std::size_t size = std::stoul(rest, nullptr, 16), begin = rest.find("\r\n") + 2;
      if (size == 0) return out;
      out += rest.substr(begin, size);
      rest.erase(0, begin + size + 2);
    }
    ADD_FAILURE() << "the stream does not end: " << response;
    return out;
  }
};

TEST_F(DialectTest, AWholeAnswer) {
  start();
  model->play = [](const auto& text, const auto& done) {
    EXPECT_FALSE(text);
    done(hello());
    return std::nullopt;
  };
  const std::string response = ask("What?");
  EXPECT_EQ(status_of(response), 200);
  EXPECT_TRUE(has(body_of(response), R"({"id":"line-)")) << response;
  EXPECT_TRUE(has(body_of(response), R"(","text":"Hello"})")) << response;
}

TEST_F(DialectTest, AStream) {
  start();
  model->play = [](const auto& text, const auto& done) {
    text({.text = "Hel"});
    text({.text = "lo"});
    done(hello());
    return std::nullopt;
  };
  const std::string response = ask("stream: What?");
  EXPECT_EQ(status_of(response), 200);
  EXPECT_TRUE(has(response, "Content-Type: application/x-ndjson\r\n")) << response;
  EXPECT_EQ(stream_of(response),
            "{\"begin\":\"\"}\n{\"1\":\"Hel\"}\n{\"2\":\"lo\"}\n{\"end\":\"\"}\n");
}

TEST_F(DialectTest, AKnownAnswerIsStreamedAtOnce) {
  start();
  model->play = [](const auto& text, const auto& done) {
    GenerateResult known = hello();
    known.cached = true;
    known.more.push_back({});
    known.more[0].text = "Salut";
    text({.text = known.text, .whole = true});
    text({.text = known.more[0].text, .choice = 1, .whole = true});
    done(std::move(known));
    return std::nullopt;
  };
  EXPECT_EQ(stream_of(ask("stream: What?")),
            "{\"begin\":\"\"}\n{\"1\":\"Hello\"}\n{\"2\":\"Salut\"}\n{\"end\":\"\"}\n");
}

TEST_F(DialectTest, ErrorsBeforeAnAnswerBeginsAreWhole) {
  start();
  EXPECT_EQ(status_of(ask("!")), 400);
  EXPECT_EQ(body_of(ask("!")), R"({"error":"not a question"})");
  for (const char* question : {"What?", "stream: What?"}) {
    // Refused at once, and while it was waiting.
    model->play = [](const auto&, const auto&) {
      return Error{ErrorCode::kQueueFull, "too many wait"};
    };
    std::string response = ask(question);
    EXPECT_EQ(status_of(response), 429);
    EXPECT_TRUE(has(response, "Retry-After: "));
    EXPECT_EQ(body_of(response), R"({"error":"too many wait"})");
    model->play = [](const auto&, const auto& done) {
      done(Error{ErrorCode::kDeadline, "too late"});
      return std::nullopt;
    };
    response = ask(question);
    EXPECT_EQ(status_of(response), 504);
    EXPECT_TRUE(has(response, "Content-Type: application/json"));
    EXPECT_EQ(body_of(response), R"({"error":"too late"})");
    model->play = [](const auto&, const auto&) -> std::optional<Error> { throw std::bad_alloc(); };
    EXPECT_EQ(status_of(ask(question)), 503);
  }
}

TEST_F(DialectTest, AnErrorBehindTheHeadIsTheStreamsLastLine) {
  start();
  model->play = [](const auto& text, const auto& done) {
    text({.text = "Hel"});
    done(Error{ErrorCode::kDeadline, "too late"});
    return std::nullopt;
  };
  const std::string response = ask("stream: What?");
  EXPECT_EQ(status_of(response), 200);
  EXPECT_EQ(stream_of(response), "{\"begin\":\"\"}\n{\"1\":\"Hel\"}\n{\"error\":\"too late\"}\n");
}

TEST_F(DialectTest, WithoutAKeepAliveSilenceIsSilence) {
  options.ping_every = 1ms;
  start();
  Service::OnText text;
  Service::OnDone done;
  std::promise<void> asked;
  model->play = [&](const auto& on_text, const auto& on_done) {
    text = on_text;
    done = on_done;
    asked.set_value();
    return std::nullopt;
  };
  RawClient client(server->port());
  client.send(
      "POST /lines/ask HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer k\r\n"
      "Content-Type: application/json\r\nContent-Length: 13\r\n\r\nstream: What?");
  asked.get_future().wait();
  std::this_thread::sleep_for(20ms);  // what would come, would come now
  EXPECT_FALSE(client.has_bytes());
  done(Error{ErrorCode::kDeadline, "too late"});
  EXPECT_EQ(status_of(client.read_response()), 504) << "nothing had been sent";
}

// What goes wrong before a route is known, or a body read, is told as the path's dialect tells it.
TEST_F(DialectTest, RefusalsTakeTheShapeOfThePath) {
  start();
  const auto expect = [&](int status, const std::string& response, bool lines = true) {
    EXPECT_EQ(status_of(response), status) << response;
    EXPECT_EQ(body_of(response).starts_with(R"({"error":")"), lines) << response;
    EXPECT_EQ(body_of(response).starts_with(R"({"error":{"message":")"), !lines) << response;
  };
  const std::string known = "Authorization: Bearer k\r\n";
  for (const bool lines : {true, false}) {
    const std::string at = lines ? "/lines/" : "/other/";
    const std::string chat = lines ? "/lines/ask" : "/v1/chat/completions";
    const std::string host = " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    expect(401, ask("x", chat, ""), lines);
    expect(401, ask("x", chat, "Authorization: Bearer no\r\n"), lines);
    expect(401, ask("x", at + "nothing", ""), lines);
    expect(404, ask("x", at + "nothing"), lines);
    expect(405, send("DELETE " + chat + host + known + "\r\n"), lines);
    expect(411, send("POST " + chat + host + known + "Content-Type: application/json\r\n\r\n"),
           lines);
    expect(413, ask(std::string(1001, 'x'), chat), lines);
    expect(415, send("POST " + chat + host + known + "Content-Type: text/plain\r\n\r\n"), lines);
    expect(415, ask("x", chat, known + "Content-Encoding: br\r\n"), lines);
    expect(400, ask("no gzip", chat, known + "Content-Encoding: gzip\r\n"), lines);
    expect(417, ask("x", chat, known + "Expect: more\r\n"), lines);
    expect(403, send("GET " + at + " HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
           lines);
    expect(400, send("GET " + at + " HTTP/1.1\r\nHost: a b\r\n\r\n"), lines);
    expect(400, send("GET " + at + " HTTP/1.1\r\n\r\n"), lines);
  }
  expect(431,
         send("GET /lines/ HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(2000, 'x') + "\r\n"));
  expect(400, send("GARBAGE\r\n\r\n"), false);  // no path can be read
}

TEST_F(DialectTest, AModelThatIsNotThereYetIsToldSo) {
  start(false);
  const std::string response = ask("What?");
  EXPECT_EQ(status_of(response), 503);
  EXPECT_EQ(body_of(response), R"({"error":"the model is still being loaded"})");
}

}  // namespace
}  // namespace oc::http
