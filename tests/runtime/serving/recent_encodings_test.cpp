#include "runtime/serving/recent_encodings.h"

#include <gtest/gtest.h>

#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

TEST(RecentEncodings, KnowsWhatTheCacheStillHas) {
  ImageCache cache(1 << 20, 2);
  RecentEncodings encoded;
  const Tensor rows = fake::tensor({1, 2}, 2, 1);
  for (const char* key : {"a", "b"}) cache.insert(key, rows);
  encoded.remember({"a", "b", "not kept"}, cache);
  EXPECT_TRUE(encoded.contains("a"));
  EXPECT_TRUE(encoded.contains("b"));
  EXPECT_FALSE(encoded.contains("not kept"));
  cache.insert("c", rows);  // "a" leaves
  encoded.remember({"c"}, cache);
  EXPECT_FALSE(encoded.contains("a"));
  EXPECT_TRUE(encoded.contains("b"));
  EXPECT_TRUE(encoded.contains("c"));
}

}  // namespace
}  // namespace oc
