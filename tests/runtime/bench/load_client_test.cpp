// The load generator reads servers that it does not know: what it takes of a stream is bounded.
#include "runtime/bench/load_client.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

std::string event(const std::string& content) {
  return R"(data: {"choices":[{"delta":{"content":")" + content + "\"}}]}\n\n";
}

TEST(EventReader, PiecesAndTheirEnd) {
  StreamedAnswer answer;
  EventReader reader(answer);
  const std::string stream = event("a") + ": ping\n\n" + event("b") + "data: [DONE]\n\n";
  for (const char c : stream) reader.add({&c, 1}, 1);
  EXPECT_EQ(answer.text_ms.size(), 2u);
  EXPECT_EQ(answer.text, "ab");
  EXPECT_TRUE(reader.ended());
  EXPECT_FALSE(reader.failed());
}

TEST(EventReader, AStreamOfPiecesWithoutEndIsNotKept) {
  StreamedAnswer answer;
  EventReader reader(answer);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += event("a");
  for (int i = 0; i < 2000; ++i) reader.add(many, 1);
  EXPECT_TRUE(reader.failed());
  EXPECT_LE(answer.text_ms.size(), std::size_t{1} << 20);
}

TEST(EventReader, LongPiecesWithoutEndAreNotKept) {
  StreamedAnswer answer;
  EventReader reader(answer);
  const std::string piece =
      R"(data: {"choices":[{"delta":{"content":")" + std::string(1u << 20, 'x') + "\"}}]}\n\n";
  for (int i = 0; i < 100; ++i) reader.add(piece, 1);
  EXPECT_TRUE(reader.failed());
  EXPECT_LE(answer.text.size(), 16u << 20);
  EXPECT_NE(answer.error.find("16 MiB"), std::string::npos) << answer.error;
}

TEST(EventReader, ALineWithoutEndIsNotKept) {
  StreamedAnswer answer;
  EventReader reader(answer);
  const std::string block(1 << 20, 'x');
  for (int i = 0; i < 64 && !reader.failed(); ++i) reader.add(block, 1);
  EXPECT_TRUE(reader.failed());
  EXPECT_NE(answer.error.find("too long"), std::string::npos);
}

TEST(EventReader, NothingCountsBehindAnError) {
  StreamedAnswer answer;
  EventReader reader(answer);
  reader.add("data: nonsense\n\n" + event("a"), 1);
  EXPECT_TRUE(reader.failed());
  EXPECT_TRUE(answer.empty());
}

}  // namespace
}  // namespace oc
