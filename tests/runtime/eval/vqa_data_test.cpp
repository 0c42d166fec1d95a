#include "runtime/eval/vqa_data.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kQuestions = R"({"info": {}, "task_type": "Open-Ended",
  "data_type": "mscoco", "data_subtype": "val2014", "questions": [
  {"image_id": 42, "question": "Is it red?", "question_id": 42000},
  {"image_id": 7, "question": "How many?", "question_id": 7000},
  {"image_id": 42, "question": "What is it?", "question_id": 42001}]})";
constexpr std::string_view kAnnotations = R"({"annotations": [
  {"question_id": 42001, "image_id": 42, "question_type": "what is", "answer_type": "other",
   "multiple_choice_answer": "cat", "answers": [
     {"answer": "cat", "answer_confidence": "yes", "answer_id": 1},
     {"answer": "a cat", "answer_confidence": "maybe", "answer_id": 2}]},
  {"question_id": 42000, "image_id": 42, "question_type": "is it", "answer_type": "yes/no",
   "answers": [{"answer": "yes", "answer_confidence": "yes", "answer_id": 1}]},
  {"question_id": 7000, "image_id": 7, "question_type": "how many", "answer_type": "number",
   "answers": [{"answer": "2", "answer_confidence": "yes", "answer_id": 1}]},
  {"question_id": 1, "answers": []}]})";

class VqaDataTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_path_of_test("vqa");
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path file(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  std::string error_of(std::string_view questions, std::string_view annotations) const {
    const auto read = read_vqa(file("q.json", questions), file("a.json", annotations), "p", {});
    return read.ok() ? "" : read.error().message;
  }
  fs::path folder_;
};

TEST_F(VqaDataTest, ThePublishedFiles) {
  const auto read = read_vqa(file("q.json", kQuestions), file("a.json", kAnnotations), "p", {});
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_EQ(read->all, 3u);
  ASSERT_EQ(read->questions.size(), 3u);
  const VqaQuestion& last = read->questions[2];
  EXPECT_EQ(last.id, 42001);
  EXPECT_EQ(last.picture, "p/COCO_val2014_000000000042.jpg");
  EXPECT_EQ(last.question, "What is it?");
  EXPECT_EQ(last.question_type, "what is");
  EXPECT_EQ(last.answer_type, "other");
  EXPECT_EQ(last.answers, (std::vector<std::string>{"cat", "a cat"}));
  EXPECT_EQ(read->questions[1].answers, std::vector<std::string>{"2"});
}

TEST_F(VqaDataTest, ASampleKeepsTheOrder) {
  const auto read = read_vqa(file("q.json", kQuestions), file("a.json", kAnnotations), "p", {2, 5});
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_EQ(read->all, 3u);
  ASSERT_EQ(read->questions.size(), 2u);
  EXPECT_FALSE(read->questions[0].answers.empty());
  const auto other =
      read_vqa(file("q.json", kQuestions), file("a.json", kAnnotations), "p", {2, 5});
  EXPECT_EQ(digest_of(*read), digest_of(*other));
  const auto all = read_vqa(file("q.json", kQuestions), file("a.json", kAnnotations), "p", {});
  EXPECT_NE(digest_of(*read), digest_of(*all));
}

TEST_F(VqaDataTest, WhatIsWrongIsNamed) {
  EXPECT_EQ(error_of(R"({"questions": []})", kAnnotations), R"(q.json: "data_subtype" is missing)");
  EXPECT_NE(error_of(R"({"data_subtype": "x", "questions": [{"question_id": "1"}]})", kAnnotations)
                .find(R"("question_id" must be an integer)"),
            std::string::npos);
  EXPECT_NE(error_of(kQuestions, R"({"annotations": []})").find("nothing about question 42000"),
            std::string::npos);
  EXPECT_NE(error_of(kQuestions, R"({"answers": []})").find(R"("annotations" is missing)"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"data_subtype": "x", "questions": [
                       {"question_id": 1, "image_id": 1, "question": "a"},
                       {"question_id": 1, "image_id": 1, "question": "b"}]})",
                     kAnnotations)
                .find("one question_id"),
            std::string::npos);
}

TEST_F(VqaDataTest, Lines) {
  const auto read = read_vqa_lines(
      file("set.jsonl",
           "{\"image\": \"a.png\", \"question\": \"What?\", \"answers\": \"cat\"}\n\r\n"
           "{\"image\": \"sub/b.png\", \"question\": \"Who?\", \"answers\": [\"me\", \"you\"], "
           "\"question_type\": \"who\", \"question_id\": 77}"),
      "p", {});
  ASSERT_TRUE(read.ok()) << read.error().describe();
  ASSERT_EQ(read->questions.size(), 2u);
  EXPECT_EQ(read->questions[0].id, 1);
  EXPECT_EQ(read->questions[0].picture, "p/a.png");
  EXPECT_EQ(read->questions[0].answers, std::vector<std::string>{"cat"});
  EXPECT_EQ(read->questions[1].id, 77);
  EXPECT_EQ(read->questions[1].question_type, "who");
  EXPECT_EQ(read->questions[1].answers, (std::vector<std::string>{"me", "you"}));
}

TEST_F(VqaDataTest, ALineThatIsWrongIsToldByItsNumber) {
  for (const std::string_view line :
       {"{\"image\": \"a\", \"question\": \"b\"}", "nonsense", "[]",
        "{\"image\": \"a\", \"question\": \"b\", \"answers\": []}",
        "{\"image\": 7, \"question\": \"b\", \"answers\": [\"c\"]}"}) {
    const auto read = read_vqa_lines(file("set.jsonl", "\n" + std::string(line)), "p", {});
    ASSERT_FALSE(read.ok()) << line;
    EXPECT_NE(read.error().message.find("set.jsonl, line 2"), std::string::npos)
        << read.error().message;
  }
}

TEST_F(VqaDataTest, PicturesAreNotFetched) {
  const fs::path lines =
      file("set.jsonl", R"({"image": "http://a/b.png", "question": "?", "answers": "x"})");
  const auto read = read_vqa_lines(lines, "p", {});
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().describe(),
            "set.jsonl, line 1: pictures are not fetched from the network (fetch it yourself and "
            "name the file)");
}

TEST_F(VqaDataTest, MissingPicturesAreCounted) {
  VqaSample sample;
  sample.questions.resize(3);
  for (VqaQuestion& question : sample.questions) question.picture = (folder_ / "no.jpg").string();
  sample.questions[0].picture = file("yes.jpg", "x").string();
  const auto there = check_pictures(sample);
  ASSERT_FALSE(there.ok());
  EXPECT_NE(there.error().message.find("2 of 3"), std::string::npos);
  EXPECT_NE(there.error().message.find("no.jpg"), std::string::npos);
}

TEST_F(VqaDataTest, LinesOfOneIdAreRefused) {
  const std::string line = R"({"image": "a", "question": "b", "answers": "c")";
  const auto read =
      read_vqa_lines(file("set.jsonl", line + "}\n" + line + R"(, "question_id": 7})" + "\n" +
                                           line + R"(, "question_id": 1})"),
                     "p", {});
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().message, "set.jsonl, line 3: question_id 1 is also that of line 1");
}

TEST_F(VqaDataTest, AByteOrderMarkIsNoPartOfTheFile) {
  const std::string mark = "\xEF\xBB\xBF";
  EXPECT_TRUE(
      read_vqa_lines(file("set.jsonl", mark + R"({"image": "a", "question": "b", "answers": "c"})"),
                     "p", {})
          .ok());
  EXPECT_TRUE(read_vqa(file("q.json", mark + std::string(kQuestions)),
                       file("a.json", mark + std::string(kAnnotations)), "p", {})
                  .ok());
}

}  // namespace
}  // namespace oc
