#include "http/access.h"

#include <gtest/gtest.h>

#include "http/memory_budget.h"
#include "http/request_id.h"

namespace oc::http {
namespace {

Request request(std::string authority, std::string name = "", std::string value = "") {
  Request out;
  out.method = "POST";
  out.authority = std::move(authority);
  if (!name.empty()) out.headers.emplace_back(std::move(name), std::move(value));
  return out;
}

TEST(Access, HostsOfThisMachine) {
  const AccessPolicy policy({}, {"Example.com"});
  for (const char* host : {"localhost", "localhost:8080", "LOCALHOST", "127.0.0.1", "127.0.0.1:1",
                           "[::1]", "[::1]:8080", "example.com", "example.com:80", ""})
    EXPECT_FALSE(policy.check_host(request(host), "127.0.0.1")) << host;
  for (const char* host :
       {"evil.com", "evil.com:8080", "localhost.evil.com", "127.0.0.1.evil.com", "192.168.1.5",
        "[::2]", "[::1", "localhost:x", "localhost:123456", "user@localhost", "localhost:80:80"}) {
    const auto error = policy.check_host(request(host), "127.0.0.1");
    ASSERT_TRUE(error) << host;
    EXPECT_EQ(error->status, 403);
  }
}

TEST(Access, TheAddressOfTheConnectionIsFine) {
  const AccessPolicy policy({}, {});
  EXPECT_FALSE(policy.check_host(request("192.168.1.5:8080"), "192.168.1.5"));
  EXPECT_FALSE(policy.check_host(request("[fe80::1]:8080"), "fe80::1"));
  EXPECT_TRUE(policy.check_host(request("192.168.1.6:8080"), "192.168.1.5"));
  EXPECT_FALSE(AccessPolicy({}, {"*"}).check_host(request("any.thing"), "127.0.0.1"));
}

TEST(Access, PagesOfOtherOrigins) {
  const AccessPolicy policy({}, {});
  EXPECT_FALSE(policy.check_origin(request("localhost:8080")));
  EXPECT_FALSE(policy.check_origin(request("localhost:8080", "origin", "http://localhost:8080")));
  EXPECT_TRUE(policy.check_origin(request("localhost:8080", "origin", "http://localhost:5500")));
  EXPECT_TRUE(policy.check_origin(request("localhost:8080", "origin", "https://evil.com")));
  EXPECT_TRUE(policy.check_origin(request("localhost:8080", "origin", "null")));
}

TEST(Access, Keys) {
  EXPECT_FALSE(AccessPolicy({}, {}).check_key(request("")));
  const AccessPolicy policy({"alpha", "beta"}, {});
  EXPECT_TRUE(policy.has_keys());
  const auto check = [&](const std::string& value) {
    return policy.check_key(request("", "authorization", value));
  };
  EXPECT_FALSE(check("Bearer alpha"));
  EXPECT_FALSE(check("bearer beta"));
  EXPECT_FALSE(check("Bearer   beta"));
  EXPECT_EQ(policy.check_key(request(""))->code, "missing_api_key");
  for (const char* value : {"Bearer alph", "Bearer alphaa", "Bearer", "Bearer ", "alpha",
                            "Basic alpha", "Bearer alpha,beta"}) {
    const auto error = check(value);
    ASSERT_TRUE(error) << value;
    EXPECT_EQ(error->status, 401);
    EXPECT_EQ(error->code, "invalid_api_key");
    EXPECT_EQ(error->message.find("alpha"), std::string::npos);
  }
}

TEST(Access, Loopback) {
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("127.1.2.3"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("::"));
  EXPECT_FALSE(is_loopback("192.168.1.5"));
}

TEST(RequestId, TakenOverOrMade) {
  EXPECT_EQ(request_id("abc-1_2.3:4"), "abc-1_2.3:4");
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("a\nb"),
                                 std::string("<x>"), std::string(129, 'a'), std::string("\xff")}) {
    const std::string made = request_id(bad);
    EXPECT_TRUE(made.starts_with("req-"));
    EXPECT_EQ(made.size(), 28u);
  }
  EXPECT_NE(random_id("x"), random_id("x"));
}

TEST(MemoryBudget, SharesComeBack) {
  auto budget = std::make_shared<MemoryBudget>(100);
  {
    Reservation first(budget), second(budget);
    EXPECT_TRUE(first.grow_to(60));
    EXPECT_TRUE(first.grow_to(50));  // never shrinks
    EXPECT_EQ(budget->used(), 60u);
    EXPECT_FALSE(second.grow_to(41));
    EXPECT_TRUE(second.grow_to(40));
    EXPECT_FALSE(first.grow_to(61));
    Reservation moved = std::move(second);
    EXPECT_EQ(budget->used(), 100u);
    moved = Reservation(budget);
    EXPECT_EQ(budget->used(), 60u);
  }
  EXPECT_EQ(budget->used(), 0u);
  Reservation none;
  EXPECT_TRUE(none.grow_to(1000));  // no budget, no limit
  Reservation huge(budget);
  EXPECT_FALSE(huge.grow_to(~std::size_t{0}));
}

}  // namespace
}  // namespace oc::http
