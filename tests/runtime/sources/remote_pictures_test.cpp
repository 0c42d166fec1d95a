#include "runtime/sources/remote_pictures.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <memory>
#include <string>

#include "tests/runtime/sources/answering_server.h"

namespace oc {
namespace {

using namespace std::chrono_literals;
using Addresses = std::vector<std::string>;

constexpr std::chrono::milliseconds kNever = 1h;  // of a test that ends otherwise

std::string ok(std::string_view body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: text/html\r\n\r\n{}",
                     body.size(), body);
}

std::string redirect(std::string_view to, int status = 302) {
  return fmt::format("HTTP/1.1 {} Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", status, to);
}

RemotePictures pictures(NameLookup names = NameLookup(), std::chrono::milliseconds time = kNever) {
  RemotePolicy policy(RemotePolicy::Schemes::kBoth);
  EXPECT_TRUE(policy.allow("127.0.0.1"));
  return RemotePictures(std::move(policy), time, std::move(names));
}

NameLookup leading_to(Addresses addresses) {
  return NameLookup([addresses](const std::string&) { return addresses; });
}

struct Fetch {
  Interrupt interrupt = {};
  std::size_t max_bytes = 1000;
  std::function<bool(std::size_t)> room = {};

  // The bytes, or what is wrong in brackets.
  std::string operator()(const RemotePictures& from, const std::string& url) const {
    const auto read = from.read(url);
    if (!read.ok()) return "(" + read.error().message + ")";
    const auto bytes = from.fetch(*read, {"", interrupt, max_bytes, "--limit", room});
    if (!bytes.ok()) return "(" + bytes.error().message + ")";
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }
};

std::string fetch(const RemotePictures& from, const std::string& url) { return Fetch()(from, url); }

TEST(RemotePictures, ComeAsTheyAreAndNothingOfTheClientGoes) {
  const AnsweringServer server([](const std::string&) { return ok("picture"); });
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);  // none is asked
  ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  EXPECT_EQ(fetch(pictures(), server.url()), "picture");
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
  ASSERT_EQ(server.heads().size(), 1u);
  EXPECT_EQ(server.heads()[0],
            fmt::format("GET /a.png HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUser-Agent: ocellus\r\n"
                        "Accept: image/*, */*;q=0.1\r\nAccept-Encoding: identity\r\n\r\n",
                        server.port()));
}

TEST(RemotePictures, AChunkedBodyIsOne) {
  const AnsweringServer server([](const std::string&) {
    return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           "3\r\npic\r\n4\r\nture\r\n0\r\n\r\n";
  });
  EXPECT_EQ(fetch(pictures(), server.url()), "picture");
}

// The name is looked up once, and only what it led to then is connected to: the next answer would
// be this machine's network.
TEST(RemotePictures, ANameThatLeadsElsewhereTheNextTimeIsOfNoUse) {
  const AnsweringServer server([](const std::string&) { return ok("picture"); });
  std::atomic<int> lookups{0};
  const RemotePictures from = pictures(NameLookup([&](const std::string& host) {
    EXPECT_EQ(host, "changing.example");
    return Result<Addresses>(++lookups == 1 ? Addresses{"127.0.0.1"} : Addresses{"127.0.0.2"});
  }));
  EXPECT_EQ(fetch(from, server.url("changing.example")), "picture");
  EXPECT_EQ(lookups, 1);
  EXPECT_NE(server.heads()[0].find("Host: changing.example:"), std::string::npos);
  EXPECT_EQ(fetch(from, server.url("changing.example")),
            "(pictures are fetched from the usual port only)");
  EXPECT_EQ(lookups, 2);
  EXPECT_EQ(server.heads().size(), 1u);
}

TEST(RemotePictures, OneAddressThatWillNotDoIsEnough) {
  const AnsweringServer server([](const std::string&) { return ok("picture"); });
  for (const Addresses& found :
       {Addresses{"127.0.0.1", "169.254.169.254"}, Addresses{"10.0.0.1", "127.0.0.1"},
        Addresses{"::1"}, Addresses{"::ffff:10.0.0.1"}, Addresses{}})
    EXPECT_EQ(fetch(pictures(leading_to(found)), server.url("a.example")).front(), '(');
  EXPECT_EQ(fetch(pictures(leading_to({"127.0.0.1", "10.0.0.1"})), "http://a.example/"),
            "(its host is not in the public internet)");
  EXPECT_TRUE(server.heads().empty());
}

TEST(RemotePictures, RedirectsAreCheckedAnew) {
  std::string to;
  const AnsweringServer server(
      [&](const std::string& head) { return head.starts_with("GET /b") ? ok("b") : redirect(to); });
  const RemotePictures from = pictures(NameLookup([](const std::string& host) {
    return Result<Addresses>(host == "out.example" ? Addresses{"127.0.0.1"}
                                                   : Addresses{"192.168.0.1"});
  }));
  to = "b.png?x";
  EXPECT_EQ(fetch(from, server.url("out.example")), "b");
  to = server.url().substr(0, server.url().rfind('/')) + "/b";
  EXPECT_EQ(fetch(from, server.url("out.example")), "b");
  EXPECT_EQ(server.heads().size(), 4u);
  for (const char* bad :
       {"http://127.0.0.2/", "http://[::1]/", "http://[::ffff:127.0.0.2]/", "http://2130706433/",
        "http://0x7f.1/", "http://017700000001/", "http://inner.example/",
        "http://169.254.169.254/latest/meta-data/", "https://inner.example/", "file:///etc/passwd",
        "ftp://127.0.0.1/", "//user@127.0.0.1/", "http://a\\@127.0.0.1/", "gopher://127.0.0.1/", "",
        "http://localhost\\.example/"}) {
    to = bad;
    const std::size_t before = server.heads().size();
    EXPECT_EQ(fetch(from, server.url("out.example")).front(), '(') << bad;
    EXPECT_EQ(server.heads().size(), before + 1) << bad;
  }
}

TEST(RemotePictures, RedirectsAreFew) {
  for (const int status : {301, 302, 303, 307, 308}) {
    const AnsweringServer server([&](const std::string&) { return redirect("/again", status); });
    EXPECT_EQ(fetch(pictures(), server.url()), "(it is redirected more than 3 times)");
    EXPECT_EQ(server.heads().size(), 4u);
  }
}

TEST(RemotePictures, TooManyBytesEndIt) {
  const char* const kAnswers[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n...a",
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n...a",
      "HTTP/1.1 200 OK\r\n\r\n...aaaaaaaaaaaaaaaaaaaaaaaaa",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n...5\r\naaaaa\r\n"};
  for (const char* answer : kAnswers) {
    const AnsweringServer server([&](const std::string&) { return answer; });
    EXPECT_EQ(fetch(pictures(), server.url()), "(the picture has more than 1000 bytes)") << answer;
  }
  const AnsweringServer exact([](const std::string&) { return ok(std::string(1000, 'a')); });
  EXPECT_EQ(fetch(pictures(), exact.url()).size(), 1000u);
}

TEST(RemotePictures, EndlessHeadsEndIt) {
  const AnsweringServer server(
      [](const std::string&) { return "HTTP/1.1 200 OK\r\n...X-A: aaaaaaaaaaaaaaaaaaaaaa\r\n"; });
  EXPECT_EQ(fetch(pictures(), server.url()), "(its server's answer has too long a head)");
  const AnsweringServer early(
      [](const std::string&) { return "HTTP/1.1 200 OK\r\n...HTTP/1.1 103 Early Hints\r\n\r\n"; });
  EXPECT_EQ(fetch(pictures(), early.url()).front(), '(');
}

TEST(RemotePictures, WhatIsNoPictureIsTold) {
  std::string answer;
  const AnsweringServer server([&](const std::string&) { return answer; });
  const auto told = [&](std::string text) {
    answer = std::move(text);
    return fetch(pictures(), server.url());
  };
  EXPECT_EQ(told("HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nsecret"),
            "(its server answered with status 404)");
  EXPECT_EQ(told("HTTP/1.1 206 Partial\r\nContent-Length: 1\r\n\r\na"),
            "(its server answered with status 206)");
  EXPECT_EQ(told("HTTP/1.1 500 Error\r\n\r\n...secret"), "(its server answered with status 500)");
  EXPECT_EQ(told("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
            "(its server's answer broke off)");
  EXPECT_EQ(told("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "(its server sent no bytes)");
  EXPECT_EQ(told("SSH-2.0-OpenSSH_9.2\r\n").front(), '(');
  EXPECT_EQ(told("HTTP/1.1 304 Not Modified\r\n\r\n"), "(its server answered with status 304)");
}

TEST(RemotePictures, NobodyThereIsTold) {
  std::uint16_t port = 0;
  {
    const ListeningSocket gone;
    port = gone.port();
  }
  EXPECT_EQ(fetch(pictures(), fmt::format("http://127.0.0.1:{}/", port)),
            "(its server gave no answer)");
  const NameLookup unknown([](const std::string&) -> Result<Addresses> {
    return Error{ErrorCode::kInvalidArgument, "its host's name is not known"};
  });
  EXPECT_EQ(fetch(pictures(unknown), "https://a.example/"), "(its host's name is not known)");
}

TEST(RemotePictures, SilenceAndDripsHaveAnEnd) {
  const char* const kAnswers[] = {"", "HTTP/1.1 200 OK\r\n\r\na", "HTTP/1.1 302 Found\r\nLoc"};
  for (std::string answer : kAnswers) {
    // Something comes, then nothing, and the connection stays.
    const AnsweringServer server(
        [&](const std::string&) { return answer + (answer.empty() ? "" : "..."); });
    EXPECT_EQ(fetch(pictures(NameLookup(), 50ms), server.url()),
              "(the picture did not come within 0.05 s)");
  }
  // The lookup's thread outlives the question, and this test.
  const auto over = std::make_shared<std::atomic<bool>>(false);
  const NameLookup stuck([over](const std::string&) -> Result<Addresses> {
    while (!*over) std::this_thread::sleep_for(1ms);
    return Addresses{"127.0.0.1"};
  });
  EXPECT_EQ(fetch(pictures(stuck, 50ms), "http://a.example/"),
            "(the picture did not come within 0.05 s)");
  *over = true;
}

TEST(RemotePictures, EndWhenNobodyWaits) {
  std::atomic<bool> asked{false};
  const AnsweringServer server([&](const std::string&) {
    asked = true;
    return "";
  });
  Fetch leaving;
  leaving.interrupt.cancelled = [&] { return asked.load(); };
  EXPECT_EQ(leaving(pictures(), server.url()),
            "(the request was cancelled during fetching a picture)");
  Fetch late;
  late.interrupt.deadline = std::chrono::steady_clock::now() + 50ms;
  EXPECT_EQ(late(pictures(), server.url()), "(out of time during fetching a picture)");
}

TEST(RemotePictures, TakeMemoryOnlyWhereThereIsSome) {
  const AnsweringServer server([](const std::string&) { return ok(std::string(1000, 'a')); });
  Fetch full;
  full.room = [](std::size_t) { return false; };
  EXPECT_EQ(full(pictures(), server.url()), "(the server holds as many pictures as it may)");
  std::size_t most = 0;
  full.room = [&](std::size_t bytes) {
    most = std::max(most, bytes);
    return true;
  };
  EXPECT_EQ(full(pictures(), server.url()).size(), 1000u);
  EXPECT_EQ(most, 1000u);
}

}  // namespace
}  // namespace oc
