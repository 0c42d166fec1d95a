#include "api/responses/responses_answer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "api/responses/dialect.h"

namespace oc {
namespace {

namespace json = boost::json;

struct ResponsesTest : testing::Test {
  std::shared_ptr<MemoryBudget> budget = std::make_shared<MemoryBudget>(64u << 20);
  AnswerStore store{1u << 20};
  ServedModel model;

  Result<ChatRequest> parse(std::string body, std::size_t* held = nullptr) {
    ChatLimits limits;
    limits.earlier = [this](std::string_view id) { return store.turn("k", id); };
    Reservation memory(budget);
    auto request = responses_dialect().parse(std::move(body), limits, memory);
    if (held != nullptr) *held = memory.bytes();
    return request;
  }
  std::unique_ptr<AnswerWriter> writer(const ChatRequest& request, std::string id = "resp_1") {
    return responses_dialect().writer(request, {.model = model, .id = std::move(id), .created = 5});
  }
  // Asked, answered and kept.
  ChatRequest turn(std::string id, std::string body, std::string answer) {
    auto request = parse(std::move(body));
    EXPECT_TRUE(request.ok()) << request.error().message;
    GenerateResult result;
    result.text = std::move(answer);
    const auto one = writer(*request, std::move(id));
    one->whole(result);
    if (auto kept = one->kept()) store.keep("k", *std::move(kept));
    return *std::move(request);
  }
};

// The data of each event, which its line names.
std::vector<json::object> events_of(std::string_view stream) {
  std::vector<json::object> out;
  while (!stream.empty()) {
    const std::size_t line = stream.find('\n'), end = stream.find("\n\n");
    const std::string_view name = stream.substr(7, line - 7);
    out.push_back(json::parse(stream.substr(line + 7, end - line - 7)).as_object());
    EXPECT_EQ(out.back().at("type").as_string(), name);
    EXPECT_EQ(out.back().at("sequence_number").as_int64(), std::ssize(out) - 1);
    stream.remove_prefix(end + 2);
  }
  return out;
}

TEST_F(ResponsesTest, AFailureWithinAStream) {
  const auto request = parse(R"({"input":"x","stream":true})");
  const auto one = writer(*request);
  std::string out;
  one->head(out);
  one->piece(out, {.text = "Hel"});
  one->error(out, to_api_error({ErrorCode::kDeadline, "too late", "", "time"}, Stage::kAnswer));
  const auto events = events_of(out);
  ASSERT_EQ(events.size(), 7u);
  EXPECT_EQ(events[5].at("type").as_string(), "error");
  EXPECT_EQ(events[5].at("code").as_string(), "deadline_exceeded");
  EXPECT_EQ(events[5].at("param").as_string(), "time");
  const json::object& failed = events[6].at("response").as_object();
  EXPECT_EQ(events[6].at("type").as_string(), "response.failed");
  EXPECT_EQ(failed.at("status").as_string(), "failed");
  EXPECT_EQ(failed.at("error").as_object().at("code").as_string(), "server_error");
  EXPECT_FALSE(one->kept());
}

TEST_F(ResponsesTest, AnEarlierTurnIsPartOfTheConversation) {
  turn("resp_a", R"({"input":"One?","instructions":"Short."})", "1");
  turn("resp_b", R"({"input":[{"role":"user","content":"Two?"}],"previous_response_id":"resp_a"})",
       "2");
  const auto request = parse(R"({"input":"Three?","previous_response_id":"resp_b"})");
  ASSERT_TRUE(request.ok()) << request.error().message;
  std::string all;
  for (const Message& message : request->generate.messages)
    all += fmt::format("{}:{} ", static_cast<int>(message.role),
                       std::get<TextPart>(message.parts.at(0)).text);
  EXPECT_EQ(all, "1:One? 2:1 1:Two? 2:2 1:Three? ");
}

TEST_F(ResponsesTest, WhatIsNotKeptCannotBeGoneOnFrom) {
  turn("resp_a", R"({"input":"One?","store":false})", "1");
  const auto request = parse(R"({"input":"Two?","previous_response_id":"resp_a"})");
  ASSERT_FALSE(request.ok());
  const ApiError error = to_api_error(request.error(), Stage::kRequest);
  EXPECT_EQ(error.status, 404);
  EXPECT_EQ(error.code, "previous_response_not_found");
  EXPECT_EQ(error.param, "previous_response_id");
}

TEST_F(ResponsesTest, WhatItHoldsIsCounted) {
  std::size_t held = 0;
  const std::string text(100'000, 'x');
  const auto request = parse(fmt::format(R"({{"input":"{}"}})", text), &held);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(held, held_bytes(*request));
  EXPECT_GT(held, 2 * text.size());  // as it is asked, and as it is kept
  const auto other = parse(fmt::format(R"({{"input":"{}","store":false}})", text), &held);
  EXPECT_LT(held, 2 * text.size());
  EXPECT_EQ(budget->used(), 0u);
}

}  // namespace
}  // namespace oc
