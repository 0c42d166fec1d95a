#include "api/openai/dialect.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace oc {
namespace {

ChatRequest request(int n = 1) {
  ChatRequest out;
  out.generate.n = n;
  return out;
}

std::unique_ptr<AnswerWriter> writer(const ChatRequest& chat) {
  ServedModel model;
  model.name = "m";
  return openai_dialect().writer(chat, {.model = model, .id = "chatcmpl-1", .created = 5});
}

// The events of a stream, each without what stands around its JSON.
std::vector<std::string> events(std::string_view stream) {
  std::vector<std::string> out;
  while (!stream.empty()) {
    EXPECT_TRUE(stream.starts_with("data: ")) << stream;
    const std::size_t end = stream.find("\n\n");
    if (!stream.starts_with("data: ") || end == stream.npos) break;
    out.emplace_back(stream.substr(6, end - 6));
    stream.remove_prefix(end + 2);
  }
  return out;
}

boost::json::value delta(const std::string& event) {
  return boost::json::parse(event).at("choices").at(0).at("delta");
}

TEST(OpenAiDialect, ErrorsAreOpenAisObject) {
  const ApiError error = to_api_error(
      {ErrorCode::kInvalidArgument, "no \"x\"\n", "do y", "messages[0]"}, Stage::kRequest);
  const auto body = boost::json::parse(openai_dialect().error_body(error)).as_object();
  ASSERT_EQ(body.size(), 1u);
  const auto& inner = body.at("error").as_object();
  ASSERT_EQ(inner.size(), 4u);
  EXPECT_EQ(inner.at("message").as_string(), "no \"x\"\n (do y)");
  EXPECT_EQ(inner.at("type").as_string(), "invalid_request_error");
  EXPECT_EQ(inner.at("param").as_string(), "messages[0]");
  EXPECT_EQ(inner.at("code").as_string(), "invalid_value");
  const auto plain =
      boost::json::parse(openai_dialect().error_body(refuse(Refusal::kWrongKey, "no")));
  EXPECT_TRUE(plain.at("error").at("param").is_null());
}

TEST(OpenAiDialect, AStreamIsRolesPiecesEndsAndDone) {
  ChatRequest chat = request(2);
  chat.include_usage = true;
  const auto out = writer(chat);
  std::string head, pieces, end;
  out->head(head);
  ASSERT_EQ(events(head).size(), 2u);
  EXPECT_EQ(delta(events(head)[1]).at("role"), "assistant");
  out->piece(pieces, {.text = "Hello"});
  out->piece(pieces, {.text = "Salut", .choice = 1});
  ASSERT_EQ(events(pieces).size(), 2u) << "each is appended to what is there";
  EXPECT_EQ(delta(events(pieces)[0]).at("content"), "Hello");
  EXPECT_EQ(delta(events(pieces)[1]).at("content"), "Salut");
  GenerateResult result;
  result.more.resize(1);
  out->end(end, result);
  const auto last = events(end);
  ASSERT_EQ(last.size(), 4u) << "the second answer's end, the first one's, the counts, [DONE]";
  EXPECT_EQ(boost::json::parse(last[0]).at("choices").at(0).at("index"), 1);
  EXPECT_TRUE(boost::json::parse(last[1]).as_object().contains("ocellus"));
  EXPECT_TRUE(boost::json::parse(last[2]).at("usage").is_object());
  EXPECT_EQ(last[3], "[DONE]");
}

TEST(OpenAiDialect, AnErrorIsTheLastEventBeforeDone) {
  const ApiError error = refuse(Refusal::kInternal, "sorry");
  std::string end;
  writer(request())->error(end, error);
  EXPECT_EQ(events(end), (std::vector<std::string>{openai_dialect().error_body(error), "[DONE]"}));
}

TEST(OpenAiDialect, AWholeAnswerHasTheOriginalsFieldsToo) {
  GenerateResult result;
  result.text = "Hello";
  const auto body = boost::json::parse(writer(request())->whole(result));
  EXPECT_EQ(body.at("id"), "chatcmpl-1");
  EXPECT_EQ(body.at("choices").at(0).at("message").at("content"), "Hello");
  EXPECT_TRUE(body.at("performance").is_object());
}

}  // namespace
}  // namespace oc
