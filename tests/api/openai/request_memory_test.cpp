// What reading a request may cost: values, names, memory.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "api/openai/chat_request.h"
#include "base/memory_budget.h"

namespace oc {
namespace {

ChatLimits limits() {
  ChatLimits result;
  result.context_length = 4096;
  return result;
}

Result<ChatRequest> with(const std::string& field) {
  return parse_chat_request(
      fmt::format(R"({{"messages":[{{"role":"user","content":"Hello"}}],{}}})", field), limits());
}

TEST(RequestMemory, BoundsTheValuesOfTheBody) {
  std::string many = "1";
  while (many.size() < 2 * limits().max_values) many += ",1";
  for (const std::string& field :
       {R"("metadata":{"a":[)" + many + "]}", R"("tools":[)" + many + "]",
        R"("logit_bias":[)" + many + "]", R"("nonsense":[)" + many + "]"})
    EXPECT_NE(with(field).error().message.find("more than 200000 JSON values"), std::string::npos)
        << field.substr(0, 20);
}

TEST(RequestMemory, NoModelHasALongName) {
  auto result = with(R"("model":")" + std::string(5000, 'm') + "\"");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(result.error().param, "model");
}

TEST(RequestMemory, CountsWhatReadingTakesAndWhatIsKept) {
  const std::string text(1u << 20, 'x');
  const std::string picture = "data:image/png;base64," + std::string(1u << 20, 'A');
  const std::string body = fmt::format(
      R"({{"user":"{0}","messages":[{{"role":"user","content":[{{"type":"text","text":"{0}"}},)"
      R"({{"type":"image_url","image_url":{{"url":"{1}"}}}}]}}]}})",
      text, picture);
  auto budget = std::make_shared<MemoryBudget>(64u << 20);
  {
    Reservation memory(budget);
    ASSERT_TRUE(memory.grow_to(body.size()));
    std::string copy = body;
    auto result = parse_chat_request(std::move(copy), limits(), memory);
    ASSERT_TRUE(result.ok()) << result.error().describe();
    EXPECT_TRUE(copy.empty()) << "the body is freed";
    EXPECT_LE(memory.peak(), 2 * body.size() + (2u << 20));
    EXPECT_GE(budget->used(), text.size() + picture.size() / 4 * 3 - 64);
    EXPECT_LE(budget->used(), text.size() + picture.size() / 4 * 3 + 4096);
  }
  EXPECT_EQ(budget->used(), 0u);
  // One that other requests leave no room for, and one that is too large for all that there is.
  for (const std::size_t limit : {3 * body.size(), body.size() + body.size() / 2}) {
    auto little = std::make_shared<MemoryBudget>(limit);
    Reservation memory(little), others(little);
    ASSERT_TRUE(memory.grow_to(body.size()));
    if (limit > 2 * body.size()) ASSERT_TRUE(others.grow_to(limit - body.size()));
    auto result = parse_chat_request(std::string(body), limits(), memory);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code,
              limit > 2 * body.size() ? ErrorCode::kMemoryFull : ErrorCode::kTooLarge);
  }
}

}  // namespace
}  // namespace oc
