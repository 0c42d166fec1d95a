#include "api/chat_request.h"

#include <gtest/gtest.h>

#include "api/served_model.h"

namespace oc {
namespace {

TEST(CompleteRequest, TheLongestAnswerIsTheModels) {
  ServedModel model;
  model.context_length = 100;
  ChatRequest request;
  EXPECT_TRUE(complete_request(request, model).ok());
  request.generate.max_tokens = 100;
  EXPECT_TRUE(complete_request(request, model).ok());
  request.generate.max_tokens = 101;
  const auto refused = complete_request(request, model);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "\"max_tokens\" must be an integer from 1 to 100 for this model");
  EXPECT_EQ(refused.error().param, "max_tokens");
  model.defaults.max_tokens_cap = 50;
  EXPECT_TRUE(complete_request(request, model).ok()) << "the cap comes first";
  EXPECT_EQ(request.generate.max_tokens, 50);
}

TEST(CompleteRequest, WhatTheRequestLeavesOutIsTheModels) {
  ServedModel model;
  model.defaults.sampling.temperature = 0.5;
  model.defaults.sampling.seed = 3;
  ChatRequest request;
  request.sampling.top_k = 7;
  request.sampling.logit_bias = {{5, 1.0f}};
  ASSERT_TRUE(complete_request(request, model).ok());
  EXPECT_EQ(request.generate.sampling.temperature, 0.5);
  EXPECT_EQ(request.generate.sampling.seed, 3u);
  EXPECT_EQ(request.generate.sampling.top_k, 7);
  EXPECT_EQ(request.generate.sampling.logit_bias.size(), 1u);
  request.sampling.temperature = 0;
  ASSERT_TRUE(complete_request(request, model).ok());
  EXPECT_EQ(request.generate.sampling.temperature, 0);
}

}  // namespace
}  // namespace oc
