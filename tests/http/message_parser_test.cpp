#include "http/message_parser.h"

#include <gtest/gtest.h>

namespace oc::http {
namespace {

using State = MessageParser::State;

// Feeds `wire` in pieces of `step` bytes; the state at the end. `rest` gets what was not consumed.
State feed(MessageParser& parser, const std::string& wire, std::size_t step,
           std::string* rest = nullptr) {
  std::string buffer;
  std::size_t next = 0;
  State state = State::kNeedMore;
  while (state != State::kDone && state != State::kFailed) {
    std::size_t consumed = 0;
    state = parser.feed(buffer, consumed);
    buffer.erase(0, consumed);
    if (state != State::kNeedMore) continue;
    if (next == wire.size()) break;
    const std::size_t size = std::min(step, wire.size() - next);
    buffer += wire.substr(next, size);
    next += size;
  }
  if (rest != nullptr) *rest = buffer + wire.substr(next);
  return state;
}

int status_of(const std::string& wire, const MessageLimits& limits = {}) {
  MessageParser parser(limits);
  return feed(parser, wire, wire.size()) == State::kFailed ? parser.error().status : 0;
}

TEST(MessageParser, AnyCutGivesTheSameRequest) {
  const std::string wire =
      "POST /a/b?c=d&e HTTP/1.1\r\nHost: localhost:8080\r\nX-Thing: Value\r\n"
      "Content-Length: 5\r\n\r\nhelloGET";
  for (std::size_t step = 1; step <= wire.size(); ++step) {
    MessageParser parser({});
    std::string rest;
    ASSERT_EQ(feed(parser, wire, step, &rest), State::kDone) << step;
    const Request& request = *parser.request();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/a/b");
    EXPECT_EQ(request.query, "c=d&e");
    EXPECT_EQ(request.authority, "localhost:8080");
    EXPECT_EQ(request.header("x-thing"), "Value");
    EXPECT_EQ(request.header("nothing"), "");
    EXPECT_EQ(request.body, "hello");
    EXPECT_EQ(rest, "GET");  // the next request stays where it is
    EXPECT_TRUE(parser.keep_alive());
  }
}

TEST(MessageParser, ChunkedBodies) {
  const std::string wire =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n1;ext=1\r\n \r\n5\r\nworld\r\n0\r\nTrailer: x\r\n\r\n";
  for (const std::size_t step : {1, 2, 7, 1000}) {
    MessageParser parser({});
    ASSERT_EQ(feed(parser, wire, step), State::kDone) << step;
    EXPECT_EQ(parser.request()->body, "hello world");
  }
}

TEST(MessageParser, ChunkedBodyOfNothing) {
  const std::string wire =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET";
  for (std::size_t step = 1; step <= wire.size(); ++step) {
    MessageParser parser({});
    std::string rest;
    ASSERT_EQ(feed(parser, wire, step, &rest), State::kDone) << step;
    EXPECT_EQ(parser.request()->body, "");
    EXPECT_EQ(rest, "GET");
  }
}

TEST(MessageParser, HeadIsGetWithoutABody) {
  MessageParser parser({});
  ASSERT_EQ(feed(parser, "HEAD / HTTP/1.0\r\n\r\n", 100), State::kDone);
  EXPECT_EQ(parser.request()->method, "GET");
  EXPECT_TRUE(parser.head());
  EXPECT_TRUE(parser.http_1_0());
  EXPECT_FALSE(parser.keep_alive());
  EXPECT_FALSE(parser.has_body());
}

TEST(MessageParser, AbsoluteFormNamesTheHost) {
  MessageParser parser({});
  ASSERT_EQ(feed(parser, "GET http://example.com:1/x?y HTTP/1.1\r\nHost: other\r\n\r\n", 1000),
            State::kDone);
  EXPECT_EQ(parser.request()->path, "/x");
  EXPECT_EQ(parser.request()->query, "y");
  EXPECT_EQ(parser.request()->authority, "example.com:1");
}

TEST(MessageParser, RefusesWhatIsNotARequest) {
  EXPECT_EQ(status_of("nonsense\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400);  // no Host
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n"), 400);
  EXPECT_EQ(status_of(std::string("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29)), 400);
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
  EXPECT_EQ(status_of(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)), 400);
}

TEST(MessageParser, RefusesTwoLengthsOfOneBody) {
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                      "Content-Length: 5\r\n\r\n0\r\n\r\n"),
            400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                      "Content-Length: 6\r\n\r\nhello"),
            400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5x\r\n\r\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\n"
                      "Content-Length: 99999999999999999999999\r\n\r\n"),
            400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
            400);
}

TEST(MessageParser, Limits) {
  const MessageLimits limits{.max_header_bytes = 1024, .max_body_bytes = 10};
  const std::string long_header = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1100, 'x');
  EXPECT_EQ(status_of(long_header + "\r\n\r\n", limits), 431);
  EXPECT_EQ(status_of(long_header, limits), 431);  // not even finished
  EXPECT_EQ(status_of("GET /" + std::string(1100, 'x') + " HTTP/1.1\r\n\r\n", limits), 431);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", limits), 413);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n",
                      limits),
            413);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789", limits),
            0);
}

TEST(MessageParser, LimitOfAHeaderThatComesLineByLine) {
  // Every piece ends one byte into the next line, so that all lines before it can be taken.
  const std::string first = "GET / HTTP/1.1\r\nN", line = "ame: twenty bytes..\r\nN";
  std::string wire = first;
  for (int i = 0; i < 500; ++i) wire += line;
  MessageParser parser({.max_header_bytes = 1024});
  std::string buffer = first;
  std::size_t next = first.size(), consumed = 0;
  State state = parser.feed(buffer, consumed);
  while (state == State::kNeedMore && next < wire.size()) {
    buffer.erase(0, consumed);
    buffer += wire.substr(next, line.size());
    next += line.size();
    state = parser.feed(buffer, consumed);
  }
  ASSERT_EQ(state, State::kFailed) << next;
  EXPECT_EQ(parser.error().status, 431);
  EXPECT_LT(next, 1200u);
}

TEST(MessageParser, LimitOfWhatStandsAroundChunks) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string endless : {"1;", "0\r\nTrailer: "}) {
    MessageParser parser({.max_header_bytes = 1024});
    std::string rest;
    ASSERT_EQ(feed(parser, head + endless + std::string(5000, 'x'), 100, &rest), State::kFailed);
    EXPECT_EQ(parser.error().status, 431);
    EXPECT_GT(rest.size(), 3800u);  // refused early
  }
}

TEST(MessageParser, Expectations) {
  MessageParser parser({});
  std::size_t consumed = 0;
  ASSERT_EQ(parser.feed("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
                        "Content-Length: 3\r\n\r\n",
                        consumed),
            State::kHeaderDone);
  EXPECT_TRUE(parser.expects_continue());
  EXPECT_FALSE(parser.unknown_expectation());
  EXPECT_TRUE(parser.has_body());
  EXPECT_EQ(parser.content_length(), 3u);
}

}  // namespace
}  // namespace oc::http
