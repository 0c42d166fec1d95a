#include "http/access.h"

#include <gtest/gtest.h>

#include "base/memory_budget.h"
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

// A page of `origin` asks for `host`, perhaps through a proxy.
Request page(std::string host, std::string origin, std::string forwarded_host = "",
             std::string forwarded_proto = "") {
  Request out = request(std::move(host), "origin", std::move(origin));
  if (!forwarded_host.empty())
    out.headers.emplace_back("x-forwarded-host", std::move(forwarded_host));
  if (!forwarded_proto.empty())
    out.headers.emplace_back("x-forwarded-proto", std::move(forwarded_proto));
  return out;
}

TEST(Access, WhoAsks) {
  EXPECT_EQ(client_of(request("a")), "");
  EXPECT_EQ(client_of(request("a", "authorization", "BEARER  key")), "key");
  EXPECT_EQ(client_of(request("a", "authorization", "Basic eA==")), "Basic eA==");
  Request guest = page("a", "https://b.example");
  guest.headers.emplace_back("authorization", "Bearer key");
  guest.guest = true;
  EXPECT_EQ(client_of(guest), "guest https://b.example key");
  // What is kept is a key's where the server has some.
  Request shown = request("a", "authorization", "Bearer key");
  EXPECT_EQ(owner_of(shown), "");
  shown.keyed = true;
  EXPECT_EQ(owner_of(shown), "key");
  EXPECT_EQ(owner_of(guest), "guest https://b.example ");
  guest.keyed = true;
  EXPECT_EQ(owner_of(guest), client_of(guest));
  // Where there are no keys anybody could make some up.
  shown.address = "203.0.113.7";
  EXPECT_EQ(asker_of(shown), "key");
  shown.keyed = false;
  EXPECT_EQ(asker_of(shown), "203.0.113.7");
  shown.address = "::ffff:203.0.113.7";
  EXPECT_EQ(asker_of(shown), "203.0.113.7");
  for (const char* address : {"2001:db8::1", "2001:db8::ffff:2"}) {
    shown.address = address;
    EXPECT_EQ(asker_of(shown), "2001:db8::/64");
  }
  // Nor origins: only browsers tell the true one.
  Request other = page("a", "https://c.example");
  other.headers.emplace_back("authorization", "Bearer key");
  other.guest = other.keyed = true;
  EXPECT_EQ(asker_of(guest), "guest key");
  EXPECT_EQ(asker_of(other), "guest key");
  guest.keyed = false;
  guest.address = "127.0.0.1";
  EXPECT_EQ(asker_of(guest), "guest 127.0.0.1");
}

TEST(Access, KeysHaveLabelsThatGiveNothingAway) {
  AccessPolicy policy({"first", "second"}, {});
  policy.set_admin_keys({"root"});
  const auto label = [&](std::string_view key) {
    return policy.label(request("a", "authorization", "Bearer " + std::string(key)));
  };
  EXPECT_EQ(label("first"), "a7937b64");  // printf %s first | sha256sum | cut -c1-8
  EXPECT_EQ(label("second"), "16367aac");
  EXPECT_EQ(label("root"), "admin:4813494d");
  EXPECT_EQ(label("third"), "wrong");
  EXPECT_EQ(policy.label(request("a")), "none");
  EXPECT_EQ(AccessPolicy({}, {}).label(request("a", "authorization", "Bearer first")), "none");
  Request guest = page("a", "https://b.example");
  guest.guest = true;
  EXPECT_EQ(policy.label(guest), "guest");
}

TEST(Access, WhoIsBehindProxies) {
  const AccessPolicy policy({}, {}, {}, {"10.0.0.0/8"});
  const auto behind = [&](std::string header) {
    return policy.forwarded_for(request("a", "x-forwarded-for", std::move(header)));
  };
  EXPECT_EQ(behind("203.0.113.7"), "203.0.113.7");
  EXPECT_EQ(behind("203.0.113.7, 10.1.2.3"), "203.0.113.7");
  EXPECT_EQ(behind("2001:db8::1 ,10.1.2.3"), "2001:db8::1");
  EXPECT_EQ(behind("1.1.1.1, 203.0.113.7, 10.1.2.3"), "203.0.113.7") << "the first is invented";
  EXPECT_EQ(behind("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(behind("203.0.113.7:4711"), "203.0.113.7") << "as Azure's proxies have it";
  EXPECT_EQ(behind("203.0.113.7:4711, 10.1.2.3:80"), "203.0.113.7");
  EXPECT_EQ(behind("[2001:db8::1]:4711, 10.1.2.3"), "2001:db8::1");
  EXPECT_EQ(behind("[2001:db8::1]"), "2001:db8::1");
  Request twice = request("a", "x-forwarded-for", "6.6.6.6");
  twice.headers.emplace_back("X-Forwarded-For", "203.0.113.7");
  EXPECT_EQ(policy.forwarded_for(twice), "203.0.113.7") << "a proxy adds a line of its own";
  for (const char* nobody : {"", "someone", "fe80::1%eth0", "10.0.0.0/8", "1.1.1.1, someone",
                             "1.1.1.1,", "someone:80", "[::1", "[]:80", ":80", "[10.0.0.0/8]"})
    EXPECT_EQ(behind(nobody), "") << nobody;
}

TEST(Access, PagesOfOthersAreForeignWhomeverTheOwnerNames) {
  const AccessPolicy policy({}, {"example.com"}, {"https://named.example", "*"});
  EXPECT_FALSE(policy.is_foreign_page(request("localhost:8080"), true)) << "no page at all";
  EXPECT_FALSE(policy.is_foreign_page(page("localhost:8080", "http://localhost:8080"), false));
  EXPECT_FALSE(policy.is_foreign_page(
      page("localhost:8080", "https://example.com", "example.com", "https"), true));
  EXPECT_TRUE(policy.is_foreign_page(
      page("localhost:8080", "https://example.com", "example.com", "https"), false));
  for (const char* origin : {"https://named.example", "http://localhost:8081", "null"})
    EXPECT_TRUE(policy.is_foreign_page(page("localhost:8080", origin), true)) << origin;
}

TEST(Access, HostsOfThisMachine) {
  const AccessPolicy policy({}, {"Example.com"});
  for (const char* host : {"localhost", "localhost:8080", "LOCALHOST", "example.com",
                           "example.com:80", "EXAMPLE.com:", ""})
    EXPECT_FALSE(policy.check_host(request(host))) << host;
  for (const char* host :
       {"evil.com", "evil.com:8080", "localhost.evil.com", "127.0.0.1.evil.com", "sub.example.com",
        "127.1", "0x7f.0.0.1", "2130706433", "017700000001"}) {
    const auto error = policy.check_host(request(host));
    ASSERT_TRUE(error) << host;
    EXPECT_EQ(error->status, 403);
    EXPECT_NE(error->message.find("--allow-host"), std::string::npos);
  }
  EXPECT_FALSE(AccessPolicy({}, {"*"}).check_host(request("any.thing")));
}

TEST(Access, AddressesNeedNoLeave) {
  const AccessPolicy policy({}, {});
  for (const char* host : {"127.0.0.1", "127.0.0.1:1", "192.168.1.5:8080", "8.8.8.8", "[::1]",
                           "[::1]:8080", "[fe80::1]:8080", "[2001:db8::1]"})
    EXPECT_FALSE(policy.check_host(request(host))) << host;
}

TEST(Access, PagesOfOtherOrigins) {
  const AccessPolicy policy({}, {});
  EXPECT_FALSE(policy.check_origin(request("localhost:8080"), false));
  const auto refused = [&](const std::string& host, const std::string& origin) {
    return policy.check_origin(page(host, origin), false).has_value();
  };
  EXPECT_FALSE(refused("localhost:8080", "http://localhost:8080"));
  EXPECT_FALSE(refused("LocalHost:8080", "http://localhost:8080"));
  EXPECT_TRUE(refused("localhost:8080", "http://localhost:5500"));
  EXPECT_TRUE(refused("localhost:8080", "http://localhost"));
  EXPECT_TRUE(refused("localhost:8080", "https://evil.com"));
  EXPECT_TRUE(refused("localhost:8080", "https://localhost:8080.evil.com"));
  EXPECT_TRUE(refused("localhost:8080", "null"));
  EXPECT_TRUE(refused("localhost:8080", "file://"));
  EXPECT_TRUE(refused("", "http://localhost"));
  EXPECT_FALSE(refused("[::1]:80", "http://[0:0::1]"));
}

TEST(Access, BothSchemesOfItsOwnHost) {
  const AccessPolicy policy({}, {"example.org"});
  const auto refused = [&](const std::string& host, const std::string& origin) {
    return policy.check_origin(page(host, origin), false).has_value();
  };
  // A proxy that ends TLS passes Host on, with or without a port.
  EXPECT_FALSE(refused("example.org", "https://example.org"));
  EXPECT_FALSE(refused("example.org", "http://example.org"));
  EXPECT_FALSE(refused("example.org:443", "https://example.org"));
  EXPECT_FALSE(refused("example.org:80", "http://example.org"));
  EXPECT_FALSE(refused("example.org:8443", "https://example.org:8443"));
  EXPECT_TRUE(refused("example.org", "https://example.org:8443"));
  EXPECT_TRUE(refused("example.org:80", "https://example.org"));
  EXPECT_TRUE(refused("example.org", "https://other.org"));
}

TEST(Access, ForwardedHostsOfTrustedProxies) {
  const AccessPolicy policy({}, {"example.org"}, {}, {"10.0.0.0/8"});
  EXPECT_TRUE(policy.trusts("127.0.0.1"));
  EXPECT_TRUE(policy.trusts("::1"));
  EXPECT_TRUE(policy.trusts("10.1.2.3"));
  EXPECT_TRUE(policy.trusts("::ffff:10.1.2.3"));
  EXPECT_FALSE(policy.trusts("192.168.1.5"));
  EXPECT_FALSE(policy.trusts(""));

  const auto check = [&](const std::string& forwarded, const std::string& proto, bool trusted,
                         const std::string& origin = "https://example.org") {
    return policy.check_origin(page("127.0.0.1:8080", origin, forwarded, proto), trusted);
  };
  EXPECT_FALSE(check("example.org", "https", true));
  EXPECT_FALSE(check("example.org", "", true));
  EXPECT_FALSE(check("example.org, proxy.internal", "https,http", true));
  EXPECT_FALSE(check("example.org:8443", "HTTPS", true, "https://example.org:8443"));
  // Its scheme is known then.
  EXPECT_TRUE(check("example.org", "http", true));
  EXPECT_TRUE(check("example.org", "https", true, "http://example.org"));
  // A rebound name: the forwarded host must be allowed as Host would have to be.
  EXPECT_TRUE(check("evil.com", "", true, "http://evil.com"));
  EXPECT_TRUE(check("", "https", true));
  EXPECT_TRUE(check("not a host", "", true));
  for (const char* proto : {"https", ""}) EXPECT_TRUE(check("example.org", proto, false));
}

TEST(Access, RefusedPagesAreToldTheFlag) {
  const AccessPolicy policy({}, {});
  const auto told = [&](const Request& request, bool trusted, const std::string& flag) {
    const auto error = policy.check_origin(request, trusted);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, "origin_not_allowed");
    EXPECT_NE(error->message.find(flag), std::string::npos) << error->message;
  };
  told(page("localhost", "https://a.org"), false, "--cors-origin https://a.org");
  told(page("localhost", "null"), false, "serve the page over http");
  told(page("localhost", "null"), false, "--cors-origin");
  EXPECT_EQ(policy.check_origin(page("localhost", "null"), false)->message.find("origin null"),
            std::string::npos);
  told(page("localhost", "\x01<script>"), false, "--cors-origin ORIGIN");
  told(page("localhost", "https://a.org", "a.org"), false, "--trust-proxy");
  told(page("localhost", "https://a.org", "a.org"), true, "--allow-host a.org");
}

TEST(Access, PagesThatOnlyLookAreNotRefusedHere) {
  const AccessPolicy policy({}, {}, {"local"});
  Request get = page("localhost", "https://a.org");
  get.method = "GET";
  EXPECT_FALSE(policy.check_origin(get, false));
  EXPECT_FALSE(policy.knows_page(get, false));  // but the log tells of them
  EXPECT_TRUE(policy.knows_page(page("localhost", "http://127.0.0.1:5500"), false));
  EXPECT_TRUE(policy.knows_page(request("localhost"), false));
}

TEST(Access, GuestsArePagesOfThisMachineOnly) {
  AccessPolicy policy({}, {}, {"http://localhost:7"});
  const auto guest = [&](const Request& asked) { return policy.is_guest(asked, true, true); };
  EXPECT_FALSE(guest(page("localhost:8000", "null")));  // not let in
  policy.let_guests_in();
  for (const char* origin : {"null", "http://localhost:5500", "https://LOCALHOST", "http://[::1]:1",
                             "http://127.0.0.1:5500", "http://127.1.2.3"})
    for (const char* host : {"localhost:8000", "127.0.0.1:8000", "[::1]:8000"})
      EXPECT_TRUE(guest(page(host, origin))) << origin << " " << host;
  for (const char* origin : {"", "http://evil.com", "http://localhost.evil.com", "file://", "NULL",
                             "http://192.168.1.5", "null null", "http://127.0.0.1@evil.com"})
    EXPECT_FALSE(guest(page("localhost:8000", origin))) << origin;
  // Its own pages and those that are named are more than guests.
  EXPECT_FALSE(guest(page("localhost:8000", "http://localhost:8000")));
  EXPECT_FALSE(guest(page("localhost:8000", "http://localhost:7")));
  // Neither from another machine, nor under another name, nor through a proxy of this one.
  EXPECT_FALSE(policy.is_guest(page("localhost:8000", "null"), true, false));
  for (const char* host : {"192.168.1.5:8000", "home.example", ""})
    EXPECT_FALSE(guest(page(host, "null"))) << host;
  for (const char* name : {"forwarded", "via", "x-forwarded-for", "x-forwarded-host",
                           "x-forwarded-proto", "x-real-ip"}) {
    Request passed_on = page("localhost:8000", "null");
    passed_on.headers.emplace_back(name, "localhost");
    EXPECT_FALSE(guest(passed_on)) << name;
  }
}

TEST(Access, GuestsAreToldWhatTheyMayReadWhereTheyAreWelcome) {
  AccessPolicy policy({}, {});
  policy.let_guests_in();
  Request asked = page("localhost:8000", "null");
  const auto names = [&](bool welcome) {
    std::string out;
    for (const auto& [name, value] : policy.cors_headers(asked, welcome)) out += name + " ";
    return out;
  };
  EXPECT_NE(names(true).find("Access-Control-Allow-Origin"), std::string::npos);
  EXPECT_EQ(names(false), "Vary ");  // what depends on the page is not to be kept for another
  asked.method = "OPTIONS";
  asked.headers.emplace_back("access-control-request-method", "PATCH");
  EXPECT_FALSE(policy.preflight(asked, false));
  const auto allowed = policy.preflight(asked, true);
  ASSERT_TRUE(allowed);
  EXPECT_EQ(allowed->headers[0].second, "GET, HEAD, POST");
}

TEST(Access, AKeyInMoondreamsHeader) {
  const AccessPolicy policy({"alpha"}, {});
  const auto with = [](std::string authorization, std::string alone) {
    Request out = request("", "authorization", std::move(authorization));
    out.headers.emplace_back("x-moondream-auth", std::move(alone));
    return out;
  };
  EXPECT_FALSE(policy.check_key(request("", "x-moondream-auth", "alpha")));
  EXPECT_EQ(client_of(request("", "x-moondream-auth", "alpha")), "alpha");
  EXPECT_EQ(policy.check_key(request("", "x-moondream-auth", "Bearer alpha"))->code,
            "invalid_api_key");
  EXPECT_EQ(policy.check_key(with("", ""))->code, "missing_api_key") << "as without a key";
  EXPECT_FALSE(policy.check_key(with("", "alpha")));
  EXPECT_FALSE(policy.check_key(with("Bearer alpha", "beta"))) << "Authorization comes first";
  EXPECT_TRUE(policy.check_key(with("Bearer beta", "alpha")));
  EXPECT_TRUE(policy.check_key(with("Basic x", "alpha")));
  AccessPolicy admins({"alpha"}, {});
  admins.set_admin_keys({"root"});
  EXPECT_TRUE(admins.is_admin(request("", "x-moondream-auth", "root")));
  EXPECT_FALSE(admins.is_admin(request("", "x-moondream-auth", "alpha")));
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
    const bool no_scheme = !std::string_view(value).starts_with("Bearer ");
    EXPECT_EQ(error->message.starts_with("\"Bearer \" is missing"), no_scheme) << value;
  }
  EXPECT_EQ(policy.check_key(request(""))->message,
            "an API key is needed: Authorization: Bearer KEY");
  EXPECT_EQ(policy.check_key(request(""), "x-key: KEY")->message,
            "an API key is needed: x-key: KEY");
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
    EXPECT_EQ(made.size(), 30u);
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

TEST(Access, AdminKeys) {
  const auto with = [](const std::string& key) {
    return key.empty() ? request("") : request("", "authorization", "Bearer " + key);
  };
  // None is set: whoever passes the other checks.
  EXPECT_TRUE(AccessPolicy({"api"}, {}).is_admin(with("")));
  EXPECT_FALSE(AccessPolicy({"api"}, {}).check_admin(with("api")));

  AccessPolicy both({"api"}, {});
  both.set_admin_keys({"root", "second"});
  for (const char* key : {"root", "second"}) {
    EXPECT_FALSE(both.check_key(with(key))) << "an admin key passes where a key is wanted";
    EXPECT_FALSE(both.check_admin(with(key)));
    EXPECT_TRUE(both.is_admin(with(key)));
  }
  EXPECT_FALSE(both.check_key(with("api")));
  EXPECT_FALSE(both.is_admin(with("api")));
  EXPECT_EQ(both.check_admin(with("api"))->status, 403);
  EXPECT_EQ(both.check_admin(with("api"))->code, "admin_key_required");
  EXPECT_EQ(both.check_key(with("roo"))->status, 401);
  EXPECT_EQ(both.check_admin(with(""))->status, 401);

  AccessPolicy alone({}, {});
  alone.set_admin_keys({"root"});
  EXPECT_FALSE(alone.check_key(with(""))) << "no API key is wanted for the rest";
  EXPECT_EQ(alone.check_admin(with(""))->code, "missing_api_key");
  EXPECT_EQ(alone.check_admin(with("roots"))->code, "invalid_api_key");
  EXPECT_FALSE(alone.check_admin(with("root")));
  // No message says a key.
  for (const char* key : {"", "roots"})
    EXPECT_EQ(alone.check_admin(with(key))->message.find("root"), std::string::npos);
}

}  // namespace
}  // namespace oc::http
