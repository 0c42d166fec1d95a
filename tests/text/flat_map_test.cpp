#include "text/flat_map.h"

#include <gtest/gtest.h>

#include <unordered_map>

namespace oc {
namespace {

TEST(FlatMap, AgreesWithTheStandardMap) {
  FlatMap map(5000);
  std::unordered_map<std::uint64_t, std::int32_t> expected;
  std::uint64_t key = 1;
  for (std::int32_t i = 0; i < 5000; ++i) {
    key = i % 2 == 0 ? key * 6364136223846793005u + 1 : static_cast<std::uint64_t>(i) << 32;
    map.set(key, i);
    expected[key] = i;
  }
  for (const auto& [k, v] : expected) {
    EXPECT_EQ(map.get(k), v);
    EXPECT_EQ(map.get(k + 1), expected.count(k + 1) != 0 ? expected[k + 1] : -1);
  }
}

TEST(FlatMap, LastValueCountsAndOverfillingIsOurMistake) {
  FlatMap map(1);
  map.set(7, 1);
  map.set(7, 2);
  EXPECT_EQ(map.get(7), 2);
  EXPECT_EQ(map.get(8), -1);
  EXPECT_THROW(map.set(8, 1), CheckFailure);
  EXPECT_EQ(FlatMap(0).get(0), -1);
}

}  // namespace
}  // namespace oc
