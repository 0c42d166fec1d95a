#include "io/file_address.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(FileAddress, PathsOfFiles) {
  EXPECT_EQ(*path_of_file_uri("file:///a%20b/c%2Fd%"), "/a b/c/d%");
  EXPECT_EQ(*path_of_file_uri("file:/a"), "/a");
  EXPECT_EQ(*path_of_file_uri("FILE://LocalHost/a"), "/a");
  EXPECT_FALSE(path_of_file_uri("file://elsewhere/a").ok());
  EXPECT_FALSE(path_of_file_uri("file:").ok());
  EXPECT_FALSE(path_of_file_uri("file://localhost").ok());
}

TEST(FileAddress, AddressesOfTheNetwork) {
  for (const char* name : {"http://a/b.png", "HTTPS://a", "s3://a/b", "ftp://a"})
    EXPECT_TRUE(is_network_address(name)) << name;
  for (const char* name : {"a.png", "file:///a", "http:/a", "://a", "a b://c", ""})
    EXPECT_FALSE(is_network_address(name)) << name;
}

TEST(FileAddress, WhatAListNames) {
  EXPECT_EQ(*listed_file("a/b.png", "/list"), "/list/a/b.png");
  EXPECT_EQ(*listed_file("/b.png", "/list"), "/b.png");
  EXPECT_EQ(*listed_file("file:///b%20c.png", "/list"), "/b c.png");
  const auto web = listed_file("http://a/b.png", "/list"), data = listed_file("data:,x", "/list");
  ASSERT_FALSE(web.ok() || data.ok());
  EXPECT_EQ(web.error().describe(),
            "pictures are not fetched from the network (fetch it yourself and name the file)");
  EXPECT_EQ(data.error().message, "a picture's data stands where a file is to be named");
}

}  // namespace
}  // namespace oc
