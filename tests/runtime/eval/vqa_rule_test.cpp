// Cases worked out by hand from the published rule (https://visualqa.org/evaluation.html and the
// evaluation program of the challenge).
#include "runtime/eval/vqa_rule.h"

#include <gtest/gtest.h>

#include <vector>

namespace oc {
namespace {

using People = std::vector<std::string>;

People people(int count, const std::string& answer, const std::string& others = "something else") {
  People out(static_cast<std::size_t>(count), answer);
  out.resize(10, others);
  return out;
}

TEST(VqaNormalised, CaseSpacesArticlesNumbers) {
  EXPECT_EQ(vqa_normalised("Yes"), "yes");
  EXPECT_EQ(vqa_normalised("  A red\ncar \t"), "red car");
  EXPECT_EQ(vqa_normalised("The  END"), "end");
  EXPECT_EQ(vqa_normalised("an a the"), "");
  EXPECT_EQ(vqa_normalised("None"), "0");
  EXPECT_EQ(vqa_normalised("zero one Two three four five six seven eight nine ten eleven"),
            "0 1 2 3 4 5 6 7 8 9 10 eleven");
  EXPECT_EQ(vqa_normalised("someone"), "someone");  // whole words only
  EXPECT_EQ(vqa_normalised(""), "");
}

TEST(VqaNormalised, FullStopsGoUnlessADigitFollows) {
  EXPECT_EQ(vqa_normalised("Yes."), "yes");
  EXPECT_EQ(vqa_normalised("3.5"), "3.5");
  EXPECT_EQ(vqa_normalised("about 3.5."), "about 3.5");
  EXPECT_EQ(vqa_normalised("U.S."), "us");
  EXPECT_EQ(vqa_normalised("a.5"), "a.5");  // the rule looks at what follows, whatever it says
  EXPECT_EQ(vqa_normalised(std::string(40, '.')), std::string(8, '.'));  // 32 of them
}

TEST(VqaNormalised, PunctuationBecomesASpaceOrGoes) {
  EXPECT_EQ(vqa_normalised("left-right"), "left right");    // no space beside it
  EXPECT_EQ(vqa_normalised("left - right"), "left right");  // goes; the spaces are one
  EXPECT_EQ(vqa_normalised("left- right"), "left right");
  // One that stands beside a space takes the others of its kind with it.
  EXPECT_EQ(vqa_normalised("a-b -c"), "ab c");
  EXPECT_EQ(vqa_normalised("yes, it is"), "yes it is");
  EXPECT_EQ(vqa_normalised("red,blue"), "red blue");
  EXPECT_EQ(vqa_normalised("what?!"), "what");
  EXPECT_EQ(vqa_normalised("(cat)"), "cat");
  EXPECT_EQ(vqa_normalised("and/or"), "and or");
  // A comma between digits takes all punctuation out, and leaves no space.
  EXPECT_EQ(vqa_normalised("100,978"), "100978");
  EXPECT_EQ(vqa_normalised("1,000-2,000"), "10002000");
  EXPECT_EQ(vqa_normalised("girl's"), "girl's");  // apostrophes and colons stay
  EXPECT_EQ(vqa_normalised("2:50 pm"), "2:50 pm");
}

TEST(VqaNormalised, ContractionsGetTheirApostrophe) {
  EXPECT_EQ(vqa_normalised("dont"), "don't");
  EXPECT_EQ(vqa_normalised("It isnt, wouldntve"), "it isn't wouldntve");
  EXPECT_EQ(vqa_normalised("wouldnt've"), "wouldn't've");
  EXPECT_EQ(vqa_normalised("whats"), "what's");
  EXPECT_EQ(vqa_normalised("3 oclock"), "3 o'clock");
  EXPECT_EQ(vqa_normalised("yall'd've"), "y'all'd've");
  EXPECT_EQ(vqa_normalised("somebody'd"), "somebodyd");  // an oddity of the list
  // Not in the list, as they would be other words; or met in lower case only.
  EXPECT_EQ(vqa_normalised("shed ill well its Im"), "shed ill well its im");
}

TEST(VqaNormalised, LettersBeyondAscii) {
  EXPECT_EQ(vqa_normalised("CAFÉ"), "café");
  EXPECT_EQ(vqa_normalised("ŽŘ ΩΣ ЯЁ Ÿ"), "žř ωσ яё ÿ");
  EXPECT_EQ(vqa_normalised("中文\xE3\x80\x80字"), "中文 字");  // an ideographic space
  EXPECT_EQ(vqa_normalised("a\xFF"), "a\xFF");                 // no text, left as it is
}

// Of ten, the others of each one are asked: with k who agree, k of them see k - 1 others and the
// rest see k; the score is their mean of min(1, seen / 3).
TEST(VqaScore, LeavesOneOut) {
  EXPECT_DOUBLE_EQ(vqa_score("yes", people(0, "yes")), 0);
  EXPECT_DOUBLE_EQ(vqa_score("yes", people(1, "yes")), (1 * 0 + 9 * (1 / 3.0)) / 10);  // 0.3
  EXPECT_DOUBLE_EQ(vqa_score("yes", people(2, "yes")),
                   (2 * (1 / 3.0) + 8 * (2 / 3.0)) / 10);                                // 0.6
  EXPECT_DOUBLE_EQ(vqa_score("yes", people(3, "yes")), (3 * (2 / 3.0) + 7 * 1.0) / 10);  // 0.9
  for (int agreeing = 4; agreeing <= 10; ++agreeing)
    EXPECT_DOUBLE_EQ(vqa_score("yes", people(agreeing, "yes")), 1) << agreeing;
}

TEST(VqaScore, TheModelsAnswerIsNormalised) {
  EXPECT_DOUBLE_EQ(vqa_score("Yes.", people(10, "yes")), 1);
  EXPECT_DOUBLE_EQ(vqa_score("a Circle", people(4, "circle")), 1);
  EXPECT_DOUBLE_EQ(vqa_score("Two", people(4, "2")), 1);
}

TEST(VqaScore, OfPeoplesAnswersOnlyPunctuationIs) {
  EXPECT_DOUBLE_EQ(vqa_score("yes", people(4, "yes.")), 1);   // they differ: it goes
  EXPECT_DOUBLE_EQ(vqa_score("yes", people(10, "yes.")), 0);  // they agree: it stays
  EXPECT_DOUBLE_EQ(vqa_score("left right", people(4, "left-right")), 1);
  EXPECT_DOUBLE_EQ(vqa_score("two", people(4, "two")), 0);  // "2" is not "two"
  EXPECT_DOUBLE_EQ(vqa_score("The cat", people(4, "the cat")), 0);
  EXPECT_DOUBLE_EQ(vqa_score("yes", people(4, "Yes")), 0);  // published ones are in lower case
}

TEST(AnswerScore, FewAnswersAreNoVotes) {
  EXPECT_EQ(answer_score("A red circle.", People{"Red circle"}), 1);
  EXPECT_EQ(answer_score("3", People{"two", "Three"}), 1);
  EXPECT_EQ(answer_score("4", People{"two", "Three"}), 0);
  EXPECT_DOUBLE_EQ(answer_score("yes", people(1, "yes")), 0.3);
  EXPECT_EQ(answer_score("yes", People{}), 0);
}

}  // namespace
}  // namespace oc
