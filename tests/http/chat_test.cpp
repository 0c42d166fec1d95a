// The way of pictures through the server: where they are decoded, and what ends it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/json/parse.hpp>
#include <functional>
#include <future>
#include <mutex>
#include <new>
#include <set>

#include "http/app.h"
#include "tests/http/raw_client.h"

namespace oc::http {
namespace {

using namespace std::chrono_literals;

// Answers at once. Its model is asked for before each picture is decoded, on that thread: the place
// for a test to let something happen.
class Model final : public Backend {
 public:
  const ServedModel& model() const override {
    if (on_step) on_step(++steps);
    return model_;
  }
  ServiceStats stats() const override { return {}; }
  Result<std::shared_ptr<Job>> submit(GenerateRequest request, Service::OnText,
                                      Service::OnDone done) override {
    if (no_memory) throw std::bad_alloc();
    {
      const std::lock_guard lock(mutex_);
      pictures_.push_back(request.images.size());
    }
    GenerateResult result;
    result.text = "Hello";
    if (request.task && finds_objects(*request.task)) result.objects = {{.x = 0.5, .y = 0.25}};
    done(std::move(result));
    return std::make_shared<Job>();
  }
  Result<RequestPlan> plan(GenerateRequest) override { return RequestPlan(); }

  void set_tasks(const TaskSupport& tasks) { model_.tasks = tasks; }

  std::function<void(int)> on_step;
  mutable std::atomic<int> steps{0};
  bool no_memory = false;
  // Of each request, in the order in which they came.
  std::vector<std::size_t> pictures() const {
    const std::lock_guard lock(mutex_);
    return pictures_;
  }

 private:
  ServedModel model_;
  std::vector<std::size_t> pictures_;
  mutable std::mutex mutex_;
};

// Has its model at once, or has to load it on a thread of its own.
class Models final : public ModelSource {
 public:
  explicit Models(std::shared_ptr<Model> model) : model_(std::move(model)) {}
  ~Models() override {
    if (loader.joinable()) loader.join();
  }
  std::optional<ServedModel> active() const override { return ServedModel(); }
  std::vector<ServedModel> models() const override { return known; }
  std::vector<std::string> installed() const override { return {}; }
  ServiceStats stats() const override { return {}; }
  RequestDefaults defaults(const std::string&) const override { return {}; }
  void activate(const std::string&, Switched done) override { done({}); }
  void find(const std::string&, Ready ready) override {
    if (!loads) {
      ready(std::shared_ptr<Backend>(model_));
      ++found;
      return;
    }
    if (loader.joinable()) loader.join();
    loader = std::thread([this, ready = std::move(ready)] {
      loader_id = std::this_thread::get_id();
      ready(std::shared_ptr<Backend>(model_));
      ++found;
    });
  }

  std::vector<ServedModel> known = {ServedModel()};
  bool loads = false;
  std::atomic<int> found{0};
  std::thread::id loader_id;
  std::thread loader;

 private:
  std::shared_ptr<Model> model_;
};

std::string base64(const std::vector<std::byte>& bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t j = i; j < i + 3; ++j)
      bits = bits << 8 | (j < bytes.size() ? static_cast<unsigned>(bytes[j]) : 0);
    for (int j = 18; j >= 0; j -= 6)
      text += i + static_cast<std::size_t>(18 - j) / 6 <= bytes.size() ? kAlphabet[bits >> j & 63]
                                                                       : '=';
  }
  return text;
}

struct ChatTest : testing::Test {
  AppOptions options;
  std::shared_ptr<Model> model = std::make_shared<Model>();
  std::shared_ptr<Models> models = std::make_shared<Models>(model);
  std::shared_ptr<App> app;
  std::atomic<std::size_t> connections{0};
  std::unique_ptr<TestServer> server;

  ~ChatTest() override {
    server.reset();
    if (app) app->finish();
  }
  void start() {
    options.memory = std::make_shared<MemoryBudget>(64u << 20);
    app = std::make_shared<App>(options);
    app->set_models(models);
    ServerHooks hooks = app->hooks();
    hooks.on_connections = [this](std::size_t open) { connections = open; };
    ServerOptions server_options;
    server_options.memory = options.memory;
    server = std::make_unique<TestServer>(server_options, app->routes(), AccessPolicy({}, {}),
                                          std::move(hooks));
  }
  static std::string question(int pictures) {
    Image image{40, 30, std::vector<std::uint8_t>(40 * 30 * 3, 99)};
    const std::string part = R"({"type":"image_url","image_url":{"url":"data:image/png;base64,)" +
                             base64(encode_png(image)) + R"("}},)";
    std::string body = R"({"messages":[{"role":"user","content":[)";
    for (int i = 0; i < pictures; ++i) body += part;
    body += R"({"type":"text","text":"What?"}]}]})";
    return fmt::format(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        body.size(), body);
  }
  // A task's body, with a picture in it, to its route.
  static std::string task(std::string_view route, std::string_view more) {
    Image image{40, 30, std::vector<std::uint8_t>(40 * 30 * 3, 99)};
    const std::string body = fmt::format(R"({{"image_url":"data:image/png;base64,{}"{}}})",
                                         base64(encode_png(image)), more);
    return fmt::format(
        "POST /v1/{} HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        route, body.size(), body);
  }
  std::string ask(const std::string& wire) const {
    RawClient client(server->port());
    client.send(wire);
    return client.read_response();
  }
  std::string get(const std::string& path) const {
    return ask("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  static void wait_for(const std::function<bool()>& what) {
    for (int i = 0; i < 60'000 && !what(); ++i) std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(what());
  }
  // Everything is over, and nothing is held any more.
  void wait_for_the_end() {
    wait_for([&] { return options.memory->used() == 0; });
    EXPECT_TRUE(model->pictures().empty()) << "the model was asked for nobody";
    EXPECT_LE(model->steps, kStep + 1) << "pictures were decoded for nobody";
  }
  static constexpr int kStep = 8;  // some pictures of sixteen are decoded then
};

TEST_F(ChatTest, PicturesAreDecodedAndCounted) {
  start();
  std::size_t held = 0;  // while they are decoded, one after the other
  model->on_step = [&](int) { held = std::max(held, options.memory->used()); };
  const std::string response = ask(question(16));
  EXPECT_EQ(status_of(response), 200) << response;
  EXPECT_GE(held, 16u * 40 * 30 * 3) << "all of them are paid for before the first is decoded";
  EXPECT_EQ(model->pictures(), (std::vector<std::size_t>{16}));
  wait_for([&] { return options.memory->used() == 0; });
  EXPECT_TRUE(has(get("/metrics"), "ocellus_pictures_decoded_total{result=\"decoded\"} 16\n"));
}

TEST_F(ChatTest, TasksAreAnsweredInTheFormOfTheirRoutes) {
  model->set_tasks({.query = true, .point = true});
  start();
  const std::string answer = ask(task("query", R"(,"question":"What?")"));
  EXPECT_TRUE(has(answer, "HTTP/1.1 200")) << answer;
  EXPECT_TRUE(has(answer, R"("answer":"Hello")")) << answer;
  EXPECT_TRUE(has(answer, R"({"request_id":"query-)")) << answer;
  const std::string points = ask(task("point", R"(,"object":"cat")"));
  EXPECT_TRUE(has(points, R"("points":[{"x":0.5,"y":0.25}],"count":1)")) << points;
  EXPECT_EQ(model->pictures(), (std::vector<std::size_t>{1, 1}));
}

TEST_F(ChatTest, ATaskThatTheModelLacksIsRefusedWithThoseWhoHaveIt) {
  model->set_tasks({.query = true});
  ServedModel other;
  other.name = "finder";
  other.tasks.detect = true;
  models->known.push_back(other);
  start();
  const std::string refused = ask(task("detect", R"(,"object":"cat")"));
  EXPECT_TRUE(has(refused, "HTTP/1.1 400")) << refused;
  EXPECT_TRUE(has(refused, "does not do detect")) << refused;
  EXPECT_TRUE(has(refused, "of the models that are loaded here finder does it")) << refused;
  EXPECT_TRUE(has(ask(task("point", R"(,"object":"cat")")),
                  "none of the models that are loaded here does it"));
  EXPECT_TRUE(model->pictures().empty());
}

TEST_F(ChatTest, AClientThatLeavesEndsTheDecoding) {
  start();
  auto client = std::make_unique<RawClient>(server->port());
  model->on_step = [&](int step) {
    if (step != kStep) return;
    client->close();
    wait_for([&] { return connections == 0; });
  };
  client->send(question(16));
  wait_for([&] { return model->steps >= kStep; });
  wait_for_the_end();
}

TEST_F(ChatTest, AServerThatIsStoppedEndsTheDecoding) {
  start();
  model->on_step = [&](int step) {
    if (step != kStep) return;
    server->server().stop();
    wait_for([&] { return connections == 0; });
  };
  RawClient client(server->port());
  client.send(question(16));
  wait_for([&] { return model->steps >= kStep; });
  wait_for_the_end();
  app->finish();  // and nothing keeps the program from ending
}

TEST_F(ChatTest, TheTimeLimitEndsTheDecoding) {
  options.time_limit = 2000ms;
  start();
  model->on_step = [&](int step) {
    if (step == kStep) std::this_thread::sleep_for(2100ms);
  };
  const std::string response = ask(question(16));
  EXPECT_EQ(status_of(response), 504) << response;
  EXPECT_TRUE(has(response, "deadline_exceeded"));
  EXPECT_TRUE(has(response, "out of time during decoding of a picture"));
  wait_for_the_end();
  EXPECT_TRUE(has(get("/metrics"), "ocellus_pictures_decoded_total{result=\"stopped\"} 1\n"));
}

// Loading a model takes one thread, and it must be free for the next one.
TEST_F(ChatTest, TheThreadThatLoadsModelsDecodesNothing) {
  models->loads = true;
  start();
  std::mutex mutex;
  std::multiset<std::thread::id> threads;
  model->on_step = [&](int) {
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  };
  for (const int pictures : {0, 1, 5}) {
    threads.clear();
    EXPECT_EQ(status_of(ask(question(pictures))), 200);
    wait_for([&] { return options.memory->used() == 0; });
    models->loader.join();
    EXPECT_LE(threads.count(models->loader_id), 1u) << "for the log";
    EXPECT_GT(threads.size(), 2u + static_cast<std::size_t>(pictures));
  }
}

// One thread decodes, and stands still: nothing else waits for it.
TEST_F(ChatTest, SmallQuestionsDoNotWaitForPictures) {
  options.decoders = 1;
  start();
  std::promise<void> go_on;
  model->on_step = [&, go = go_on.get_future().share()](int step) {
    if (step == kStep) go.wait();
  };
  RawClient client(server->port());
  client.send(question(16));
  wait_for([&] { return model->steps >= kStep; });
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(status_of(get("/health")), 200);
    EXPECT_EQ(status_of(ask(question(0))), 200);
  }
  EXPECT_EQ(model->pictures(), (std::vector<std::size_t>(4, 0)));
  go_on.set_value();
  EXPECT_EQ(status_of(client.read_response()), 200);
}

TEST_F(ChatTest, OnePictureDoesNotWaitForSixteen) {
  options.decoders = 1;
  start();
  std::promise<void> go_on;
  model->on_step = [&, go = go_on.get_future().share()](int step) {
    if (step == kStep) go.wait();
  };
  RawClient large(server->port()), small(server->port());
  large.send(question(16));
  wait_for([&] { return model->steps >= kStep; });
  small.send(question(1));
  wait_for([&] { return models->found == 2; });
  go_on.set_value();
  EXPECT_EQ(status_of(small.read_response()), 200);
  EXPECT_EQ(status_of(large.read_response()), 200);
  EXPECT_EQ(model->pictures(), (std::vector<std::size_t>{1, 16}));
}

TEST_F(ChatTest, NoMemoryIsSaidAndKeptApartFromDamage) {
  start();
  model->no_memory = true;
  for (const int pictures : {0, 2}) {
    const std::string response = ask(question(pictures));
    EXPECT_EQ(status_of(response), 503);
    EXPECT_TRUE(has(response, "out of memory"));
    EXPECT_TRUE(has(response, "Retry-After: "));
  }
  wait_for([&] { return options.memory->used() == 0; });
}

}  // namespace
}  // namespace oc::http
