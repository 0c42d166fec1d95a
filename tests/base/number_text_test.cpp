#include "base/number_text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

namespace oc {
namespace {

TEST(NumberText, AsPeopleWriteIt) {
  const std::pair<double, const char*> cases[] = {
      {0.7, "0.7"},
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {-17.25, "-17.25"},
      {100000.0, "100000.0"},
      {3.655, "3.655"},
      {0.1 + 0.2, "0.30000000000000004"},
      {0.000001, "0.000001"},
      {0.00000123, "0.00000123"},
      {0.0000005, "5e-7"},
      {123456789012345.0, "123456789012345.0"},
      {9007199254740993.0, "9007199254740992.0"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e16"},
      {1.5e300, "1.5e300"},
      {1e300, "1e300"},
      {-2.5e-10, "-2.5e-10"},
      {5e-324, "5e-324"},
      {std::numeric_limits<double>::max(), "1.7976931348623157e308"},
      {std::numeric_limits<double>::quiet_NaN(), "null"},
      {-std::numeric_limits<double>::infinity(), "-1e99999"},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(number_text(value), text);
}

TEST(NumberText, ReadsBackAsTheSameDouble) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200'000; ++i) {
    double value = std::bit_cast<double>(random());
    // Every other one of the size that times and probabilities have.
    if (i % 2 == 0)
      value = std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 90) - 80);
    if (!std::isfinite(value)) continue;
    const std::string text = number_text(value);
    EXPECT_EQ(std::strtod(text.c_str(), nullptr), value) << text;
    EXPECT_LT(text.size(), 28u) << text;
    const double size = std::abs(value);
    EXPECT_EQ(text.find('e') == std::string::npos, size == 0 || (size >= 1e-6 && size < 1e16))
        << text;
  }
}

TEST(NumberText, ThreeDecimals) {
  const std::pair<double, const char*> cases[] = {
      {0.0, "0.0"},
      {0.00004, "0.0"},
      {12.5, "12.5"},
      {1.23456, "1.235"},
      {7.0004, "7.0"},
      {1234.5675999, "1234.568"},
      {0.1 + 0.2, "0.3"},
      {1e12 + 0.25, "1000000000000.25"},
      {std::numeric_limits<double>::quiet_NaN(), "0.0"},
      {std::numeric_limits<double>::infinity(), "0.0"},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(number_text(three_decimals(value)), text);
}

}  // namespace
}  // namespace oc
