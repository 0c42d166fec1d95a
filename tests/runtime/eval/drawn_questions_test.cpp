#include "runtime/eval/drawn_questions.h"

#include <gtest/gtest.h>

#include <set>

#include "io/digest.h"

namespace oc {
namespace {

TEST(DrawnQuestions, AreTheSameEverywhere) {
  Digest digest;
  for (std::size_t i = 0; i < 10; ++i) {
    const DrawnQuestion one = drawn_question(i, 0);
    digest.add(one.question.question + one.question.answers.front());
    digest.add(std::string_view(reinterpret_cast<const char*>(one.picture.rgb.data()),
                                one.picture.rgb.size()));
  }
  EXPECT_EQ(digest.finish_hex(),
            "28fbd1dd05b9a10489d6d7fd12c33411c6438fad0f65a68f96c20238fbaba2b1");
}

TEST(DrawnQuestions, AreOfFiveKindsAboutPicturesOfTheirOwn) {
  std::set<std::string> kinds, answers, pictures;
  for (std::size_t i = 0; i < 100; ++i) {
    const DrawnQuestion one = drawn_question(i, 7);
    kinds.insert(one.question.question_type);
    answers.insert(one.question.answers.front());
    pictures.insert(one.question.picture);
    EXPECT_EQ(one.picture.rgb.size(), static_cast<std::size_t>(one.picture.width) *
                                          static_cast<std::size_t>(one.picture.height) * 3);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"colour", "count", "is there", "shape"}));
  EXPECT_EQ(pictures.size(), 100u);
  for (const char* answer : {"yes", "no", "1", "circle", "square", "triangle", "red", "black"})
    EXPECT_TRUE(answers.contains(answer)) << answer;
}

TEST(DrawnQuestions, OfOneSeedAreOthersThanOfAnother) {
  EXPECT_NE(drawn_question(0, 1).picture.rgb, drawn_question(0, 2).picture.rgb);
  EXPECT_NE(drawn_question(0, 1).picture.rgb, drawn_question(5, 1).picture.rgb);
}

}  // namespace
}  // namespace oc
