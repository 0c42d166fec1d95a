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

TEST(MessageParser, AbsoluteFormWithoutAPath) {
  struct Case {
    std::string_view line, path, query;
  };
  for (const Case& one : {Case{"GET http://a:1", "/", ""},
                          {"GET http://a?x=1", "/", "x=1"},
                          {"GET https://a/b?c", "/b", "c"},
                          {"GET HTTP://a", "/", ""},
                          {"OPTIONS http://a", "*", ""},
                          {"OPTIONS http://a/", "/", ""},
                          {"OPTIONS *", "*", ""}}) {
    MessageParser parser({});
    ASSERT_EQ(feed(parser, std::string(one.line) + " HTTP/1.1\r\nHost: a\r\n\r\n", 1000),
              State::kDone)
        << one.line;
    EXPECT_EQ(parser.request()->path, one.path) << one.line;
    EXPECT_EQ(parser.request()->query, one.query) << one.line;
  }
}

TEST(MessageParser, ConnectIsRead) {
  MessageParser parser({});
  ASSERT_EQ(feed(parser, "CONNECT a.org:443 HTTP/1.1\r\nHost: a.org:443\r\n\r\n", 1000),
            State::kDone);
  EXPECT_EQ(parser.request()->method, "CONNECT");
  EXPECT_EQ(parser.request()->path, "*");
}

TEST(MessageParser, SomeEmptyLinesBeforeARequest) {
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (int lines = 0; lines <= 8; ++lines)
    for (const std::size_t step : {1, 2, 3, 1000}) {
      std::string wire;
      for (int i = 0; i < lines; ++i) wire += "\r\n";
      MessageParser parser({});
      EXPECT_EQ(feed(parser, wire, step), State::kNeedMore);
      EXPECT_FALSE(parser.begun());
      MessageParser whole({});
      EXPECT_EQ(feed(whole, wire + request, step), State::kDone) << lines;
      EXPECT_TRUE(whole.begun());
    }
  std::string many;
  for (int i = 0; i < 9; ++i) many += "\r\n";
  EXPECT_EQ(status_of(many), 400);
  EXPECT_EQ(status_of("\n" + request), 400);
  EXPECT_EQ(status_of("\r" + request), 400);
  EXPECT_EQ(status_of(" \r\n" + request), 400);
}

TEST(MessageParser, RefusesABadHost) {
  const auto with = [](const std::string& host) {
    return status_of("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  for (const char* host : {"a", "a:1", "a:", "127.0.0.1", "[::1]:8080", "EXAMPLE.org"})
    EXPECT_EQ(with(host), 0) << host;
  for (const char* host : {"", ":80", "a b", "a, b", "user@a", "a:x", "a:99999", "a:1:2", "[::1",
                           "::1", "a/b", "http://a", "[1.2.3.4]"})
    EXPECT_EQ(with(host), 400) << host;
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), 400);
  for (const char* target : {"http://", "http:///x", "http://a:x/", "http://user@a/", "http://?x"})
    EXPECT_EQ(status_of("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n"), 400)
        << target;
}

TEST(MessageParser, RefusesWhatIsNotARequest) {
  EXPECT_EQ(status_of("nonsense\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400);  // no Host
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n"), 400);
  EXPECT_EQ(status_of(std::string("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29)), 400);
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
  EXPECT_EQ(status_of(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)), 400);
}

TEST(MessageParser, ThePathIsKnownWhereItCouldBeRead) {
  const auto path_of = [](const std::string& wire) {
    MessageParser parser(MessageLimits{.max_header_bytes = 200, .max_body_bytes = 10});
    EXPECT_EQ(feed(parser, wire, wire.size()), State::kFailed) << wire;
    return parser.path();
  };
  EXPECT_EQ(path_of("POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"), "/a");
  EXPECT_EQ(path_of("GET /a HTTP/1.1\r\n\r\n"), "/a");
  EXPECT_EQ(path_of("GET http://x/a HTTP/1.1\r\nHost: x y\r\n\r\n"), "/a");
  EXPECT_EQ(path_of("GET a HTTP/1.1\r\nHost: x\r\n\r\n"), "");
  EXPECT_EQ(path_of("GARBAGE\r\n\r\n"), "");
  EXPECT_EQ(MessageParser({}).path(), "");
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

TEST(MessageParser, TransferEncodingIsChunkedAndNothingElse) {
  const auto with = [](const std::string& headers, const char* version = "1.1") {
    return status_of("POST / HTTP/" + std::string(version) + "\r\nHost: a\r\n" + headers +
                     "\r\n0\r\n\r\n");
  };
  for (const char* value : {"chunked", "Chunked", "CHUNKED", " chunked "})
    EXPECT_EQ(with("Transfer-Encoding:" + std::string(value) + "\r\n"), 0) << value;
  for (const char* value : {"", "identity", "gzip", "chunked, gzip", "chunked, chunked",
                            "chunked, identity, chunked", "xchunked", "chunkedx", "chunked;a=b",
                            "chunked;", ",chunked", "chunked,", "\"chunked\"", "chunked chunked",
                            "\x0b"
                            "chunked",
                            "identity chunked"})
    EXPECT_EQ(with("Transfer-Encoding: " + std::string(value) + "\r\n"), 400) << value;
  // Its end is known, what is in it is not (RFC 9112, 6.1).
  for (const char* value : {"gzip, chunked", "gzip,chunked", "identity, chunked"})
    EXPECT_EQ(with("Transfer-Encoding: " + std::string(value) + "\r\n"), 501) << value;
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  EXPECT_EQ(with(chunked + chunked), 400);
  EXPECT_EQ(with("Transfer-Encoding: gzip\r\n" + chunked), 400);
  EXPECT_EQ(with(chunked + "Transfer-Encoding: identity\r\n"), 400);
  EXPECT_EQ(with("Transfer-Encoding:\r\n chunked\r\n"), 0);  // folded lines are one
  EXPECT_EQ(with(chunked, "1.0"), 400);
  EXPECT_EQ(with("Transfer-Encoding: gzip\r\n", "1.0"), 400);
}

TEST(MessageParser, MemoryOfABodyIsKnownBeforeItIsTaken) {
  const auto check = [](const std::string& head, std::size_t size, bool chunked) {
    const MessageLimits limits{.max_header_bytes = 1024, .max_body_bytes = 1u << 20};
    MessageParser parser(limits);
    std::size_t consumed = 0;
    EXPECT_EQ(parser.feed(head, consumed), State::kHeaderDone);
    std::size_t counted = 0;
    std::string buffer;
    for (std::size_t at = 0; at < size; at += 10'000) {
      std::string arrived(std::min<std::size_t>(10'000, size - at), 'x');
      if (chunked) arrived = "2710\r\n" + arrived + "\r\n";
      buffer += arrived;
      counted = std::max(counted, parser.memory_for(buffer.size()));
      const State state = parser.feed(buffer, consumed);
      buffer.erase(0, consumed);
      EXPECT_TRUE(state == State::kNeedMore || state == State::kDone);
      const std::size_t taken =
          state == State::kDone ? parser.request()->body.capacity() : parser.body_bytes();
      EXPECT_LE(taken, counted);
    }
    return counted;
  };
  // What is announced is the most that is taken; else up to twice as much as came.
  EXPECT_EQ(check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n", 900'000, false),
            900'000u);
  EXPECT_LE(
      check("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 500'000, true),
      1'010'000u);
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
