#include "api/ollama/model_requests.h"

#include <gtest/gtest.h>

#include <string>

namespace oc {
namespace {

using enum OllamaModelRoute;

TEST(OllamaModelRequests, TheModelByEitherName) {
  EXPECT_EQ(*parse_ollama_model(kShow, R"({"model":"a","verbose":true})"), "a");
  EXPECT_EQ(*parse_ollama_model(kDelete, R"({"name":"a"})"), "a");
  EXPECT_EQ(*parse_ollama_model(kDelete, R"({"name":"a","model":"b"})"), "b");
  const auto pull = parse_ollama_pull(R"({"name":"org/a@v1","insecure":false,"stream":false})");
  ASSERT_TRUE(pull.ok()) << pull.error().describe();
  EXPECT_EQ(pull->pull.ref.repo, "org/a");
  EXPECT_EQ(pull->pull.ref.revision, "v1");
  EXPECT_FALSE(pull->stream);
  EXPECT_TRUE(parse_ollama_pull(R"({"model":"org/a:latest"})")->stream);
  EXPECT_EQ(parse_ollama_pull(R"({"model":"org/a:latest"})")->pull.ref.repo, "org/a");
}

TEST(OllamaModelRequests, WhatIsWrongIsNamed) {
  for (const auto& [body, param] :
       {std::pair("{}", "model"), std::pair(R"({"model":""})", "model"),
        std::pair(R"({"model":5})", "model"), std::pair(R"({"modle":"a"})", "modle"),
        std::pair(R"({"model":"org/a","insecure":true})", "insecure"),
        std::pair(R"({"model":"org/a","stream":1})", "stream"),
        std::pair(R"({"model":"../a"})", "model")})
    EXPECT_EQ(parse_ollama_pull(body).error().param, param) << body;
  EXPECT_EQ(parse_ollama_model(kShow, R"({"model":"a","options":{"seed":1}})").error().param,
            "options");
  EXPECT_FALSE(parse_ollama_model(kShow, "[]").ok());
  EXPECT_FALSE(parse_ollama_model(kShow, std::string(70'000, ' ')).ok());
}

TEST(OllamaModelRequests, Tags) {
  EXPECT_EQ(without_latest("phi:latest"), "phi");
  EXPECT_EQ(without_latest("org/phi:LATEST"), "org/phi");
  EXPECT_EQ(without_latest("phi:7b"), "phi:7b");
  EXPECT_EQ(without_latest(":latest"), ":latest");
}

}  // namespace
}  // namespace oc
