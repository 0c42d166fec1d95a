#include "base/address_range.h"

#include <gtest/gtest.h>

#include <utility>

namespace oc {
namespace {

bool within(std::string_view range, std::string_view address) {
  const auto parsed = AddressRange::parse(range);
  EXPECT_TRUE(parsed) << range;
  return parsed && parsed->contains(address);
}

TEST(AddressRange, NetworksAndSingleAddresses) {
  EXPECT_TRUE(within("192.168.1.5", "192.168.1.5"));
  EXPECT_FALSE(within("192.168.1.5", "192.168.1.6"));
  EXPECT_TRUE(within("10.0.0.0/8", "10.255.1.2"));
  EXPECT_FALSE(within("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(within("172.16.0.0/12", "172.31.255.255"));
  EXPECT_FALSE(within("172.16.0.0/12", "172.32.0.0"));
  EXPECT_TRUE(within("0.0.0.0/0", "8.8.8.8"));
  EXPECT_FALSE(within("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(within("::/0", "8.8.8.8"));
  EXPECT_TRUE(within("fd00::/8", "fdab::1"));
  EXPECT_FALSE(within("fd00::/8", "fe80::1"));
  EXPECT_TRUE(within("fe80::/10", "fe80::1%eth0"));
  EXPECT_TRUE(within("10.0.0.0/8", "::ffff:10.0.0.1"));  // a listener on :: sees it so
  EXPECT_FALSE(within("10.0.0.0/8", "a.name"));
  EXPECT_FALSE(within("10.0.0.0/8", ""));
}

TEST(AddressRange, WhatIsNone) {
  for (const char* text : {"", "localhost", "10.0.0.0/33", "::1/129", "10.0.0.0/", "10.0.0.0/x",
                           "10.0.0.0/8x", "10.0.0.0/-1", "10.0.0", "/8", "10.0.0.1:80", "*"})
    EXPECT_FALSE(AddressRange::parse(text)) << text;
}

TEST(NetworkOf, NobodyIsSeveralWithinANetwork) {
  for (const auto& [address, network] : {
           std::pair{"203.0.113.7", "203.0.113.7"},
           {"203.0.113.8", "203.0.113.8"},
           {"::ffff:203.0.113.7", "203.0.113.7"},
           {"::FFFF:cb00:7107", "203.0.113.7"},
           {"2001:db8:0:1::1", "2001:db8:0:1::/64"},
           {"2001:0DB8:0000:0001:ffff:eeee:dddd:cccc", "2001:db8:0:1::/64"},
           {"2001:db8:0:2::1", "2001:db8:0:2::/64"},
           {"2001:db8:1:1::1", "2001:db8:1:1::/64"},
           {"fe80::1%eth0", "fe80::/64%eth0"},
           {"fe80::2%eth1", "fe80::/64%eth1"},
           {"127.0.0.1", "127.0.0.1"},
           {"127.8.9.10", "127.0.0.1"},
           {"::ffff:127.0.0.2", "127.0.0.1"},
           {"::1", "127.0.0.1"},
           {"::2", "::/64"},
           {"", ""},
           {"unknown", "unknown"},
           {"203.0.113", "203.0.113"},
       })
    EXPECT_EQ(network_of(address), network) << address;
}

}  // namespace
}  // namespace oc
