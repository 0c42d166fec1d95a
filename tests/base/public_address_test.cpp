#include "base/public_address.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(PublicAddress, IsWhatEverybodyCanReach) {
  for (const char* address : {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",
                              "11.0.0.0",        "100.63.255.255",  "100.128.0.0",
                              "126.255.255.255", "128.0.0.1",       "169.253.255.255",
                              "169.255.0.0",     "172.15.255.255",  "172.32.0.0",
                              "192.0.1.0",       "192.167.255.255", "192.169.0.0",
                              "198.17.255.255",  "198.20.0.0",      "203.0.112.255",
                              "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888",
                              "2001:200::1",     "2003::1",         "3ffe::1"})
    EXPECT_TRUE(is_public_address(address)) << address;
}

TEST(PublicAddress, IsNotThisMachineOrItsNetwork) {
  for (const char* address :
       {"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255",
        "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.168.0.1", "::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd12:3456::1"})
    EXPECT_FALSE(is_public_address(address)) << address;
  EXPECT_FALSE(is_public_address("168.63.129.16"));  // whoever is in Azure finds their host there
}

TEST(PublicAddress, IsNotWhatNobodyHas) {
  for (const char* address :
       {"192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.7",
        "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "2001:db8::1", "3fff::1", "5f00::1", "100::1", "ff02::1", "4000::1", "e000::1"})
    EXPECT_FALSE(is_public_address(address)) << address;
}

// An IPv4 address within IPv6 is not looked for: none of these ways is the public internet's.
TEST(PublicAddress, IsNoIpv4AddressInIpv6) {
  for (const char* address :
       {"::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:10.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1"})
    EXPECT_FALSE(is_public_address(address)) << address;
}

TEST(PublicAddress, IsNothingElse) {
  for (const char* text : {"", "localhost", "example.org", "127.1", "2130706433", "0x7f000001",
                           "010.0.0.1", "1.1.1", "1.1.1.1 ", "1.1.1.1:80", "[2606:4700::1111]",
                           "2606:4700::1111%eth0", "fe80::1%lo", "1.1.1.1%1"})
    EXPECT_FALSE(is_public_address(text)) << text;
}

}  // namespace
}  // namespace oc
