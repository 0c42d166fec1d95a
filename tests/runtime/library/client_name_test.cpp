#include "runtime/library/client_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace oc {
namespace {

using Names = std::vector<std::string>;

std::string found(std::string_view wanted, const Names& names) {
  const std::string* name = find_name(wanted, names);
  return name == nullptr ? "" : *name;
}
std::string nearest(std::string_view wanted, const Names& names) {
  const std::string* name = nearest_model(wanted, names);
  return name == nullptr ? "" : *name;
}

TEST(ClientName, TheExactNameComesBeforeThoseThatDifferInCaseOrTag) {
  const Names names = {"Org/Phi", "org/phi", "tiny:latest", "tiny"};
  EXPECT_EQ(found("org/phi", names), "org/phi");
  EXPECT_EQ(found("Org/Phi", names), "Org/Phi");
  EXPECT_EQ(found("ORG/PHI", names), "Org/Phi");
  EXPECT_EQ(found("org/Phi:Latest", names), "Org/Phi");
  EXPECT_EQ(found("tiny", names), "tiny");
  EXPECT_EQ(found("Tiny", names), "tiny:latest");
  EXPECT_EQ(found("tiny:7b", names), "");
  EXPECT_EQ(found(":latest", names), "");
  EXPECT_EQ(found("", names), "");
}

TEST(ClientName, TheNearestNameIsOneThatMayHaveBeenMeant) {
  const Names names = {"ocellus-demo", "mlx-community/Phi-3.5-vision-instruct-4bit", "org/other"};
  EXPECT_EQ(nearest("ocelus-demo", names), "ocellus-demo");
  EXPECT_EQ(nearest("Ocellus_Demo:latest", names), "ocellus-demo");
  EXPECT_EQ(nearest("phi-3.5-vision", names), names[1]);
  EXPECT_EQ(nearest("othr", names), "org/other");
  EXPECT_EQ(nearest("gpt-4o-mini", names), "");
  EXPECT_EQ(nearest("ab", names), "");
  EXPECT_EQ(nearest(std::string(100'000, 'a'), names), "");
  EXPECT_EQ(nearest("", names), "");
}

TEST(ClientName, WhatThereIsInstead) {
  const Names names = {"phi", "tiny"}, more = {"demo"};
  EXPECT_EQ(names_instead("phy", names), R"(did you mean "phi"? this server has "phi", "tiny")");
  EXPECT_EQ(names_instead("demi", names, more),
            R"(did you mean "demo"? this server has "phi", "tiny")");
  EXPECT_EQ(names_instead("zebra", names), R"(this server has "phi", "tiny")");
}

}  // namespace
}  // namespace oc
