#include "runtime/sources/remote_policy.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace oc {
namespace {

using Schemes = RemotePolicy::Schemes;
using Addresses = std::vector<std::string>;

RemotePolicy policy(std::initializer_list<const char*> allowed) {
  RemotePolicy out(Schemes::kBoth);
  for (const char* one : allowed) EXPECT_TRUE(out.allow(one)) << one;
  return out;
}

bool passes(const RemotePolicy& policy, std::string_view url, const Addresses& addresses) {
  const auto parsed = parse_remote_url(url);
  EXPECT_TRUE(parsed.ok()) << url;
  return parsed.ok() && policy.check_addresses(*parsed, addresses).ok();
}

TEST(RemotePolicy, HttpOnlyWhereItIsSaid) {
  const auto http = *parse_remote_url("http://example.org/");
  const auto https = *parse_remote_url("https://example.org/");
  EXPECT_FALSE(RemotePolicy(Schemes::kNone).check_scheme(https).ok());
  EXPECT_TRUE(RemotePolicy(Schemes::kHttps).check_scheme(https).ok());
  EXPECT_FALSE(RemotePolicy(Schemes::kHttps).check_scheme(http).ok());
  EXPECT_TRUE(RemotePolicy(Schemes::kBoth).check_scheme(http).ok());
  EXPECT_TRUE(RemotePolicy(Schemes::kBoth).check_scheme(https).ok());
  EXPECT_FALSE(RemotePolicy().fetches());
}

TEST(RemotePolicy, OnlyThePublicInternetByTheUsualPorts) {
  const RemotePolicy none = policy({});
  EXPECT_TRUE(passes(none, "https://example.org/", {"8.8.8.8", "2606:4700::1111"}));
  EXPECT_TRUE(passes(none, "http://example.org/", {"8.8.8.8"}));
  EXPECT_FALSE(passes(none, "https://example.org/", {}));
  EXPECT_FALSE(passes(none, "https://example.org:8443/", {"8.8.8.8"}));
  EXPECT_FALSE(passes(none, "http://example.org:443/", {"8.8.8.8"}));
  EXPECT_FALSE(passes(none, "https://example.org:22/", {"8.8.8.8"}));
  for (const char* address : {"127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1",
                              "64:ff9b::7f00:1", "fd00::1", "0.0.0.0"})
    EXPECT_FALSE(passes(none, "https://example.org/", {address})) << address;
}

// A host of which one address is within the owner's network is not asked at the others either.
TEST(RemotePolicy, EveryAddressMustDo) {
  const RemotePolicy none = policy({});
  EXPECT_FALSE(passes(none, "https://example.org/", {"8.8.8.8", "127.0.0.1"}));
  EXPECT_FALSE(passes(none, "https://example.org/", {"::1", "8.8.8.8"}));
  const RemotePolicy one = policy({"10.1.0.0/16"});
  EXPECT_TRUE(passes(one, "https://example.org/", {"10.1.2.3", "8.8.8.8"}));
  EXPECT_FALSE(passes(one, "https://example.org:8443/", {"10.1.2.3", "8.8.8.8"}));
  EXPECT_FALSE(passes(one, "https://example.org/", {"10.1.2.3", "10.2.0.1"}));
}

TEST(RemotePolicy, WhatIsNamedIsAskedOnAnyPort) {
  const RemotePolicy some = policy({"192.168.1.5", "fd00::/8", "NAS.example"});
  EXPECT_TRUE(passes(some, "http://192.168.1.5:8080/", {"192.168.1.5"}));
  EXPECT_FALSE(passes(some, "http://192.168.1.6/", {"192.168.1.6"}));
  EXPECT_TRUE(passes(some, "http://a.example:1/", {"fd12::1"}));
  EXPECT_TRUE(passes(some, "http://nas.example:8080/", {"127.0.0.1"}));
  EXPECT_TRUE(passes(some, "http://Nas.Example./", {"10.0.0.1"}));
  EXPECT_FALSE(passes(some, "http://a.nas.example/", {"10.0.0.1"}));
  EXPECT_FALSE(passes(some, "http://nas.example.org/", {"10.0.0.1"}));
}

TEST(RemotePolicy, TakesRangesAndHostsOnly) {
  RemotePolicy none;
  for (const char* text : {"", "*", "http://a", "a:80", "a/b", "user@a", "10.0.0.0/33", "127.1",
                           "0x7f.1", "[::1]", "a b", "a?b", "a#b", "a."})
    EXPECT_FALSE(none.allow(text)) << text;
  for (const char* text : {"localhost", "a.example", "10.0.0.0/8", "::1", "fd00::/8", "127.0.0.1"})
    EXPECT_TRUE(none.allow(text)) << text;
}

TEST(RemotePolicy, DoesNotTellWhereANameLeads) {
  const auto url = *parse_remote_url("https://intern.example/");
  const Addresses found = {"10.11.12.13"};
  EXPECT_EQ(policy({}).check_addresses(url, found).error().describe().find("10.11"),
            std::string::npos);
}

}  // namespace
}  // namespace oc
