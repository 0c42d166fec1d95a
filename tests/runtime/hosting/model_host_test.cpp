#include "runtime/hosting/model_host.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "runtime/hosting/model_memory.h"
#include "runtime/library/names.h"
#include "tests/runtime/hosting/model_host_fixture.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

TEST_F(ModelHostTest, NothingIsActiveBeforeTheFirstSwitch) {
  start({"a"});
  EXPECT_FALSE(host->active().has_value());
  EXPECT_EQ(status("a").state, ModelState::kAbsent);
  const auto lease = acquire("");
  ASSERT_FALSE(lease.ok());
  EXPECT_EQ(lease.error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(activate("a").ok());
  EXPECT_EQ(host->active()->name, "a");
  EXPECT_EQ(host->active()->state, ModelState::kReady);
  EXPECT_EQ(answer(""), token_of("a"));
}

TEST_F(ModelHostTest, NamesReachTheirModels) {
  start({"a", "b"});
  ASSERT_TRUE(activate("a").ok());
  EXPECT_EQ(answer("default"), token_of("a"));
  EXPECT_EQ(answer("b"), token_of("b"));  // loaded on demand,
  EXPECT_EQ(host->active()->name, "a");   // and that is no switch
  EXPECT_EQ(answer(""), token_of("a"));
  EXPECT_EQ(status("b").requests, 1u);
  for (const char* name : {"c", "../a", "/etc", "default2"}) {
    const auto lease = acquire(name);
    ASSERT_FALSE(lease.ok()) << name;
    EXPECT_EQ(lease.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(activate(name).error().code, ErrorCode::kNotFound);
  }
  EXPECT_EQ(activate("default").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(host->status().size(), 2u);  // strange names leave nothing behind
}

TEST_F(ModelHostTest, InstalledModelsAreFound) {
  options.find = [](const std::string& name) -> Result<ModelRecipe> {
    if (name != "c") return Error{ErrorCode::kNotFound, "no"};
    return ModelRecipe{.name = "c", .source = "c", .fallback = {}};
  };
  start({"a"});
  ASSERT_TRUE(activate("a").ok());
  EXPECT_EQ(answer("c"), token_of("c"));
  EXPECT_FALSE(acquire("d").ok());
  ASSERT_TRUE(activate("c").ok());
  EXPECT_EQ(answer(""), token_of("c"));
}

// A folder is loaded once, however it is spelled.
TEST_F(ModelHostTest, AnotherNameOfAKnownModelsFolderIsThatModel) {
  const std::filesystem::path home = scratch_path("other-names-of-a-model");
  std::filesystem::remove_all(home);
  std::filesystem::create_directories(home / "a");
  std::filesystem::create_directory_symlink(home / "a", home / "link");
  const std::string folder = (home / "a").string();
  options.find = [&](const std::string& name) -> Result<ModelRecipe> {
    if (name == "org/a" || name == "short")
      return ModelRecipe{
          .name = "org/a", .source = (home / "link").string(), .fallback = {}, .only_source = true};
    if (name == "own") return ModelRecipe{.name = "own", .source = folder, .fallback = {}};
    return Error{ErrorCode::kNotFound, "no"};
  };
  start({"b"});
  host->add({.name = "a", .source = folder, .fallback = {}});
  ASSERT_TRUE(activate("a").ok());
  EXPECT_EQ(host->known_name("short"), "a");
  EXPECT_EQ(host->known_name("own"), "own");
  EXPECT_EQ(host->known_name("nobody"), "nobody");
  for (const char* name : {"org/a", "short", "org/a"}) EXPECT_EQ(answer(name), token_of("a"));
  ASSERT_TRUE(activate("org/a").ok());
  EXPECT_EQ(load_count(), 1u);
  EXPECT_EQ(host->active()->name, "a");
  EXPECT_EQ(host->named("org/a")->name, "a");
  EXPECT_EQ(std::ranges::count(status("a").aliases, "org/a"), 1);
  EXPECT_EQ(answer("own"), token_of("a")) << "one with settings of its own";
  EXPECT_EQ(load_count(), 2u);
}

TEST_F(ModelHostTest, TheOldOneServesUntilTheNewOneIsReadyAndThenFinishes) {
  std::promise<void> open;
  gates["b"] = open.get_future().share();
  start({"a", "b"});
  ASSERT_TRUE(activate("a").ok());
  auto held = acquire("").value();  // a request that is being answered
  std::promise<Result<void>> switched;
  host->activate("b", [&](Result<void> result) { switched.set_value(std::move(result)); });
  ASSERT_TRUE(reaches("b", ModelState::kLoading));
  EXPECT_TRUE(host->busy());
  EXPECT_EQ(answer(""), token_of("a"));
  open.set_value();
  ASSERT_TRUE(switched.get_future().get().ok());
  EXPECT_EQ(answer(""), token_of("b"));
  EXPECT_EQ(status("a").state, ModelState::kDraining);
  EXPECT_EQ(ask(held)->ids.at(0), token_of("a"));  // even one that comes to submit only now
  held.reset();
  EXPECT_TRUE(reaches("a", ModelState::kAbsent));
  EXPECT_EQ(status("a").bytes, 0u);
  EXPECT_EQ(host->stats().completed, 3u);  // those of the model that has gone, too
}

TEST_F(ModelHostTest, HowFarALoadIsIsToldWhileItIsUnderWay) {
  std::promise<void> gate;
  gates["b"] = gate.get_future().share();
  options.load_progress = [] { return LoadProgress{"quantizing", 3, 10}; };
  start({"a", "b"});
  ASSERT_TRUE(activate("a").ok());
  EXPECT_EQ(status("a").loading.total, 0u) << "it is there";
  auto lease = acquire_later("b");
  ASSERT_TRUE(reaches("b", ModelState::kLoading));
  EXPECT_EQ(status("b").loading.phase, "quantizing");
  EXPECT_EQ(status("b").loading.done, 3u);
  const double before = status("b").loading_s;
  while (status("b").loading_s <= before) std::this_thread::sleep_for(1ms);
  gate.set_value();
  ASSERT_TRUE(lease.get().ok());
  EXPECT_EQ(status("b").loading.total, 0u);
  EXPECT_EQ(status("b").loading_s, 0);
}

TEST_F(ModelHostTest, AModelThatIsAskedForWhileItDrainsStays) {
  start({"a", "b"});
  ASSERT_TRUE(activate("a").ok());
  auto held = acquire("a").value();
  ASSERT_TRUE(activate("b").ok());
  EXPECT_EQ(status("a").state, ModelState::kDraining);
  EXPECT_EQ(answer("a"), token_of("a"));
  EXPECT_EQ(status("a").state, ModelState::kReady);
  held.reset();
  EXPECT_EQ(answer("a"), token_of("a"));
  EXPECT_EQ(load_count(), 2u);
}

TEST_F(ModelHostTest, AFailedLoadLeavesTheOldOneServingAndSaysWhy) {
  broken = {"b"};
  start({"a", "b"});
  ASSERT_TRUE(activate("a").ok());
  const auto switched = activate("b");
  ASSERT_FALSE(switched.ok());
  EXPECT_NE(switched.error().message.find("b is truncated"), std::string::npos);
  EXPECT_EQ(host->active()->name, "a");
  EXPECT_EQ(answer(""), token_of("a"));
  EXPECT_EQ(status("b").state, ModelState::kFailed);
  EXPECT_NE(status("b").why.find("truncated"), std::string::npos);
  // Requests for it are told at once; the disk is not read for each of them.
  const std::size_t before = load_count();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(acquire("b").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(load_count(), before);
  // A switch tries again, and so does a request after a while.
  broken.clear();
  ASSERT_TRUE(activate("b").ok());
  EXPECT_EQ(status("b").why, "");
  EXPECT_EQ(answer(""), token_of("b"));
}

TEST_F(ModelHostTest, ARequestTriesAgainLater) {
  broken = {"b"};
  options.retry_after_failure = 0ms;
  start({"a", "b"});
  ASSERT_TRUE(activate("a").ok());
  EXPECT_FALSE(acquire("b").ok());
  {
    const std::lock_guard lock(mutex);
    broken.clear();
  }
  EXPECT_EQ(answer("b"), token_of("b"));
}

TEST_F(ModelHostTest, OneLoadForAllThatWait) {
  std::promise<void> open;
  gates["b"] = open.get_future().share();
  options.max_waiting = 3;
  start({"a", "b"});
  ASSERT_TRUE(activate("a").ok());
  std::vector<std::future<Result<LeasePtr>>> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(acquire_later("b"));
  const Error full = acquire("b").error();
  EXPECT_EQ(full.code, ErrorCode::kQueueFull);
  EXPECT_NE(full.hint.find("--max-queue"), std::string::npos) << full.hint;
  open.set_value();
  for (auto& one : waiting) EXPECT_TRUE(one.get().ok());
  EXPECT_EQ(load_count(), 2u);
}

TEST_F(ModelHostTest, TheFallbackAnswersAndSaysWhy) {
  broken = {"bad"};
  start({});
  ModelRecipe recipe{.name = "m", .source = "bad", .fallback = "full"};
  recipe.engine.engine = "reference";
  host->add(recipe);
  ASSERT_TRUE(activate("m").ok());
  EXPECT_EQ(loads, (std::vector<std::string>{"bad:reference", "full:cpu"}));
  EXPECT_EQ(host->active()->name, "m");
  EXPECT_EQ(host->active()->fallback, "bad is truncated");
  EXPECT_EQ(answer("m"), token_of("full"));
}

TEST_F(ModelHostTest, AFallbackToTheSameCheckpointIsToldOnce) {
  broken = {"bad"};
  start({});
  host->add({.name = "m", .source = "bad", .fallback = "bad"});
  const auto result = activate("m");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "bad is truncated");
  EXPECT_EQ(loads.size(), 2u) << "another engine may have managed it";
}

TEST_F(ModelHostTest, BothBadIsOneErrorWithBothReasons) {
  broken = {"bad", "full"};
  start({});
  host->add({.name = "m", .source = "bad", .fallback = "full"});
  const auto result = activate("m");
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("bad is truncated"), std::string::npos);
  EXPECT_NE(result.error().message.find("full is truncated"), std::string::npos);
  EXPECT_FALSE(host->active().has_value());
}

TEST_F(ModelHostTest, IdleModelsGoAndComeBack) {
  start({});
  ModelRecipe recipe{.name = "a", .source = "a", .fallback = {}};
  recipe.keep_alive = 50ms;
  host->add(recipe);
  ASSERT_TRUE(activate("a").ok());
  {
    const auto held = acquire("a").value();
    std::this_thread::sleep_for(200ms);
    EXPECT_EQ(status("a").state, ModelState::kReady);  // one that is used never goes
  }
  ASSERT_TRUE(reaches("a", ModelState::kAbsent));
  const std::size_t before = load_count();  // on a busy machine it went once more in between
  EXPECT_EQ(host->active()->name, "a");
  EXPECT_EQ(host->active()->info.context_length, 1000);
  EXPECT_EQ(answer(""), token_of("a"));
  EXPECT_EQ(load_count(), before + 1);
}

TEST_F(ModelHostTest, OneThatIsUnloadedFinishesAndComesBack) {
  start({"a", "b"});
  ASSERT_TRUE(activate("a").ok());
  {
    const auto held = acquire("a").value();
    ASSERT_TRUE(host->unload("").ok());
    EXPECT_EQ(status("a").state, ModelState::kDraining);
    EXPECT_EQ(ask(held)->ids.at(0), token_of("a"));
  }
  ASSERT_TRUE(reaches("a", ModelState::kAbsent));
  EXPECT_EQ(host->active()->name, "a");
  EXPECT_TRUE(host->unload("a").ok()) << "it is not there already";
  EXPECT_TRUE(host->unload("b").ok()) << "nor is one that never was";
  EXPECT_EQ(status("b").state, ModelState::kAbsent);
  EXPECT_EQ(host->unload("c").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(answer(""), token_of("a"));
  EXPECT_EQ(load_count(), 2u);
}

TEST_F(ModelHostTest, MemoryIsAskedBeforeLoading) {
  weights = {{"a", 60}, {"b", 50}, {"c", 30}, {"d", 30}};
  options.memory_limit = 100;
  start({"a", "b", "c", "d"});
  ASSERT_TRUE(activate("a").ok());
  const auto result = activate("b");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(result.error().message.find("not enough memory"), std::string::npos);
  EXPECT_EQ(load_count(), 1u);
  EXPECT_EQ(answer(""), token_of("a"));
  // One that is idle and not active makes place.
  EXPECT_EQ(answer("c"), token_of("c"));
  EXPECT_EQ(answer("d"), token_of("d"));
  EXPECT_EQ(status("c").state, ModelState::kAbsent);
  // One that is used does not.
  const auto held = acquire("d").value();
  EXPECT_FALSE(acquire("c").ok());
  EXPECT_EQ(status("d").state, ModelState::kReady);
}

TEST_F(ModelHostTest, SwitchesUnderLoad) {
  start({"a", "b"});
  ASSERT_TRUE(activate("a").ok());
  std::atomic<bool> stop{false};
  std::atomic<int> answers{0}, wrong{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&, i] {
      const std::vector<std::string> names = {"a", "b", ""};
      for (int n = i; !stop; ++n) {
        const std::string& name = names[static_cast<std::size_t>(n) % 3];
        const auto lease = acquire(name);
        const auto result = lease.ok() ? ask(*lease) : Result<GenerateResult>(lease.error());
        if (!result.ok() || (!name.empty() && result->ids.at(0) != token_of(name))) ++wrong;
        ++answers;
      }
    });
  for (int i = 0; i < 100; ++i) {
    const std::string name = i % 2 == 0 ? "b" : "a";
    EXPECT_TRUE(activate(name).ok());
    EXPECT_EQ(host->active()->name, name);
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(host->stats().completed, static_cast<std::uint64_t>(answers));
}

TEST_F(ModelHostTest, TheEndLeavesNobodyWaiting) {
  std::promise<void> open;
  gates["b"] = open.get_future().share();
  start({"a", "b", "c"});
  ASSERT_TRUE(activate("a").ok());
  auto loading = acquire_later("b");
  ASSERT_TRUE(reaches("b", ModelState::kLoading));
  auto queued = acquire_later("c");
  std::thread end([&] { host->shutdown(); });
  while (acquire("a").ok()) std::this_thread::sleep_for(1ms);  // until it is about to end
  open.set_value();
  end.join();
  EXPECT_EQ(queued.get().error().code, ErrorCode::kUnavailable);
  (void)loading.get();  // either way, but answered
  EXPECT_EQ(acquire("a").error().code, ErrorCode::kUnavailable);
}

TEST_F(ModelHostTest, EachModelGetsWhatItsPlanSays) {
  std::vector<std::size_t> taken;  // on the host's thread, one load at a time
  options.plan = [&](const std::string& source, const EngineOptions&,
                     std::size_t others) -> Result<PlannedModel> {
    taken.push_back(others);
    if (others > 50) return Error{ErrorCode::kUnavailable, "too little for " + source};
    PlannedModel planned{options.service, 30};
    planned.service.max_n = source == "a" ? 1 : 2;
    return planned;
  };
  start({"a", "b", "c"});
  ASSERT_TRUE(activate("a").ok());
  ASSERT_TRUE(acquire("b").ok());
  ASSERT_TRUE(acquire("c").ok());  // once the idle one has made place
  EXPECT_EQ(taken, (std::vector<std::size_t>{0, 30, 60, 30}));
  const auto lease = acquire("a");
  GenerateRequest two = question();
  two.n = 2;
  two.sampling.temperature = 1;
  EXPECT_EQ((*lease)->service().submit(two, nullptr, [](const auto&) {}).error().param, "n");
}

TEST(ModelMemory, WeightsWithinTheOperatorsLimit) {
  EXPECT_TRUE(check_weights(5, 3, 8).ok());
  EXPECT_FALSE(check_weights(5, 4, 8).ok());
  EXPECT_TRUE(check_weights(500, 100, 0).ok());
}

TEST(ModelRecipeTest, FoldersDoNotShow) {
  const auto folder = scratch_path("host");
  std::filesystem::create_directories(folder);
  const std::string text = without_folder(folder.string() + "/a.safetensors is short", folder);
  EXPECT_EQ(text, folder.filename().string() + "/a.safetensors is short");
  std::filesystem::remove_all(folder);
  EXPECT_EQ(without_folder("/nowhere/x is not there", "/nowhere/x"), "x is not there");
}

TEST(ModelRecipeTest, TheHuggingFaceCacheDoesNotShow) {
  const char* before = std::getenv("HF_HUB_CACHE");
  const std::string saved = before != nullptr ? before : "";
  ::setenv("HF_HUB_CACHE", "/nowhere/private/hub/", 1);
  const auto looked = resolve_model("tester/absent");
  ASSERT_FALSE(looked.ok());
  EXPECT_NE(looked.error().message.find("/nowhere/private/hub"), std::string::npos);
  const std::string text = without_folder(looked.error().message, "tester/absent");
  EXPECT_EQ(text.find("nowhere"), std::string::npos) << text;
  EXPECT_NE(text.find("the Hugging Face cache"), std::string::npos) << text;
  // What could be part of any text is left.
  for (const char* place : {"/", "hub", "."}) {
    ::setenv("HF_HUB_CACHE", place, 1);
    EXPECT_EQ(without_folder("a/b of the hub.", "tester/absent"), "a/b of the hub.") << place;
  }
  if (before != nullptr)
    ::setenv("HF_HUB_CACHE", saved.c_str(), 1);
  else
    ::unsetenv("HF_HUB_CACHE");
}

}  // namespace
}  // namespace oc
