// A search for objects, whatever the family: which positions have logits, and how it ends.
#include <gtest/gtest.h>

#include "runtime/serving/generate.h"
#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

using fake::FakeModel;
using fake::kEnd;

constexpr int kPositions = 3;  // of an object

// Ends behind `all` objects, or where it is cut; a wrong position is an error.
class ScriptedObjects final : public ObjectDecoding {
 public:
  ScriptedObjects(int most, int all, int broken_at) : most_(most), all_(all), left_(broken_at) {}

  bool wants_logits() const override { return at_ == 0; }
  Result<Tensor> next(std::span<const float> logits, const Tensor&) override {
    EXPECT_EQ(logits.empty(), !wants_logits());
    if (--left_ == 0) return Error{ErrorCode::kInternal, "no number", ""};
    if (at_ == 0 && std::ssize(found_) == all_) stop_token_ = kEnd;
    if (at_ == 0 && (stop_token_ || std::ssize(found_) == most_)) return Tensor{};
    at_ = (at_ + 1) % kPositions;
    if (at_ == 0) found_.push_back({.x = 0.5, .y = 0.5});
    return fake::tensor({1}, 1, 1);
  }
  std::span<const FoundObject> objects() const override { return found_; }
  std::optional<TokenId> stop_token() const override { return stop_token_; }

 private:
  const int most_, all_;
  int left_;
  int at_ = 0;
  std::vector<FoundObject> found_;
  std::optional<TokenId> stop_token_;
};

class ObjectModel final : public FakeModel {
 public:
  explicit ObjectModel(int all, int broken_at = 0)
      : FakeModel([this](std::span<const TokenId>) {
          ++logits;
          return FakeModel::one_hot(5);
        }),
        all_(all),
        broken_at_(broken_at) {
    mutable_info().tasks = {.query = true, .detect = true, .point = true};
  }
  std::unique_ptr<ObjectDecoding> begin_objects(const Task& task,
                                                const ObjectOptions&) const override {
    return std::make_unique<ScriptedObjects>(max_objects(task), all_, broken_at_);
  }

  mutable int logits = 0;  // rows that were computed

 private:
  const int all_, broken_at_;
};

GenerateRequest detect(int most) {
  GenerateRequest request;
  request.id = "test";
  request.task = DetectTask{"dog", most};
  auto image = std::make_shared<Image>();
  image->width = image->height = 1;
  image->rgb.resize(3);
  request.images.push_back({image});
  return request;
}

TEST(GenerateObjects, TheHeadIsComputedOnceAnObject) {
  const ObjectModel model(4);
  const GenerateResult all = generate(model, detect(50), {}).value();
  EXPECT_EQ(all.objects.size(), 4u);
  EXPECT_EQ(all.completion_tokens, 4 * kPositions + 1);
  EXPECT_EQ(model.logits, 4 + 1);
  EXPECT_EQ(all.stop_cause, StopCause::kStopToken);
  EXPECT_EQ(all.finish_reason, FinishReason::kStop);
  EXPECT_EQ(all.stop_token, kEnd);
}

TEST(GenerateObjects, ACutSearchIsTold) {
  const ObjectModel model(4);
  const GenerateResult three = generate(model, detect(3), {}).value();
  EXPECT_EQ(three.objects.size(), 3u);
  EXPECT_EQ(three.stop_cause, StopCause::kMaxObjects);
  EXPECT_EQ(three.finish_reason, FinishReason::kLength);
  EXPECT_FALSE(three.stop_token);
  const GenerateResult four = generate(model, detect(4), {}).value();
  EXPECT_EQ(four.objects.size(), 4u);
  EXPECT_EQ(four.finish_reason, FinishReason::kStop) << "the model said so itself";
  GenerateRequest few_tokens = detect(4);
  few_tokens.max_tokens = 5;
  const GenerateResult one = generate(model, few_tokens, {}).value();
  EXPECT_EQ(one.objects.size(), 1u);
  EXPECT_EQ(one.stop_cause, StopCause::kMaxTokens);
  EXPECT_EQ(one.finish_reason, FinishReason::kLength);
}

TEST(GenerateObjects, ABrokenHeadIsAnError) {
  const auto result = generate(ObjectModel(4, 5), detect(4), {});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "no number");
}

}  // namespace
}  // namespace oc
