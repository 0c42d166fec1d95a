// What a model makes of a question: published numbers, a paragraph, the same answer again.
#include "runtime/verify/own_answers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "tests/runtime/fake_model.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
using fake::FakeModel;

std::unique_ptr<FakeModel> flat(float value) {
  return std::make_unique<FakeModel>(
      [value](std::span<const TokenId>) { return std::vector<float>(fake::kVocab, value); });
}

// What FakeModel::answering({270, 280, end}) makes of "hello".
Anchor anchor_of(const Model& model) {
  const Message turn{Role::kUser, {TextPart{"hello"}}};
  return {.name = "Published-1B",
          .repos = {"org/published"},
          .vocab_size = fake::kVocab,
          .width = model.info().width,
          .question = "hello",
          .prompt_ids = model.build_prompt(std::span(&turn, 1), {}, {})->ids,
          .greedy_ids = {270, 280, fake::kEnd},
          .logits = {{270, 10.0f}, {271, 0.0f}},
          .deviation = 0.5};
}

TEST(VerifyAnchor, OnlyPublishedWeightsCanBeWrong) {
  const auto model = FakeModel::answering({270, 280, fake::kEnd});
  const Anchor anchor = anchor_of(*model);
  const std::optional<std::string> published = "org/published", other = "org/tuned";
  EXPECT_EQ(check_anchor(*model, anchor, published)->verdict, Verdict::kRight);
  EXPECT_EQ(check_anchor(*model, anchor, std::nullopt)->verdict, Verdict::kRight);
  Anchor far = anchor;
  far.logits[1].second = 1;
  EXPECT_EQ(check_anchor(*model, far, published)->verdict, Verdict::kWrong);
  EXPECT_EQ(check_anchor(*model, far, other)->verdict, Verdict::kNotCompared);
  EXPECT_EQ(check_anchor(*model, far, std::nullopt)->verdict, Verdict::kNotCompared);
  Anchor token = anchor;
  token.greedy_ids[1] = 281;
  const auto check = check_anchor(*model, token, published);
  EXPECT_EQ(check->verdict, Verdict::kWrong);
  EXPECT_EQ(check->figures.at("equal").to_number<int>(), 1);
}

TEST(VerifyAnchor, IsForItsSizesAndItsTokenizerAlone) {
  const auto model = FakeModel::answering({270, 280, fake::kEnd});
  for (const auto& change : std::vector<std::function<void(Anchor&)>>{
           [](Anchor& a) { a.vocab_size = 49280; }, [](Anchor& a) { a.width += 1; },
           [](Anchor& a) { a.prompt_ids.push_back(5); }}) {
    Anchor other = anchor_of(*model);
    change(other);
    EXPECT_FALSE(check_anchor(*model, other, "org/published"));
  }
}

TEST(VerifyAnchor, AreReadFromTheSet) {
  const auto anchors = read_anchors(OC_SOURCE_DIR "/tests/data/golden-smolvlm");
  ASSERT_TRUE(anchors.ok()) << anchors.error().describe();
  ASSERT_EQ(anchors->size(), 1u);
  EXPECT_EQ(anchors->front().logits.size(), 5u);
  EXPECT_EQ(anchors->front().greedy_ids.size(), 24u);
  EXPECT_TRUE(read_anchors(OC_SOURCE_DIR "/tests/data/golden-demo")->empty());
  const fs::path folder = scratch_path("anchors");
  fs::create_directories(folder);
  std::ofstream(folder / "anchors.json") << R"({"anchors": [{"name": "x"}]})";
  const auto wrong = read_anchors(folder);
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().message.find("question"), std::string::npos) << wrong.error().message;
  fs::remove_all(folder);
}

TEST(VerifyParagraph, RandomWeightsAreSuspicious) {
  const Check check = check_paragraph(*flat(1));
  EXPECT_EQ(check.verdict, Verdict::kSuspicious);
  EXPECT_NEAR(check.figures.at("nats").as_double(), std::log(fake::kVocab), 1e-6);
  EXPECT_EQ(check_paragraph(*flat(std::numeric_limits<float>::quiet_NaN())).verdict,
            Verdict::kWrong);
}

// It has seen the text before: but for the last token it knows what comes.
TEST(VerifyParagraph, WhoKnowsTheTextIsNot) {
  std::vector<TokenId> text;
  FakeModel listener([&](std::span<const TokenId> ids) {
    if (ids.size() > text.size()) text.assign(ids.begin(), ids.end());
    return FakeModel::one_hot(0);
  });
  const Check heard = check_paragraph(listener);
  FakeModel reader([&](std::span<const TokenId> ids) {
    return FakeModel::one_hot(ids.size() < text.size() ? text[ids.size()] : 0);
  });
  const Check check = check_paragraph(reader);
  EXPECT_EQ(check.verdict, Verdict::kRight) << check.text;
  EXPECT_LT(check.figures.at("nats").as_double(), heard.figures.at("nats").as_double() / 2);
}

TEST(VerifyRepeats, TheSameAnswerTwice) {
  const auto model = FakeModel::answering({270, 280, fake::kEnd});
  const auto checks = check_repeats(*model, {});
  ASSERT_EQ(checks.size(), 2u);
  EXPECT_EQ(checks[0].verdict, Verdict::kRight) << checks[0].text;
  EXPECT_EQ(checks[1].verdict, Verdict::kNotCompared) << checks[1].text;
  int asked = 0;
  FakeModel fickle([&](std::span<const TokenId>) {
    return FakeModel::one_hot(++asked % 2 == 0 ? 270 : fake::kEnd);
  });
  EXPECT_EQ(check_repeats(fickle, {}).front().verdict, Verdict::kWrong);
  const auto broken = check_repeats(*flat(std::numeric_limits<float>::quiet_NaN()), {});
  EXPECT_EQ(broken.front().verdict, Verdict::kWrong);
}

ThoughtAnswer thought(std::vector<TokenId> ids, std::vector<std::vector<float>> logits) {
  ThoughtAnswer out;
  out.path.ids = out.path.first = std::move(ids);
  out.logits = std::move(logits);
  return out;
}

TEST(VerifyInstructions, AreComparedUpToTheFirstUndecidedToken) {
  const auto model = FakeModel::answering({});
  const std::vector<float> hot = FakeModel::one_hot(270);
  const auto same = thought({270, 270}, {hot, hot});
  const Check equal = compare_answers(same, same, *model, "scalar");
  EXPECT_EQ(equal.verdict, Verdict::kRight);
  EXPECT_EQ(equal.figures.at("equal").to_number<int>(), 2);
  // Within the difference either of two tokens may be first: nothing is said of what follows.
  std::vector<float> close = hot, turned = hot;
  close[271] = 9.9999f;
  turned[271] = 10.0001f;
  auto other = thought({270, 270}, {turned, hot});
  other.path.first[0] = 271;
  const Check undecided = compare_answers(thought({270, 270}, {close, hot}), other, *model, "sse4");
  EXPECT_EQ(undecided.verdict, Verdict::kRight) << undecided.text;
  EXPECT_EQ(undecided.figures.at("equal").to_number<int>(), 0);
  EXPECT_NE(undecided.text.find("token 1 is undecided"), std::string::npos) << undecided.text;
  // Logits that are off are wrong, whatever the tokens.
  std::vector<float> off = hot;
  off[300] = 5;
  EXPECT_EQ(compare_answers(same, thought({270, 270}, {hot, off}), *model, "sse4").verdict,
            Verdict::kWrong);
  off[300] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(compare_answers(same, thought({270, 270}, {off, hot}), *model, "sse4").verdict,
            Verdict::kWrong);
}

}  // namespace
}  // namespace oc
