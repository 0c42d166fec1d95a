#include "api/answer_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace oc {
namespace {

AnsweredTurn turn(const std::string& id, std::size_t bytes,
                  std::shared_ptr<KeptTurn> previous = nullptr) {
  return {.id = id,
          .input = std::string(bytes, 'i'),
          .output = "[]",
          .document = "{" + id + "}",
          .previous = std::move(previous)};
}

TEST(AnswerStore, IsAClientsOwn) {
  AnswerStore store(1 << 20);
  store.keep("k1", turn("a", 10));
  ASSERT_TRUE(store.turn("k1", "a"));
  EXPECT_EQ(store.turn("k1", "a")->input, "iiiiiiiiii");
  EXPECT_EQ(*store.document("k1", "a"), "{a}");
  EXPECT_FALSE(store.turn("k2", "a"));
  EXPECT_FALSE(store.document("k2", "a"));
  EXPECT_FALSE(store.remove("k2", "a"));
  EXPECT_TRUE(store.remove("k1", "a"));
  EXPECT_FALSE(store.remove("k1", "a"));
  EXPECT_EQ(store.used(), 0u);
}

TEST(AnswerStore, TheOldestGoes) {
  AnswerStore store(100'000);
  for (int i = 0; i < 10; ++i) {
    store.keep("k", turn(std::to_string(i), 20'000));
    EXPECT_LE(store.used(), 100'000u);
    EXPECT_TRUE(store.turn("k", std::to_string(i)));
  }
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(store.turn("k", std::to_string(i)) != nullptr, i >= 6) << i;
}

TEST(AnswerStore, WhoKeepsLittleDoesNotLoseItToWhoKeepsMuch) {
  AnswerStore store(100'000);
  store.keep("little", turn("mine", 10'000));
  for (int i = 0; i < 20; ++i) store.keep("much", turn(std::to_string(i), 20'000));
  EXPECT_TRUE(store.turn("little", "mine"));
}

TEST(AnswerStore, AConversationIsWholeOrGone) {
  AnswerStore store(100'000);
  store.keep("k", turn("other", 10'000));
  std::string last;
  for (int i = 0; i < 4; ++i) {
    const std::string id = std::to_string(i);
    store.keep("k", turn(id, 20'000, last.empty() ? nullptr : store.turn("k", last)));
    last = id;
  }
  // What is before it is there, whether or not it has an entry of its own.
  EXPECT_TRUE(store.remove("k", "1"));
  int turns = 0;
  for (auto one = store.turn("k", "3"); one; one = one->previous) ++turns;
  EXPECT_EQ(turns, 4);
  // A fifth would be too large with those before it: nothing goes for it.
  const std::size_t before = store.used();
  store.keep("k", turn("4", 20'000, store.turn("k", "3")));
  EXPECT_FALSE(store.turn("k", "4"));
  EXPECT_EQ(store.used(), before);
  EXPECT_TRUE(store.turn("k", "3"));
}

TEST(AnswerStore, ALongConversationEnds) {
  AnswerStore store(std::size_t{1} << 30);
  std::string last;
  for (int i = 0; i < 100'000; ++i) {
    const std::string id = std::to_string(i);
    store.keep("k", turn(id, 0, last.empty() ? nullptr : store.turn("k", last)));
    if (!last.empty()) store.remove("k", last);
    last = id;
  }
  EXPECT_GT(store.used(), 100'000u * 1024);
  store.remove("k", last);
  EXPECT_EQ(store.used(), 0u);
}

TEST(AnswerStore, NoneIsKeptWithoutRoom) {
  AnswerStore store(0);
  EXPECT_FALSE(store.enabled());
  store.keep("k", turn("a", 0));
  EXPECT_FALSE(store.turn("k", "a"));
}

}  // namespace
}  // namespace oc
