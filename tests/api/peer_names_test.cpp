#include "api/peer_names.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace oc {
namespace {

using Names = std::vector<std::string_view>;

std::string_view named(std::string_view key, const Names& names) {
  return peer_name(key, names).value_or("none");
}

TEST(PeerNames, WhatMeansTheSameHere) {
  EXPECT_EQ(named("max_tokens", {"input", "max_output_tokens"}), "max_output_tokens");
  EXPECT_EQ(named("max_output_tokens", {"n_predict", "max_tokens"}), "max_tokens");
  EXPECT_EQ(named("max_tokens", {"options", "options.num_predict"}), "options.num_predict");
  EXPECT_EQ(named("messages", {"prompt"}), "prompt");
}

TEST(PeerNames, FieldsOfObjects) {
  EXPECT_EQ(named("response_format", {"text", "input"}), "text.format");
  EXPECT_EQ(named("format", {"output_config"}), "output_config.format");
  EXPECT_EQ(named("temperature", {"options", "options.temperature"}), "options.temperature");
}

TEST(PeerNames, NobodysNameHasNone) {
  EXPECT_EQ(named("max_tokns", {"max_tokens"}), "none");
  EXPECT_EQ(named("max_tokens", {"stop"}), "none");
  EXPECT_EQ(named("seed", {"speed"}), "none");
  EXPECT_EQ(named("", {"stop", "options.stop"}), "none");
}

}  // namespace
}  // namespace oc
