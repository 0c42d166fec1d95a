#include "runtime/eval/compare_report.h"

#include <gtest/gtest.h>

#include "io/json_text.h"

namespace oc {
namespace {

ComparedModel measured(std::string name, double seconds) {
  ComparedModel out;
  out.name = std::move(name);
  out.model = "a model";
  out.by = "cpu";
  out.accuracy = {40, 0.95, 0.83, 0.98};
  out.failed = 1;
  out.first_error = "http_500: out of | memory";
  out.empty = 2;
  out.seconds = {seconds, 2 * seconds};
  out.first_text = Spread{seconds / 2, seconds};
  out.resident_bytes = 2'300'000'000;
  out.load_seconds = 0.25;
  out.prompt_tokens = {300, 310};
  out.answer_tokens = {3, 5};
  out.cached_tokens = 12;
  return out;
}

ComparedModel failed() {
  ComparedModel out;
  out.name = "gone";
  out.error = "there is no <model> | here";
  return out;
}

Comparison comparison() {
  ComparedModel stranger = measured("http://127.0.0.1:9", 12.5);
  stranger.first_text.reset();
  stranger.resident_bytes.reset();
  stranger.load_seconds.reset();
  stranger.cached_tokens = 0;
  return {.questions = "40 drawn questions",
          .prompt = "{question}",
          .max_tokens = 32,
          .machine = "a CPU, 2 cores",
          .program = "ocellus 0123",
          .models = {measured("one", 0.0312), stranger, failed()}};
}

TEST(Comparison, ARowIsReadBackFromItsJson) {
  for (const ComparedModel& row : comparison().models) {
    const auto read = ComparedModel::read(row.json());
    ASSERT_TRUE(read.ok()) << read.error().describe();
    EXPECT_EQ(json_text(read->json()), json_text(row.json()));
  }
  EXPECT_FALSE(ComparedModel::read({{"name", "x"}}).ok());
}

TEST(Comparison, TheTable) {
  const std::string text = comparison().markdown();
  EXPECT_NE(text.find("| one                | 95.0 % (83 to 98) |   0.031 s |     0.062 s |     "
                      "0.016 s | 2.30 GB |   0.250 s | 300 + 3 |"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("| http://127.0.0.1:9 | 95.0 % (83 to 98) |    12.5 s |      25.0 s |     "
                      "unknown | unknown |   unknown | 300 + 3 |"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("- gone: there is no \\<model\\> \\| here\n"), std::string::npos) << text;
  EXPECT_NE(text.find("12 tokens of prompts came from its cache"), std::string::npos);
  EXPECT_NE(text.find("1 of 40 questions without an answer"), std::string::npos);
  EXPECT_NE(text.find("out of \\| memory; 2 of 40 answers are empty"), std::string::npos) << text;
  EXPECT_NE(text.find("40 drawn questions, asked one at a time"), std::string::npos);
}

TEST(Comparison, ThePlot) {
  Comparison all = comparison();
  all.models[0].name = "<script>alert(1)</script>";
  const std::string plot = all.plot();
  EXPECT_EQ(plot.find("<script"), std::string::npos);
  EXPECT_NE(plot.find("&lt;script&gt;"), std::string::npos);
  for (const char* part : {"accuracy</text>", "seconds for an answer", "20 %", ">0.1 s<", ">10 s<",
                           "prefers-color-scheme: dark", "dot unknown", "2.30 GB"})
    EXPECT_NE(plot.find(part), std::string::npos) << part;
  EXPECT_EQ(plot.find("gone"), std::string::npos);  // it has no place there
  EXPECT_EQ(plot.find("nan"), std::string::npos);
  Comparison none = comparison();
  none.models = {failed()};
  EXPECT_NE(none.plot().find("No model gave an answer"), std::string::npos);
}

}  // namespace
}  // namespace oc
