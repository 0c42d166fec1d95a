#include "runtime/serving/kv_memory.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

using fake::FakeModel;

class KvMemoryTest : public testing::Test {
 protected:
  void SetUp() override { log::configure(log::Level::kOff, log::Format::kText); }
  void TearDown() override { log::configure_from_environment(); }

  KvMemory with(std::size_t limit, std::size_t token_bytes) {
    model_.mutable_info().kv_token_bytes = token_bytes;
    return {limit, model_.info()};
  }
  RequestEntry& run(int max_tokens) {
    auto entry = std::make_unique<RequestEntry>(budget_);
    entry->request.messages = {{Role::kUser, {TextPart{"hello"}}}};
    entry->request.max_tokens = max_tokens;
    entry->session = std::make_unique<Session>(model_, entry->request, entry->hooks);
    EXPECT_TRUE(entry->session->prepare().ok());
    running_.push_back(std::move(entry));
    return *running_.back();
  }

  FakeModel model_{[](std::span<const TokenId>) { return FakeModel::one_hot(270); }};
  std::atomic<std::size_t> budget_{0};
  std::vector<EntryPtr> running_;
};

TEST_F(KvMemoryTest, CountsWholeBlocks) {
  const KvMemory memory = with(640 * 10, 10);
  EXPECT_EQ(memory.bytes_of(1), 640u);
  EXPECT_EQ(memory.bytes_of(65), 1280u);
  run(10);
  run(10);
  EXPECT_EQ(memory.reserved(running_), 1280u);
  EXPECT_EQ(memory.left(running_), 640u * 8);
  EXPECT_EQ(with(0, 10).left(running_), std::nullopt);
}

TEST_F(KvMemoryTest, ARequestThatCouldNeverRunIsToldSo) {
  RequestEntry& entry = run(500);
  EXPECT_FALSE(with(0, 1 << 20).too_long(*entry.session));
  EXPECT_FALSE(with(std::size_t{512} << 20, 1 << 20).too_long(*entry.session));
  const auto refused = with(std::size_t{256} << 20, 1 << 20).too_long(*entry.session);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::kContextLength);
  EXPECT_EQ(refused->param, "max_tokens");
  EXPECT_EQ(refused->hint.find("picture"), std::string::npos) << "there is none: " << refused->hint;
}

TEST_F(KvMemoryTest, WhoCouldBlockAnotherForGoodStandsStill) {
  // Three blocks for two requests that may come to need two each: one of them can go on.
  const KvMemory memory = with(3 * 64, 1);
  for (int i = 0; i < 2; ++i) {
    RequestEntry& entry = run(100);
    entry.session->start();
    EXPECT_TRUE(memory.fits(running_, std::nullopt));
    Sequence& one = *entry.session->sequences().front();
    std::vector<float> logits = FakeModel::one_hot(270);
    while (one.ids().size() < 65) {  // the next step needs a second block
      const StepInput input = one.next(64);
      model_.forward({&input, 1}, nullptr);
      ASSERT_TRUE(entry.session->accept(one, logits).ok());
    }
  }
  RequestEntry &first = *running_[0], &second = *running_[1];
  EXPECT_TRUE(memory.give(running_, first, *first.session->sequences().front()));
  EXPECT_FALSE(memory.give(running_, second, *second.session->sequences().front()));
  EXPECT_FALSE(first.short_of_memory);
  EXPECT_TRUE(second.short_of_memory);
  EXPECT_EQ(second.session->sequences().front()->kv_given(), 64);
}

}  // namespace
}  // namespace oc
