#include "runtime/bench/server_reason.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(ServerReason, WhateverTheServerIs) {
  EXPECT_EQ(server_reason(R"({"error": {"message": "too many", "code": 1}})"), "too many");
  EXPECT_EQ(server_reason(R"({"error": "broken"})"), "broken");
  EXPECT_EQ(server_reason(R"({"detail": "Not Found"})"), "Not Found");
  EXPECT_EQ(server_reason(R"({"object": "error", "message": "no such model"})"), "no such model");
  EXPECT_EQ(server_reason("\n CUDA out of memory\n"), "CUDA out of memory");
  EXPECT_EQ(server_reason(R"({"detail": [{"msg": "x"}]})"), R"({"detail": [{"msg": "x"}]})");
  EXPECT_EQ(server_reason("one\ntwo\x1b[2J"), "one\\ntwo\\u001b[2J");
  for (const char* nothing : {"", " \n", "<html><body>502</body></html>"})
    EXPECT_EQ(server_reason(nothing), "") << nothing;
  EXPECT_LT(server_reason(std::string(5000, 'x')).size(), 300u);
}

}  // namespace
}  // namespace oc
