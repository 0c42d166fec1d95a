#include "api/offline/picture_question.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>

#include "api/openai/chat_request.h"
#include "image/image.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

TEST(PictureQuestion, TheBodyIsAChatRequest) {
  QuestionSettings settings;
  settings.system = "Be short.";
  settings.max_tokens = 9;
  settings.temperature = 0.5;
  settings.seed = 4;
  settings.stop = {"."};
  settings.knobs = {{"num_crops", 4}};
  settings.json_schema = boost::json::parse(R"({"type": "object"})");
  const auto request =
      parse_chat_request(question_body(settings, "data:image/png;base64,Zg==", "What?"), {});
  ASSERT_TRUE(request.ok()) << request.error().describe();
  EXPECT_EQ(request->model, "");
  ASSERT_EQ(request->generate.messages.size(), 2u);
  EXPECT_EQ(request->generate.messages[0].role, Role::kSystem);
  EXPECT_EQ(request->generate.messages[1].parts.size(), 2u);
  EXPECT_EQ(request->images.size(), 1u);
  EXPECT_EQ(request->generate.max_tokens, 9);
  EXPECT_EQ(request->sampling.temperature, 0.5);
  EXPECT_EQ(request->sampling.seed, 4u);
  EXPECT_EQ(request->generate.stop, std::vector<std::string>{"."});
  EXPECT_EQ(request->generate.image_knobs.at("num_crops"), 4);
  EXPECT_TRUE(request->generate.json_schema);
}

TEST(PictureQuestion, WhatIsNotSaidIsNotThere) {
  EXPECT_EQ(question_body({}, "data:,", "What?"),
            R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":)"
            R"({"url":"data:,"}},{"type":"text","text":"What?"}]}]})");
}

TEST(PictureQuestion, AFilesAddress) {
  const auto path = scratch_path("question.jpg");
  Image image{4, 4, std::vector<std::uint8_t>(48, 200)};
  const auto png = encode_png(image);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(png.data()), static_cast<std::streamsize>(png.size()));
  const auto uri = picture_file_uri(path.string(), 1 << 20);
  ASSERT_TRUE(uri.ok());
  EXPECT_TRUE(uri->starts_with("data:image/png;base64,"));  // what it is, whatever it is called
  EXPECT_EQ(picture_file_uri(path.string(), 10).error().code, ErrorCode::kTooLarge);
  std::ofstream(path) << "text";
  const auto text = picture_file_uri(path.string(), 1 << 20);
  ASSERT_FALSE(text.ok());
  EXPECT_NE(text.error().message.find("question.jpg"), std::string::npos);
  std::filesystem::remove(path);
  EXPECT_EQ(picture_file_uri(path.string(), 10).error().code, ErrorCode::kNotFound);
}

TEST(ReadReply, AnAnswer) {
  const ReadReply read = read_reply(
      {.status = 200,
       .body = R"({"choices": [{"message": {"content": "A cat."}, "finish_reason": "length"}],
                   "usage": {"prompt_tokens": 12, "completion_tokens": 3}})",
       .failure = {}});
  ASSERT_TRUE(read.answer);
  EXPECT_EQ(read.answer->text, "A cat.");
  EXPECT_EQ(read.answer->finish_reason, "length");
  EXPECT_EQ(read.answer->prompt_tokens, 12);
  EXPECT_EQ(read.answer->completion_tokens, 3);
}

TEST(ReadReply, WhatOtherServersSay) {
  const auto read = [](int status, std::string body, std::string failure = {}) {
    const ReadReply reply = read_reply({status, std::move(body), std::move(failure)});
    return reply.answer ? "answer: " + reply.answer->text
                        : reply.error.code + ": " + reply.error.message;
  };
  EXPECT_EQ(read(400, R"({"error": {"code": "invalid_image", "message": "broken"}})"),
            "invalid_image: broken");
  EXPECT_EQ(read(400, R"({"error": "broken"})"), "http_400: broken");
  EXPECT_EQ(read(500, "<html>"), "http_500: the server's status is 500");
  EXPECT_EQ(read(500, "CUDA out of memory\n"), "http_500: CUDA out of memory");
  EXPECT_EQ(read(422, R"({"detail": "no pictures here"})"), "http_422: no pictures here");
  EXPECT_EQ(read(0, "", "connection refused"), "no_response: connection refused");
  EXPECT_EQ(read(200, "<html>"), "no_answer: the reply holds no answer");
  EXPECT_EQ(read(200, R"({"choices": []})"),
            R"(no_answer: the reply holds no answer: {"choices": []})");
  EXPECT_EQ(read(200, R"({"error": {"message": "the model is gone"}})"),
            "no_answer: the reply holds no answer: the model is gone");
  EXPECT_EQ(read(200, R"({"choices": [{"message": {"content": null}}]})"), "answer: ");
}

}  // namespace
}  // namespace oc
