#include "runtime/serving/sequence.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

using fake::FakeModel;

constexpr TokenId kA = 270, kB = 271;

class SequenceTest : public testing::Test {
 protected:
  SequenceTest() {
    log::configure(log::Level::kOff, log::Format::kText);
    prompt_.max_answer = 8;
    request_.max_tokens = 8;
  }
  ~SequenceTest() override { log::configure_from_environment(); }

  Sequence begin(std::int64_t tokens) {
    prompt_.tokens = tokens;
    std::vector<TokenId> ids(static_cast<std::size_t>(tokens), kA);
    return {context_, pictures_, prompt_, std::move(ids), 0, request_.sampling};
  }
  void forward(Sequence& sequence, std::int64_t limit) {
    const StepInput input = sequence.next(limit);
    model_.forward({&input, 1}, nullptr);
  }

  FakeModel model_{[](std::span<const TokenId>) { return FakeModel::one_hot(kB); }};
  GenerateRequest request_;
  GenerateHooks hooks_;
  RequestContext context_{model_, request_, hooks_};
  RequestImages pictures_{context_};
  PreparedPrompt prompt_;
};

TEST_F(SequenceTest, AForkGoesOnFromThePromptByItself) {
  Sequence first = begin(70);
  first.start(model_.make_sequence());
  forward(first, 64);
  EXPECT_EQ(first.pending(), 6);
  forward(first, 64);
  const auto other = first.fork(1, 42);
  EXPECT_EQ(other->seed(), 42u);
  ASSERT_TRUE(first.take_token(FakeModel::one_hot(kA)).ok());
  ASSERT_TRUE(other->take_token(FakeModel::one_hot(kB)).ok());
  EXPECT_EQ(first.ids().back(), kA);
  EXPECT_EQ(other->ids().back(), kB);
  EXPECT_TRUE(first.answering() && other->answering());
  // The whole block of the prompt is shared, the one in which it ends is not any more.
  forward(*other, 1);
  EXPECT_EQ(model_.blocks->now, 3);
  EXPECT_EQ(first.computed(), 70);
  EXPECT_EQ(other->computed(), 71);
}

TEST_F(SequenceTest, OnlyTheLastPieceOfAPromptHasLogits) {
  Sequence first = begin(70);
  first.start(model_.make_sequence());
  StepInput input = first.next(64);
  EXPECT_FALSE(input.logits);
  EXPECT_TRUE(model_.forward({&input, 1}, nullptr).empty());
  ASSERT_TRUE(first.accept({}).ok());
  input = first.next(64);
  EXPECT_TRUE(input.logits);
  EXPECT_EQ(model_.forward({&input, 1}, nullptr).rows(), 1);
}

TEST_F(SequenceTest, KeysAndValuesAreCountedBeyondTheSharedBlocks) {
  Sequence first = begin(130);
  first.start(model_.make_sequence());
  EXPECT_EQ(prompt_.shared_kv(), 128);
  EXPECT_EQ(first.kv_needed(), 64);
  EXPECT_EQ(first.kv_claim(true).peak, 64);    // 138 tokens without the 128
  EXPECT_EQ(first.kv_claim(false).peak, 192);  // all of them
  EXPECT_TRUE(first.holds_prompt());
  first.end_unanswered();
  first.drop_kv();
  EXPECT_FALSE(first.holds_prompt());
  EXPECT_EQ(first.kv_claim(true).peak, 0);
}

TEST_F(SequenceTest, AChoiceIsScoredByTheLogitsBeforeItsTokens) {
  Sequence first = begin(3);
  first.start(model_.make_sequence());
  forward(first, 64);
  const auto choice = first.fork(0, 1);
  choice->begin_score(std::vector<TokenId>{kB, kA}, FakeModel::one_hot(kB));
  ASSERT_TRUE(choice->scoring());
  const StepInput input = choice->next(64);
  EXPECT_TRUE(input.logits);
  const Tensor rows = model_.forward({&input, 1}, nullptr);
  std::vector<float> logits(static_cast<std::size_t>(rows.rows() * rows.cols()));
  model_.engine().read(rows, logits);
  ASSERT_TRUE(choice->accept(logits).ok());
  EXPECT_TRUE(choice->ended());
  ASSERT_EQ(choice->scores().size(), 3u);
  EXPECT_GT(choice->scores()[0], choice->scores()[1]);  // the model would have said kB each time
  EXPECT_EQ(first.kv_given(), 0);
}

}  // namespace
}  // namespace oc
