#include "api/offline/batch_record.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

BatchResult answered(std::string text) {
  BatchResult out;
  out.item.fields = {{"image", "a,b.jpg"}, {"id", 7}, {"answer", "of the line"}};
  out.item.question = "What?";
  out.read.answer = TextAnswer{.text = std::move(text),
                               .finish_reason = "stop",
                               .prompt_tokens = 100,
                               .completion_tokens = 3};
  return out;
}

BatchResult failed() {
  BatchResult out;
  out.item.fields = {{"image", "a,b.jpg"}};
  out.item.question = "What?";
  out.read.error = {"invalid_image", "it is cut off"};
  return out;
}

TEST(BatchRecord, Lines) {
  EXPECT_EQ(picture_record(answered("A cat."), false),
            R"({"image":"a,b.jpg","id":7,"line_answer":"of the line","question":"What?",)"
            R"("answer":"A cat.",)"
            R"("finish_reason":"stop","prompt_tokens":100,"completion_tokens":3})");
  EXPECT_EQ(picture_record(failed(), true),
            R"({"image":"a,b.jpg","question":"What?",)"
            R"("error":{"code":"invalid_image","message":"it is cut off"}})");
  EXPECT_NE(picture_record(answered(R"({"n": [1]})"), true).find(R"("json":{"n":[1]})"),
            std::string::npos);
  EXPECT_EQ(picture_record(answered(R"({"n": [1)"), true).find("\"json\""), std::string::npos);
}

TEST(BatchRecord, Csv) {
  EXPECT_EQ(csv_head(),
            "image,question,answer,finish_reason,prompt_tokens,completion_tokens,error");
  EXPECT_EQ(csv_record(answered("A \"cat\".")), "\"a,b.jpg\",What?,\"A \"\"cat\"\".\",stop,100,3,");
  EXPECT_EQ(csv_record(failed()), "\"a,b.jpg\",What?,,,,,invalid_image: it is cut off");
}

TEST(BatchRecord, Requests) {
  BatchResult result;
  result.item.custom_id = "my \"id\"";
  result.reply = {.status = 200, .body = R"({"choices":[]})", .failure = {}};
  const std::string record = request_record(result);
  EXPECT_TRUE(record.starts_with(R"({"id":"batch_req_)")) << record;
  EXPECT_NE(record.find(R"("custom_id":"my \"id\"","response":{"status_code":200,)"),
            std::string::npos)
      << record;
  EXPECT_TRUE(record.ends_with(R"("body":{"choices":[]}},"error":null})")) << record;
  result = failed();
  EXPECT_TRUE(request_record(result).ends_with(
      R"("custom_id":null,"response":null,"error":{"code":"invalid_image","message":"it is cut off"}})"));
}

TEST(BatchRecord, KnowsItsItem) {
  const BatchResult one = answered("x");
  BatchItem other = one.item;
  other.question = "Who?";
  const std::string line = picture_record(one, false), row = csv_record(one);
  const std::string unanswered = picture_record(failed(), false), empty = csv_record(failed());
  EXPECT_TRUE(*check_record(line, BatchKind::kPictures, one.item));
  EXPECT_TRUE(*check_csv_record(row, one.item));
  EXPECT_FALSE(*check_record(unanswered, BatchKind::kPictures, one.item));
  EXPECT_FALSE(*check_csv_record(empty, one.item));
  EXPECT_FALSE(check_record(line, BatchKind::kPictures, other).ok());
  EXPECT_FALSE(check_csv_record(row, other).ok());
  other = one.item;
  other.fields["image"] = "c.jpg";
  EXPECT_FALSE(check_record(line, BatchKind::kList, other).ok());
  EXPECT_FALSE(check_csv_record(row, other).ok());
  EXPECT_FALSE(check_record("nonsense", BatchKind::kList, other).ok());

  BatchResult request;
  request.item.custom_id = "a";
  request.reply = {.status = 200, .body = "{}", .failure = {}};
  const std::string record = request_record(request);
  EXPECT_TRUE(*check_record(record, BatchKind::kRequests, request.item));
  request.item.custom_id = "b";
  EXPECT_FALSE(check_record(record, BatchKind::kRequests, request.item).ok());
}

TEST(BatchRecord, FieldsStandWhereTheyStoodWithTheirDigits) {
  BatchResult result = answered("x");
  result.item.fields = {
      {"id", 1e22}, {"question", "{old}"}, {"image", "a.jpg"}, {"error", 1}, {"z", 1.1}};
  result.item.exact = {{"id", "12345678901234567890123"}, {"error", "1"}, {"z", "1.10"}};
  EXPECT_TRUE(picture_record(result, false)
                  .starts_with(
                      R"({"id":12345678901234567890123,"question":"What?","line_question":"{old}",)"
                      R"("image":"a.jpg","line_error":1,"z":1.10,"answer":"x",)"))
      << picture_record(result, false);
  EXPECT_NE(picture_record(answered(R"({"n": 12345678901234567890123})"), true)
                .find(R"("json":{"n":12345678901234567890123},)"),
            std::string::npos);
}

TEST(BatchRecord, ALinesFieldsAreKeptUnderAnotherName) {
  BatchResult result = answered("x");
  result.item.fields = {
      {"json", nullptr}, {"line_json", 1}, {"question", "What?"}, {"answer", "y"}};
  EXPECT_TRUE(picture_record(result, false)
                  .starts_with(R"({"line_line_json":null,"line_json":1,"question":"What?",)"
                               R"("line_answer":"y","answer":"x",)"))
      << picture_record(result, false);
}

TEST(BatchRecord, NoCellIsAFormula) {
  BatchResult result = answered("=1+1");
  result.item.fields = {{"image", "@a.jpg"}};
  result.item.question = "-x?";
  const std::string row = csv_record(result);
  EXPECT_EQ(row, "'@a.jpg,'-x?,'=1+1,stop,100,3,");
  EXPECT_TRUE(*check_csv_record(row, result.item));
  result.item.question = "x?";
  EXPECT_FALSE(check_csv_record(row, result.item).ok());
}

TEST(BatchRecord, AnEmptyIdIsAnId) {
  BatchResult result;
  result.item.custom_id = "";
  result.reply = {.status = 200, .body = "{}", .failure = {}};
  EXPECT_NE(request_record(result).find(R"("custom_id":"",)"), std::string::npos);
}

}  // namespace
}  // namespace oc
