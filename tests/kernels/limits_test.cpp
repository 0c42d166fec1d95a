// The loops that benchmarks measure a core with: they do what they say they did.
#include "tests/kernels/support.h"

namespace oc::kernels {
namespace {

class Limits : public KernelTest {};

TEST_P(Limits, OperationsGrowWithRoundsAndLanes) {
  const double int8 = table_.peak_int8(1), f32 = table_.peak_f32(1);
  EXPECT_GT(int8, 0);
  if (table_.name == "amx")  // 16 tokens × 16 outputs × 64 columns, products and sums
    EXPECT_EQ(std::fmod(int8, 2 * 16 * 16 * 64), 0);
  else  // a dot of four products and sums, or one of each, for every lane of every chain
    EXPECT_EQ(int8, 4 * f32);
  EXPECT_EQ(std::fmod(f32, 2.0 * table_.lanes), 0);
  EXPECT_EQ(table_.peak_int8(1000), 1000 * int8);
  EXPECT_EQ(table_.peak_f32(1000), 1000 * f32);
  EXPECT_EQ(table_.peak_int8(0), 0);
}

TEST_P(Limits, EveryByteIsReadButALastFew) {
  const std::size_t step = index(16 * table_.lanes);
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, step - 1, step, 3 * step + 7}) {
    const Guarded<std::uint8_t> bytes(count, 0);
    std::ranges::fill(std::span(bytes.data(), count), std::uint8_t{0});
    EXPECT_EQ(table_.read_all(bytes.data(), count), 0u);
    for (std::size_t i = 0; i < count / step * step; ++i) {
      bytes[i] = 1;
      ASSERT_NE(table_.read_all(bytes.data(), count), 0u) << i << " of " << count;
      bytes[i] = 0;
    }
  }
}

OC_ON_EVERY_TARGET(Limits);

}  // namespace
}  // namespace oc::kernels
