#include <gtest/gtest.h>

#include <random>

#include "tests/text/fixtures.h"

namespace oc {
namespace {

TEST(SentencePieceDetokenizer, PiecesAddUpToTheWhole) {
  const auto tokenizer = test::tiny();
  std::mt19937 random(5);
  const std::vector<std::string> characters = {"é", "你", "🦙", " ", "\n", "\u3000", "a"};
  for (int i = 0; i < 3000; ++i) {
    std::vector<TokenId> ids;
    for (std::size_t n = random() % 12; n > 0; --n) {
      if (random() % 3 == 0) {
        for (const char byte : characters[random() % characters.size()]) {
          ids.push_back(3 + static_cast<unsigned char>(byte));
        }
      } else {
        ids.push_back(
            static_cast<TokenId>(random() % 2 == 0 ? 3 + random() % 256 : random() % 320));
      }
    }
    for (const bool skip : {false, true}) {
      const std::string expected = test::decode_plainly(*tokenizer, ids, skip);
      ASSERT_EQ(tokenizer->decode(ids, skip), expected);
      ASSERT_EQ(test::decode_in_pieces(*tokenizer, ids, skip), expected);
    }
  }
}

TEST(SentencePieceDetokenizer, OrdinaryTokensComeOutAtOnce) {
  const auto tokenizer = test::tiny();
  const auto detokenizer = tokenizer->detokenizer(true);
  EXPECT_EQ(detokenizer->push(*tokenizer->id_of("▁hello")), "hello");  // the leading space goes
  EXPECT_EQ(detokenizer->push(*tokenizer->id_of("▁world")), " world");
  EXPECT_EQ(detokenizer->push(306), "");  // special
  EXPECT_EQ(detokenizer->push(2), "</s>");
  EXPECT_EQ(detokenizer->push(-5), "");
  EXPECT_EQ(detokenizer->flush(), "");
}

TEST(SentencePieceDetokenizer, OnlyTheVeryFirstSpaceGoes) {
  const auto tokenizer = test::tiny();
  const auto detokenizer = tokenizer->detokenizer(true);
  EXPECT_EQ(detokenizer->push(259), "");  // "▁"
  EXPECT_EQ(detokenizer->push(259), " ");
  const auto bytes = tokenizer->detokenizer(true);
  EXPECT_EQ(bytes->push(3 + ' '), "");
  EXPECT_EQ(bytes->push(3 + ' '), "");
  EXPECT_EQ(bytes->flush(), " ");  // a space from byte tokens is dropped as well
}

// One wrong byte makes the whole run U+FFFD, so nothing of it may be said before it is decided.
TEST(SentencePieceDetokenizer, ByteRunsWaitUntilTheyAreDecided) {
  const auto tokenizer = test::tiny();
  const auto good = tokenizer->detokenizer(true);
  for (const unsigned char byte : std::string("\n你")) EXPECT_EQ(good->push(3 + byte), "");
  EXPECT_EQ(good->push(307), "");      // a special token that is skipped does not end the run
  EXPECT_EQ(good->push(100'000), "");  // nor does an id without a token
  EXPECT_EQ(good->push(261), "\n你h");
  EXPECT_EQ(good->flush(), "");

  const auto bad = tokenizer->detokenizer(true);
  for (const unsigned char byte : std::string("é\xE4")) EXPECT_EQ(bad->push(3 + byte), "");
  EXPECT_EQ(bad->push(3 + 'x'), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(bad->push(3 + 'y'), "\uFFFD");  // the run is lost: no more waiting
  EXPECT_EQ(bad->push(306), "");
  EXPECT_EQ(bad->push(262), "l");
  EXPECT_EQ(bad->push(3 + 'y'), "");  // a new run
  EXPECT_EQ(bad->flush(), "y");

  const auto unfinished = tokenizer->detokenizer(false);
  EXPECT_EQ(unfinished->push(3 + 0xF0), "");
  EXPECT_EQ(unfinished->push(3 + 0x9F), "");
  EXPECT_EQ(unfinished->flush(), "\uFFFD\uFFFD");
  EXPECT_EQ(unfinished->flush(), "");
}

}  // namespace
}  // namespace oc
