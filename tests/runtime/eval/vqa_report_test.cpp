#include "runtime/eval/vqa_report.h"

#include <gtest/gtest.h>

#include "io/json_text.h"

namespace oc {
namespace {

std::vector<VqaQuestion> questions() {
  const std::vector<std::string> yes(10, "yes");
  std::vector<std::string> mixed(9, "red");
  mixed.emplace_back("<b>dark</b> & \"red\"");
  return {{1, "a.jpg", "Is it?", "is it", "yes/no", yes},
          {2, "a.jpg", "Is <script>it</script>?", "is it", "yes/no", yes},
          {3, "b.jpg", "What colour?", "what", "other", mixed}};
}

VqaReport report(const std::vector<VqaAnswer>& answers) {
  return make_vqa_report({"demo", "cpu", "{question}", 30, 5}, questions(), answers);
}

TEST(VqaReport, ByType) {
  const VqaReport made = report({{"Yes.", ""}, {"no", ""}, {"dark red", ""}});
  EXPECT_EQ(made.scores, (std::vector<double>{1, 0, 0}));
  EXPECT_DOUBLE_EQ(made.overall.mean, 1 / 3.0);
  ASSERT_EQ(made.answer_types.size(), 2u);
  EXPECT_EQ(made.answer_types[1].name, "yes/no");
  EXPECT_DOUBLE_EQ(made.answer_types[1].estimate.mean, 0.5);
  const std::string text = json_text(made.json());
  EXPECT_NE(text.find(R"("accuracy":{"overall":33.33,"perAnswerType":{"other":0.0,"yes/no":50.0},)"
                      R"("perQuestionType":{"is it":50.0,"what":0.0}})"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("drawn_of":30,"seed":5)"), std::string::npos) << text;
  EXPECT_NE(made.table().find("3 of 30 questions, drawn with seed 5"), std::string::npos);
}

TEST(VqaReport, AFailureIsWrong) {
  const VqaReport made = report({{"", "out of memory"}, {"", ""}, {"red", ""}});
  EXPECT_EQ(made.scores, (std::vector<double>{0, 0, 1}));
  EXPECT_EQ(made.failed, 1u);
  EXPECT_EQ(made.empty, 1u);
  EXPECT_EQ(made.unanswered(),
            "1 of 3 questions without an answer, which count as wrong; the first: out of memory; "
            "1 of 3 answers are empty");
  EXPECT_NE(made.table().find("\n" + made.unanswered() + "\n"), std::string::npos);
  EXPECT_FALSE(made.is_void());
  EXPECT_TRUE(report({{"", "out of memory"}, {"", ""}, {" \n", ""}}).is_void());
  EXPECT_EQ(report({{"red", ""}, {"red", ""}, {"red", ""}}).unanswered(), "");
}

TEST(VqaReport, PercentIsRoundedAsPythonRounds) {
  EXPECT_EQ(percent(2 / 3.0), 66.67);
  EXPECT_EQ(percent(0.00125), 0.12);  // 0.125 is exact: to the even one
  EXPECT_EQ(percent(1), 100);
}

TEST(VqaPage, NothingThatWasSaidBecomesMarkup) {
  const std::vector<VqaAnswer> answers = {
      {"yes", ""}, {"<img src=x onerror=\"alert(1)\">\u202e", ""}, {"", "<i>'failed'</i>"}};
  const std::string page = vqa_page(report(answers), questions(), answers, 10);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<img src=x"), std::string::npos);
  EXPECT_EQ(page.find("<i>"), std::string::npos);
  EXPECT_EQ(page.find("<b>"), std::string::npos);
  EXPECT_EQ(page.find("\u202e"), std::string::npos);
  EXPECT_NE(page.find("Is &lt;script&gt;it&lt;/script&gt;?"), std::string::npos);
  EXPECT_NE(page.find("&lt;i&gt;&#39;failed&#39;&lt;/i&gt;"), std::string::npos);
  EXPECT_NE(page.find("red (9), &lt;b&gt;dark&lt;/b&gt; &amp; &quot;red&quot; (1)"),
            std::string::npos);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(page.find("http:"), std::string::npos);
}

TEST(VqaPage, TheWorstFirstAndNoMoreThanAskedFor) {
  const std::vector<VqaAnswer> answers = {{"no", ""}, {"yes", ""}, {"blue", ""}};
  const std::string page = vqa_page(report(answers), questions(), answers, 1);
  EXPECT_NE(page.find("Not answered right: 1 of 2"), std::string::npos);
  EXPECT_NE(page.find("question 1</small>"), std::string::npos);
  EXPECT_EQ(page.find("question 3</small>"), std::string::npos);
}

}  // namespace
}  // namespace oc
