#include "runtime/sources/remote_url.h"

#include <gtest/gtest.h>

#include <string>

namespace oc {
namespace {

// As it is asked for; what is wrong, in brackets.
std::string read(std::string_view text) {
  const auto url = parse_remote_url(text);
  return url.ok() ? url->text() : "(" + url.error().message + ")";
}

TEST(RemoteUrl, IsWrittenAnewOfItsParts) {
  EXPECT_EQ(read("https://example.org/a/b.png?x=1&y=%20"), "https://example.org/a/b.png?x=1&y=%20");
  EXPECT_EQ(read("HTTPS://Example.ORG"), "https://example.org/");
  EXPECT_EQ(read("https://example.org?q"), "https://example.org/?q");
  EXPECT_EQ(read("https://example.org./a#part"), "https://example.org/a");
  EXPECT_EQ(read("https://example.org:443/a"), "https://example.org/a");
  EXPECT_EQ(read("http://example.org:80/"), "http://example.org/");
  EXPECT_EQ(read("http://example.org:0443/"), "http://example.org:443/");
  EXPECT_EQ(read("https://a_b.xn--bcher-kva.example:8443/"),
            "https://a_b.xn--bcher-kva.example:8443/");
  EXPECT_EQ(read("https://[2001:DB8::1]:8443/a"), "https://[2001:db8::1]:8443/a");
  EXPECT_EQ(read("https://192.0.2.1/a"), "https://192.0.2.1/a");
  EXPECT_EQ(read("https://example.org/@a:b/http://c"), "https://example.org/@a:b/http://c");
}

// Boost.URL ends the host behind the fourth number.
TEST(RemoteUrl, AHostMayBeginAsAnAddress) {
  EXPECT_EQ(parse_remote_url("http://1.2.3.4.example.org/a")->host, "1.2.3.4.example.org");
  EXPECT_EQ(parse_remote_url("http://127.0.0.1x/")->host, "127.0.0.1x");
}

TEST(RemoteUrl, RedirectsAreReadFromWhereTheyAre) {
  const RemoteUrl base = *parse_remote_url("http://example.org:8080/a/b?c/d");
  const auto leads = [&](std::string_view to) {
    const auto url = resolve_remote_url(base, to);
    return url.ok() ? url->text() : "(" + url.error().message + ")";
  };
  EXPECT_EQ(leads("https://other.example/x"), "https://other.example/x");
  EXPECT_EQ(leads("//other.example/x"), "http://other.example/x");
  EXPECT_EQ(leads("/x?y"), "http://example.org:8080/x?y");
  EXPECT_EQ(leads("x"), "http://example.org:8080/a/x");
  EXPECT_EQ(leads("../x"), "http://example.org:8080/a/../x");
  EXPECT_EQ(leads("?x"), "http://example.org:8080/a/b?x");
  EXPECT_EQ(leads("#x"), base.text());
  EXPECT_EQ(leads("x/y:z"), "http://example.org:8080/a/x/y:z");
  for (const char* bad : {"file:///etc/passwd", "x:y", "///etc/passwd", "//a@b/", "\\\\a\\b",
                          "/\\a", "//2130706433/", "/a b", "http:x", "/\xc3\xbc"})
    EXPECT_EQ(leads(bad).front(), '(') << bad;
}

TEST(RemoteUrl, KnowsAnAddressFromAName) {
  EXPECT_TRUE(parse_remote_url("http://127.0.0.1/")->is_address);
  EXPECT_TRUE(parse_remote_url("http://[::1]/")->is_address);
  EXPECT_EQ(parse_remote_url("http://[::FFFF:127.0.0.1]/")->host, "::ffff:127.0.0.1");
  EXPECT_FALSE(parse_remote_url("http://localhost/")->is_address);
  EXPECT_FALSE(parse_remote_url("http://1.example/")->is_address);
}

// What some programs take for 127.0.0.1.
TEST(RemoteUrl, RefusesAddressesInUnusualForms) {
  for (const char* host :
       {"2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "017700000001", "0177.0.0.1", "127.1",
        "127.0.1", "127.0.0.01", "127.0.0.1.", "0", "0x", "00000000000000000000177.0.0.1",
        "1.2.3.256", "1.2.3.4.5", "127.0.0.0x1", "a.1", "1.1.1.08"}) {
    const std::string told = read("http://" + std::string(host) + "/");
    if (std::string_view(host) == "127.0.0.1.")  // the dot of a full name; then it is checked
      EXPECT_EQ(told, "http://127.0.0.1/");
    else
      EXPECT_EQ(told, "(its host is no IPv4 address in the usual form)") << host;
  }
}

TEST(RemoteUrl, RefusesWhatOthersReadOtherwise) {
  for (const char* text :
       {"https://user@example.org/", "https://user:word@example.org/", "https://@example.org/",
        "https://example.org@127.0.0.1/", "https://a:b@127.0.0.1/"})
    EXPECT_EQ(read(text), "(the address has a user or a password in it)") << text;
  for (const char* text :
       {"https://example.org\\@127.0.0.1/", "https://example.org /", " https://example.org/",
        "https://exa\nmple.org/", "https://example.org/a b", "https://bücher.example/",
        "https://127。0。0。1/", "https://①②⑦.0.0.1/", "https:/\\example.org", "https://[::1",
        "https://[::1%lo]/", "https://[zz]/", "https://example.org:99999999999999999/",
        "//example.org/", "example.org/a.png", "", "https//example.org"})
    EXPECT_EQ(read(text).front(), '(') << text;
  for (const char* text :
       {"https://", "https:///a", "https:example.org", "https:/example.org",
        "https://ex%61mple.org/", "https://127.0.0.%31/", "https://a..b/", "http://127.0.0.1../",
        "http://1../", "https://./", "https://.example.org/", "https://../", "https://a,b/",
        "https://localhost%00.example/", "https://a$b/", "https://[fe80::1%25lo]/",
        "https://[v1.a]/", "https://example.org:0/", "https://example.org:65536/"})
    EXPECT_EQ(read(text).front(), '(') << text;
  for (const char* text : {"ftp://example.org/", "file:///etc/passwd", "gopher://a/", "data:,a",
                           "dict://a/", "javascript:1", "unix:/a", "httpss://a/"})
    EXPECT_EQ(read(text), "(the address is none of https)") << text;
}

TEST(RemoteUrl, IsBounded) {
  const std::string start = "https://example.org/";
  EXPECT_TRUE(parse_remote_url(start + std::string(kMaxUrlBytes - start.size(), 'a')).ok());
  EXPECT_FALSE(parse_remote_url(start + std::string(kMaxUrlBytes - start.size() + 1, 'a')).ok());
  EXPECT_FALSE(parse_remote_url("https://" + std::string(254, 'a') + "/").ok());
}

}  // namespace
}  // namespace oc
