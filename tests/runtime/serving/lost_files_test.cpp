#include <gtest/gtest.h>

#include "tests/runtime/hosting/model_host_fixture.h"

namespace oc {
namespace {

// A file of a loaded model is cut off, or written to.
class LostFilesTest : public ModelHostTest {
 protected:
  std::map<std::string, const FakeModel*> latest;  // of each source

  void begin(std::initializer_list<const char*> names) {
    prepare = [this](const std::string& source, FakeModel& model) { latest[source] = &model; };
    start(names);
    ASSERT_TRUE(activate("a").ok());
  }
  void lose(const std::string& source, bool for_good) {
    const std::lock_guard lock(mutex);
    latest[source]->lost = true;
    if (for_good) broken.insert(source);
  }
};

TEST_F(LostFilesTest, AnIdleModelIsOutOfServiceAndOthersGoOn) {
  begin({"a", "b"});
  EXPECT_EQ(answer("b"), token_of("b"));
  lose("a", true);
  ASSERT_TRUE(reaches("a", ModelState::kFailed)) << "though nobody asked it anything";
  while (load_count() < 3) std::this_thread::sleep_for(1ms);  // it was tried again
  ASSERT_TRUE(reaches("a", ModelState::kFailed));
  EXPECT_EQ(status("a").why, "the model \"a\" cannot be loaded: a is truncated");
  EXPECT_EQ(status("a").bytes, 0u);
  const auto refused = acquire("a");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(answer("b"), token_of("b"));
  ASSERT_TRUE(activate("b").ok());
  EXPECT_EQ(answer(""), token_of("b"));
}

TEST_F(LostFilesTest, WhatIsWholeAgainIsLoadedAnew) {
  begin({"a"});
  lose("a", false);
  while (load_count() < 2) std::this_thread::sleep_for(1ms);
  ASSERT_TRUE(reaches("a", ModelState::kReady));
  EXPECT_EQ(answer("a"), token_of("a"));
  EXPECT_EQ(status("a").loads, 2u);
  EXPECT_TRUE(status("a").why.empty());
}

TEST_F(LostFilesTest, TheFallbackTakesOver) {
  begin({"a"});
  host->add({.name = "c", .source = "c", .fallback = "d"});
  EXPECT_EQ(answer("c"), token_of("c"));
  lose("c", true);
  while (load_count() < 4) std::this_thread::sleep_for(1ms);
  ASSERT_TRUE(reaches("c", ModelState::kReady));
  EXPECT_EQ(answer("c"), token_of("d"));
  EXPECT_EQ(status("c").fallback, "c is truncated");
}

TEST_F(LostFilesTest, ItIsFreedAndLoadedAnewOnlyWhenNobodyUsesIt) {
  begin({"a"});
  auto lease = acquire("a");
  ASSERT_TRUE(lease.ok());
  lose("a", false);
  ASSERT_TRUE(reaches("a", ModelState::kFailed));
  EXPECT_EQ(status("a").why,
            "the model \"a\" is out of service: fake.safetensors: was cut off (rename)");
  const auto result = ask(*lease);
  ASSERT_FALSE(result.ok()) << "nothing is answered from it";
  EXPECT_EQ(result.error().message, "fake.safetensors: was cut off");
  EXPECT_EQ(acquire("a").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(load_count(), 1u);
  lease = Error{};
  ASSERT_TRUE(reaches("a", ModelState::kReady));
  EXPECT_EQ(answer("a"), token_of("a"));
}

TEST_F(LostFilesTest, TheEndDoesNotWaitForIt) {
  begin({"a"});
  const auto lease = acquire("a");
  ASSERT_TRUE(lease.ok());
  lose("a", false);
  ASSERT_TRUE(reaches("a", ModelState::kFailed));
  host->shutdown();
}

}  // namespace
}  // namespace oc
