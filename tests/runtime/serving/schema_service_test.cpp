// JSON schemas in the service: they are compiled one at a time on a thread of their own, and nobody
// else waits for that. The compiler is a fake one that can be held.
#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/runtime/service_fixture.h"

namespace oc {
namespace {

using namespace std::chrono_literals;

struct AnyMatcher final : GrammarMatcher {
  std::vector<std::uint32_t> all = std::vector<std::uint32_t>((fake::kVocab + 31) / 32, ~0u);
  std::span<const std::uint32_t> allowed() override { return all; }
  void accept(TokenId) override {}
  bool complete() const override { return true; }
  std::unique_ptr<GrammarMatcher> fork() const override {
    return std::make_unique<AnyMatcher>(*this);
  }
};
struct AnyGrammar final : Grammar {
  std::unique_ptr<GrammarMatcher> start() const override { return std::make_unique<AnyMatcher>(); }
  std::size_t bytes() const override { return 100; }
};

// Of all compilers that it makes: what they compiled, and whether they may.
struct Workshop {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> begun;
  std::size_t at_once = 0, peak_at_once = 0;
  bool held = true;

  Result<std::shared_ptr<const Grammar>> compile(const std::string& schema) {
    std::unique_lock lock(mutex);
    begun.push_back(schema);
    peak_at_once = std::max(peak_at_once, ++at_once);
    changed.notify_all();
    changed.wait(lock, [&] { return !held; });
    --at_once;
    if (schema == "bad") return Error{ErrorCode::kUnsupported, "a bad schema"};
    return std::shared_ptr<const Grammar>(std::make_shared<AnyGrammar>());
  }
  void wait_for(std::size_t compilations) {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, 60s, [&] { return begun.size() >= compilations; }));
  }
  void open() {
    const std::lock_guard lock(mutex);
    held = false;
    changed.notify_all();
  }
  std::vector<std::string> compiled() {
    const std::lock_guard lock(mutex);
    return begun;
  }
};
struct HeldCompiler final : GrammarCompiler {
  explicit HeldCompiler(std::shared_ptr<Workshop> at) : workshop(std::move(at)) {}
  Result<std::shared_ptr<const Grammar>> compile(const std::string& schema) override {
    return workshop->compile(schema);
  }
  std::shared_ptr<Workshop> workshop;
};

class SchemaServiceTest : public SchedulerTest {
 protected:
  ~SchemaServiceTest() override { workshop->open(); }
  void TearDown() override {
    workshop->open();
    service_.reset();
    SchedulerTest::TearDown();
  }
  void begin(ServiceOptions options = {}) {
    options.make_grammar_compiler =
        [this](const GrammarVocabulary&) -> Result<std::unique_ptr<GrammarCompiler>> {
      return std::unique_ptr<GrammarCompiler>(std::make_unique<HeldCompiler>(workshop));
    };
    options.ending = ending;
    serve(FakeModel::answering({287, kEnd}), options);
  }
  static GenerateRequest wants(std::string schema, std::string asker = "") {
    GenerateRequest request = question("hello");
    request.json_schema = std::move(schema);
    request.asker = std::move(asker);
    return request;
  }
  // Its schema is being compiled, and held.
  std::future<Result<GenerateResult>> submit_held(std::string schema = "first") {
    auto result = submit(wants(std::move(schema)));
    workshop->wait_for(1);
    return result;
  }
  using Names = std::vector<std::string>;

  std::shared_ptr<Workshop> workshop = std::make_shared<Workshop>();
  std::shared_ptr<Ending> ending = std::make_shared<Ending>();
};

TEST_F(SchemaServiceTest, APlainRequestIsAnsweredWhileSchemasWait) {
  begin();
  std::vector<std::future<Result<GenerateResult>>> waiting;
  for (int i = 0; i < 30; ++i) waiting.push_back(submit(wants(fmt::format("schema {}", i))));
  workshop->wait_for(1);
  EXPECT_EQ(ask(question("hello")).text, "hello");
  EXPECT_EQ(workshop->compiled().size(), 1u);  // and it is still held
  EXPECT_EQ(service_->stats().queued, 30u);
  workshop->open();
  for (auto& one : waiting) EXPECT_TRUE(one.get().ok());
  EXPECT_EQ(workshop->compiled().size(), 30u);
  EXPECT_EQ(workshop->peak_at_once, 1u);
}

TEST_F(SchemaServiceTest, AKnownSchemaDoesNotQueueBehindACompilation) {
  begin();
  workshop->held = false;
  ask(wants("known"));
  workshop->held = true;
  auto held = submit(wants("first"));
  workshop->wait_for(2);
  ask(wants("known"));
  EXPECT_EQ(workshop->compiled(), (Names{"known", "first"}));
  workshop->open();
  EXPECT_TRUE(held.get().ok());
}

TEST_F(SchemaServiceTest, WhoHasLeftIsNotCompiledFor) {
  begin();
  auto held = submit_held();
  auto cancelled = submit(wants("cancelled"));
  last_job_->cancel();
  std::atomic<bool> gone = false;
  GenerateRequest request = wants("abandoned");
  request.abandoned = [&] { return gone.load(); };
  auto abandoned = submit(std::move(request));
  gone = true;
  // At once, and not when their turn comes: the first one is still held.
  EXPECT_EQ(cancelled.get().error().code, ErrorCode::kCancelled);
  EXPECT_EQ(abandoned.get().error().code, ErrorCode::kCancelled);
  EXPECT_EQ(service_->stats().queued, 1u);
  workshop->open();
  EXPECT_TRUE(held.get().ok());
  ask(wants("last"));
  EXPECT_EQ(workshop->compiled(), (Names{"first", "last"}));
}

TEST_F(SchemaServiceTest, WhoIsOutOfTimeIsToldAtOnceAndNotCompiledFor) {
  begin();
  auto held = submit_held();
  GenerateRequest request = wants("late");
  request.deadline = std::chrono::steady_clock::now() + 20ms;
  EXPECT_EQ(submit(std::move(request)).get().error().code, ErrorCode::kDeadline);
  workshop->open();
  EXPECT_TRUE(held.get().ok());
  ask(wants("last"));
  EXPECT_EQ(workshop->compiled(), (Names{"first", "last"}));
}

// The one whose schema is being compiled, too.
TEST_F(SchemaServiceTest, NobodyWaitsForACompilationThatCannotBeStopped) {
  begin();
  GenerateRequest request = wants("first");
  request.deadline = std::chrono::steady_clock::now() + 1s;  // later than the compilation begins
  auto result = submit(std::move(request));
  workshop->wait_for(1);
  EXPECT_EQ(result.get().error().code, ErrorCode::kDeadline);
  EXPECT_EQ(workshop->compiled(), (Names{"first"}));
}

TEST_F(SchemaServiceTest, WhatWaitsAtTheEndIsToldSo) {
  begin();
  auto held = submit_held(), waits = submit(wants("second"));
  ending->begin();
  for (auto* one : {&held, &waits}) {
    const auto result = one->get();
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(result.error().message, "the server is shutting down");
  }
  EXPECT_TRUE(submit(question("hello")).get().ok());
  service_->drain();  // and nothing is waited for
  EXPECT_EQ(workshop->compiled(), (Names{"first"}));
}

TEST_F(SchemaServiceTest, OneCompilationDoesForAllThatWaitForIt) {
  begin();
  auto held = submit_held();
  std::vector<std::future<Result<GenerateResult>>> same;
  for (int i = 0; i < 5; ++i) same.push_back(submit(wants("same")));
  for (int i = 0; i < 5; ++i) same.push_back(submit(wants("bad")));
  workshop->open();
  EXPECT_TRUE(held.get().ok());
  for (std::size_t i = 0; i < same.size(); ++i) {
    const auto result = same[i].get();
    EXPECT_EQ(result.ok(), i < 5) << i;
    if (!result.ok()) EXPECT_EQ(result.error().message, "a bad schema");
  }
  service_->drain();
  EXPECT_EQ(workshop->compiled(), (Names{"first", "same", "bad"}));
}

// Whatever each shows as its key.
TEST_F(SchemaServiceTest, AskersTakeTurns) {
  begin();
  std::vector<std::future<Result<GenerateResult>>> all;
  const auto ask_as = [&](const char* asker, int i) {
    GenerateRequest request = wants(fmt::format("{}{}", asker, i), asker);
    request.client = *request.json_schema;
    all.push_back(submit(std::move(request)));
  };
  ask_as("a", 0);
  workshop->wait_for(1);
  for (int i = 1; i < 4; ++i) ask_as("a", i);
  for (int i = 0; i < 2; ++i) ask_as("b", i);
  ask_as("c", 0);
  workshop->open();
  for (auto& one : all) EXPECT_TRUE(one.get().ok());
  EXPECT_EQ(workshop->compiled(), (Names{"a0", "b0", "c0", "a1", "b1", "a2", "a3"}));
}

TEST_F(SchemaServiceTest, HalfOfTheQueueIsForOthers) {
  begin({.max_queue = 4, .max_running = 1});
  auto held = submit_held();
  auto second = submit(wants("second"));
  const auto refused =
      service_->submit(wants("third"), nullptr, [](Result<GenerateResult>) { FAIL(); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kQueueFull);
  EXPECT_NE(refused.error().hint.find("--max-queue"), std::string::npos);
  EXPECT_TRUE(submit(question("hello")).get().ok());
  EXPECT_EQ(service_->stats().rejected, 1u);
  workshop->open();
  EXPECT_TRUE(held.get().ok());
  EXPECT_TRUE(second.get().ok());
}

// Frames of one camera, each with a schema of its own, until `done`.
template <class Done>
void film(Service& service, const GenerateRequest& frame, const Done& done) {
  for (int i = 0; i < 60'000 && !done(); ++i) {
    GenerateRequest next = frame;
    next.json_schema = fmt::format("frame {}", i);
    next.stream_key = "camera";
    next.latest_wins = true;
    (void)service.submit(std::move(next), nullptr, [](auto) {});
    std::this_thread::sleep_for(1ms);
  }
}

TEST_F(SchemaServiceTest, WhoComesDoesNotKeepOthersFromBeingTold) {
  begin();
  auto held = submit_held();
  GenerateRequest late = wants("late", "somebody");
  late.deadline = std::chrono::steady_clock::now() + 5ms;
  auto told = submit(std::move(late));
  film(*service_, wants("", "camera"),
       [&] { return told.wait_for(0ms) == std::future_status::ready; });
  ASSERT_EQ(told.wait_for(0ms), std::future_status::ready) << "while frames came";
  EXPECT_EQ(told.get().error().code, ErrorCode::kDeadline);
  workshop->open();
}

TEST_F(SchemaServiceTest, ACamerasNewestFrameDoesNotGoBeforeWhatIsOlder) {
  begin();
  auto held = submit_held();
  (void)service_->submit(
      [] {
        GenerateRequest first = wants("frame");
        first.stream_key = "camera";
        first.latest_wins = true;
        return first;
      }(),
      nullptr, [](auto) {});
  auto other = submit(wants("other"));
  int frames = 0;
  film(*service_, wants(""), [&] { return ++frames > 3; });
  workshop->open();
  EXPECT_TRUE(other.get().ok());
  const Names compiled = workshop->compiled();
  ASSERT_GE(compiled.size(), 2u);
  EXPECT_EQ(compiled[1], "other");
}

}  // namespace
}  // namespace oc
