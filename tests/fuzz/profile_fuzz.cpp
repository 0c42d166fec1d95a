// The input is an ICC profile: whatever it is, it makes a conversion that ends, or none.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "image/colours.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using oc::Samples;
  const auto profile = std::as_bytes(std::span(data, size));
  bool used = false;
  for (const Samples samples :
       {Samples::kGrey, Samples::kGreyAlpha, Samples::kRgb, Samples::kRgba, Samples::kCmyk}) {
    const auto conversion = oc::ColourConversion::from(profile, samples);
    if (conversion == nullptr) continue;
    used = true;
    constexpr int kWidth = 64;
    std::vector<std::uint8_t> row(kWidth * oc::samples_of(samples));
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<std::uint8_t>(i * 37);
    std::array<std::uint8_t, kWidth * 4> first{}, second{};
    conversion->convert(row.data(), first.data(), kWidth);
    conversion->convert(row.data(), second.data(), kWidth);
    require(first == second);  // memory that was never written would show
  }
  return used ? 0 : -1;
}
