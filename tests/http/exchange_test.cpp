#include "http/exchange.h"

#include <gtest/gtest.h>

#include "api/registry.h"

namespace oc::http {
namespace {

StreamOffer offer() {
  StreamOffer out;
  out.head.content_type = "text/event-stream";
  out.preamble = "first;";
  out.ping = "ping;";
  return out;
}

struct ExchangeTest : testing::Test {
  int wakes = 0;
  std::shared_ptr<MemoryBudget> budget = std::make_shared<MemoryBudget>(1u << 20);
  Exchange exchange{[this] { ++wakes; }, default_dialect(), 100, budget};
};

TEST_F(ExchangeTest, OneWholeAnswer) {
  EXPECT_TRUE(exchange.respond(json_response("{}")));
  EXPECT_EQ(wakes, 1);
  EXPECT_FALSE(exchange.respond(json_response("again")));
  EXPECT_FALSE(exchange.write("x"));
  const auto out = exchange.take();
  ASSERT_TRUE(out.whole);
  EXPECT_EQ(out.whole->body, "{}");
  EXPECT_FALSE(exchange.take().whole);
}

TEST_F(ExchangeTest, AnOfferedStreamMayStillBecomeAnError) {
  exchange.offer_stream(offer());
  EXPECT_FALSE(exchange.take().head);
  EXPECT_TRUE(exchange.ping_every());
  EXPECT_TRUE(exchange.respond(json_response("error")));
  EXPECT_TRUE(exchange.take().whole);
  exchange.tick();
  EXPECT_FALSE(exchange.take().head);
}

TEST_F(ExchangeTest, WithoutAPingSilenceBeginsNothing) {
  StreamOffer silent = offer();
  silent.ping.clear();
  exchange.offer_stream(std::move(silent));
  EXPECT_FALSE(exchange.ping_every());
  EXPECT_TRUE(exchange.write("a"));
  EXPECT_FALSE(exchange.ping_every());
}

TEST_F(ExchangeTest, AFailureIsToldInTheDialect) {
  EXPECT_TRUE(exchange.fail(refuse(Refusal::kNotReady, "later")));
  EXPECT_FALSE(exchange.fail(refuse(Refusal::kNotReady, "again")));
  const auto out = exchange.take();
  ASSERT_TRUE(out.whole);
  EXPECT_EQ(out.whole->status, 503);
  EXPECT_EQ(out.whole->body, default_dialect().error_body(refuse(Refusal::kNotReady, "later")));
}

TEST_F(ExchangeTest, TheFirstWriteBeginsTheStream) {
  exchange.offer_stream(offer());
  EXPECT_TRUE(exchange.write("a"));
  EXPECT_TRUE(exchange.write("b"));
  auto out = exchange.take();
  ASSERT_TRUE(out.head);
  EXPECT_EQ(out.head->content_type, "text/event-stream");
  EXPECT_EQ(out.bytes, "first;ab");
  EXPECT_FALSE(out.finished);
  EXPECT_FALSE(exchange.respond(json_response("too late")));
  exchange.finish();
  EXPECT_FALSE(exchange.write("c"));
  out = exchange.take();
  EXPECT_FALSE(out.head);
  EXPECT_EQ(out.bytes, "");
  EXPECT_TRUE(out.finished);
}

TEST_F(ExchangeTest, SilenceBeginsTheStreamToo) {
  exchange.offer_stream(offer());
  exchange.tick();
  auto out = exchange.take();
  EXPECT_TRUE(out.head);
  EXPECT_EQ(out.bytes, "first;ping;");
  exchange.tick();
  EXPECT_EQ(exchange.take().bytes, "ping;");
  EXPECT_TRUE(exchange.write("a"));
  EXPECT_EQ(exchange.take().bytes, "a");
}

TEST_F(ExchangeTest, AStreamThatIsNotReadIsGivenUp) {
  exchange.offer_stream(offer());
  EXPECT_TRUE(exchange.write("x"));
  EXPECT_TRUE(exchange.take().head);
  EXPECT_TRUE(exchange.write(std::string(90, 'x')));
  EXPECT_TRUE(exchange.write(std::string(90, 'x')));
  EXPECT_FALSE(exchange.write("x"));
  int closed = 0;
  exchange.on_closed([&] { ++closed; });
  EXPECT_EQ(closed, 1);
  EXPECT_TRUE(exchange.take().closed);
  EXPECT_FALSE(exchange.write("x"));
}

TEST_F(ExchangeTest, GivingUpIsToldAtOnceAndOnce) {
  int closed = 0;
  exchange.on_closed([&] { ++closed; });
  exchange.offer_stream(offer());
  EXPECT_TRUE(exchange.write(std::string(200, 'x')));
  EXPECT_TRUE(exchange.write(std::string(200, 'x'))) << "nothing was there to be read";
  exchange.take();
  EXPECT_TRUE(exchange.write(std::string(200, 'x'))) << "one that is large is no slow reader";
  EXPECT_EQ(closed, 0);
  EXPECT_FALSE(exchange.write("x"));
  EXPECT_EQ(closed, 1);
  exchange.close();
  EXPECT_EQ(closed, 1);
}

TEST_F(ExchangeTest, WhatWaitsForItsReaderIsCounted) {
  exchange.offer_stream(offer());
  EXPECT_TRUE(exchange.write(std::string(1000, 'x')));
  EXPECT_EQ(exchange.take().bytes.size(), 1006u);
  EXPECT_EQ(budget->used(), 0u) << "what is under way in every stream that is read";
  EXPECT_TRUE(exchange.write(std::string(700u << 10, 'x')));
  EXPECT_GT(budget->used(), 600u << 10);
  EXPECT_EQ(exchange.take().bytes.size(), 700u << 10);
  EXPECT_GT(budget->used(), 600u << 10) << "it is being sent";
  EXPECT_EQ(exchange.take().bytes, "");
  EXPECT_EQ(budget->used(), 0u);
  EXPECT_TRUE(exchange.write(std::string(700u << 10, 'x')));
  exchange.take();
  EXPECT_FALSE(exchange.write(std::string(700u << 10, 'x'))) << "there is no room for both";
  EXPECT_TRUE(exchange.take().closed);
  EXPECT_EQ(budget->used(), 0u);
}

TEST_F(ExchangeTest, AStreamThatFindsNoMemoryForItsBeginningIsAnError) {
  int closed = 0;
  exchange.on_closed([&] { ++closed; });
  exchange.offer_stream(offer());
  EXPECT_FALSE(exchange.write(std::string(2u << 20, 'x')));
  EXPECT_EQ(closed, 1) << "nothing more need be computed";
  EXPECT_FALSE(exchange.write("x"));
  exchange.finish();
  const auto out = exchange.take();
  EXPECT_FALSE(out.head);
  EXPECT_FALSE(out.closed);
  ASSERT_TRUE(out.whole);
  EXPECT_EQ(out.whole->status, 429);
  EXPECT_EQ(out.bytes, "");
}

TEST_F(ExchangeTest, AWholeAnswerIsCountedUntilItIsSent) {
  EXPECT_TRUE(exchange.respond(json_response(std::string(700u << 10, 'x'))));
  EXPECT_GT(budget->used(), 600u << 10);
  Exchange other([] {}, default_dialect(), 100, budget);
  EXPECT_TRUE(other.respond(json_response(std::string(700u << 10, 'x'))));
  const auto refused = other.take();
  EXPECT_EQ(refused.whole->status, 429);
  EXPECT_TRUE(refused.whole->body.find("memory") != std::string::npos);
  {
    const auto out = exchange.take();
    EXPECT_EQ(out.whole->body.size(), 700u << 10);
    EXPECT_GT(budget->used(), 600u << 10);
  }
  EXPECT_EQ(budget->used(), 0u);
}

TEST_F(ExchangeTest, WhatIsNotReadLeavesRoomForOthers) {
  const auto unsent = std::make_shared<MemoryBudget>(budget->limit() / 2);
  Exchange first([] {}, default_dialect(), 100, budget, unsent),
      second([] {}, default_dialect(), 100, budget, unsent);
  EXPECT_TRUE(first.respond(json_response(std::string(400u << 10, 'x'))));
  const auto out = first.take();
  EXPECT_TRUE(second.respond(json_response(std::string(400u << 10, 'x'))));
  EXPECT_EQ(second.take().whole->status, 429);
  Exchange stream([] {}, default_dialect(), 100, budget, unsent);
  stream.offer_stream(offer());
  EXPECT_TRUE(stream.write("few words find their way"));
  EXPECT_FALSE(stream.write(std::string(400u << 10, 'x')));
  EXPECT_LT(budget->used(), budget->limit() / 2);
}

TEST_F(ExchangeTest, TheEndOfTheClientIsToldOnce) {
  int closed = 0;
  exchange.on_closed([&] { ++closed; });
  exchange.close();
  exchange.close();
  EXPECT_EQ(closed, 1);
  EXPECT_TRUE(exchange.closed());
  EXPECT_FALSE(exchange.respond(json_response("{}")));
}

TEST_F(ExchangeTest, ACompleteAnswerIsNoLoss) {
  int closed = 0;
  exchange.on_closed([&] { ++closed; });
  exchange.complete();
  exchange.close();
  EXPECT_EQ(closed, 0);
}

}  // namespace
}  // namespace oc::http
