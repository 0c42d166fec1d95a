#include "http/authority.h"

#include <gtest/gtest.h>

namespace oc::http {
namespace {

using Kind = Authority::Kind;

TEST(Authority, NamesAndAddresses) {
  struct Case {
    std::string_view text;
    Kind kind;
    std::string host;
    int port;  // -1: none
  };
  for (const Case& one : {Case{"localhost", Kind::kName, "localhost", -1},
                          {"Example.COM:8080", Kind::kName, "example.com", 8080},
                          {"a.b:", Kind::kName, "a.b", -1},
                          {"a_b-c~d", Kind::kName, "a_b-c~d", -1},
                          {"%41.b", Kind::kName, "%41.b", -1},
                          {"127.0.0.1:65535", Kind::kIpv4, "127.0.0.1", 65535},
                          {"127.1", Kind::kName, "127.1", -1},  // no browser sends it so
                          {"0x7f.0.0.1", Kind::kName, "0x7f.0.0.1", -1},
                          {"127.0.0.1.evil.com", Kind::kName, "127.0.0.1.evil.com", -1},
                          {"[::1]:1", Kind::kIpv6, "[::1]", 1},
                          {"[0:0::0001]", Kind::kIpv6, "[::1]", -1},
                          {"[::FFFF:10.0.0.1]", Kind::kIpv6, "[::ffff:10.0.0.1]", -1}}) {
    const auto parsed = parse_authority(one.text);
    ASSERT_TRUE(parsed) << one.text;
    EXPECT_EQ(parsed->kind, one.kind) << one.text;
    EXPECT_EQ(parsed->host, one.host);
    EXPECT_EQ(parsed->port ? *parsed->port : -1, one.port) << one.text;
  }
}

TEST(Authority, Malformed) {
  for (const char* text : {"",
                           ":80",
                           "localhost:x",
                           "localhost:65536",
                           "localhost:123456",
                           "localhost:-1",
                           "localhost:80:80",
                           "user@localhost",
                           "a b",
                           "a/b",
                           "a?b",
                           "a#b",
                           "a\\b",
                           "\"a\"",
                           "<a>",
                           "[::1",
                           "[::1]x",
                           "[::1]]",
                           "[]",
                           "[::g]",
                           "[127.0.0.1]",
                           "::1",
                           "a%4",
                           "a%xx",
                           "h\xc3\xa4",
                           "a,b c"})
    EXPECT_FALSE(parse_authority(text)) << text;
  EXPECT_FALSE(parse_authority(std::string_view("127.0.0.1\0.evil.com", 19)));
  EXPECT_FALSE(parse_authority(std::string_view("[::1\0x]", 7)));
}

TEST(Authority, ThisMachine) {
  for (const char* text : {"localhost:1", "127.0.0.1", "127.8.9.1", "[::1]"})
    EXPECT_TRUE(parse_authority(text)->is_this_machine()) << text;
  for (const char* text : {"127.0.0.1.evil.com", "127.1", "[::2]", "10.0.0.1", "localhost.evil"})
    EXPECT_FALSE(parse_authority(text)->is_this_machine()) << text;
}

TEST(Authority, Origins) {
  EXPECT_EQ(parse_origin("http://a")->port(), 80);
  EXPECT_EQ(parse_origin("HTTPS://a")->port(), 443);
  EXPECT_EQ(parse_origin("https://a:8443")->port(), 8443);
  for (const char* text :
       {"null", "", "a", "ftp://a", "file://", "http:/a", "http://a/", "http://"})
    EXPECT_FALSE(parse_origin(text)) << text;
}

}  // namespace
}  // namespace oc::http
