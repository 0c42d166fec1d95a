// The threads that read weights behind a load.
#include "runtime/library/weight_reader.h"

#include <gtest/gtest.h>

#include <chrono>

namespace oc {
namespace {

using std::chrono::milliseconds;
constexpr std::size_t kMiB = std::size_t{1} << 20;

MappedRanges ranges_of(const std::vector<std::vector<std::byte>>& files) {
  MappedRanges ranges;
  for (const auto& file : files) ranges.emplace_back(file);
  return ranges;
}

TEST(WeightReader, ReadsEverything) {
  const std::vector<std::vector<std::byte>> files = {
      std::vector<std::byte>(9 * kMiB + 1), std::vector<std::byte>(1), std::vector<std::byte>()};
  for (const int threads : {1, 3}) {
    WeightReader reader(ranges_of(files), threads);
    EXPECT_TRUE(reader.wait(std::chrono::minutes(2)));
    EXPECT_TRUE(reader.wait(milliseconds(0)));  // and stays so
  }
}

TEST(WeightReader, NothingIsAllThere) {
  WeightReader reader({}, 2);
  EXPECT_TRUE(reader.wait(milliseconds(0)));
}

TEST(WeightReader, WaitsNoLongerThanTold) {
  const std::vector<std::vector<std::byte>> files = {std::vector<std::byte>(kMiB)};
  WeightReader reader(ranges_of(files), 0);  // nobody reads
  EXPECT_FALSE(reader.wait(milliseconds(1)));
}

TEST(WeightReader, MayBeDroppedAtAnyTime) {
  const std::vector<std::vector<std::byte>> files = {std::vector<std::byte>(64 * kMiB)};
  for (int i = 0; i < 5; ++i) {
    WeightReader reader(ranges_of(files), 2);
    if (i % 2 == 0) {
      EXPECT_NO_FATAL_FAILURE(static_cast<void>(reader.wait(milliseconds(0))));
    }
  }
}

}  // namespace
}  // namespace oc
