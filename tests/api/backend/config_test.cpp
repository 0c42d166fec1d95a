#include "api/backend/config.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace oc {
namespace {

namespace json = boost::json;

std::string param_of(std::string_view body) {
  const auto patch = parse_backend_patch(body);
  return patch.ok() ? "no error" : patch.error().param;
}

TEST(BackendPatch, EachFieldIsChecked) {
  EXPECT_EQ(param_of(R"({"active_model":1})"), "active_model");
  EXPECT_EQ(param_of(R"({"frontend":{"video_height":1e9}})"), "frontend.video_height");
  EXPECT_EQ(param_of(R"({"frontend":{"api_base_url":"file:///etc"}})"), "frontend.api_base_url");
  EXPECT_EQ(param_of(R"({"server":{"port":"x"}})"), "server.port");
  EXPECT_EQ(param_of("[]"), "");
  EXPECT_FALSE(parse_backend_patch("{").ok());
}

TEST(BackendPatch, WhatTheOriginalDropsIsNamed) {
  const auto patch = parse_backend_patch(R"({"model_config":{},"active_model":"a","b\n":1})");
  ASSERT_TRUE(patch.ok());
  EXPECT_EQ(patch->active_model, "a");
  EXPECT_EQ(patch->ignored, std::vector<std::string>{"model_config"});
}

TEST(BackendPatch, ChangesAreWhatWasGiven) {
  const auto patch = parse_backend_patch(
      R"({"active_model":"a","frontend":{"video_width":9},"server":{"port":1}})");
  ASSERT_TRUE(patch.ok());
  EXPECT_EQ(
      json::parse(changes_json(*patch)),
      json::parse(R"({"active_model":"a","frontend":{"video_width":9},"server":{"port":1}})"));
  EXPECT_EQ(changes_json({}), "{}");
  BackendConfig config;
  EXPECT_TRUE(changes_server(*patch, config));
  apply_patch(*patch, config);
  EXPECT_EQ(config.video_width, 9);
  EXPECT_EQ(config.port, 8080);  // only a new start can follow
  config.port = 1;
  EXPECT_FALSE(changes_server(*patch, config));
}

}  // namespace
}  // namespace oc
