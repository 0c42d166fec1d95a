// A helper that also does what none should, where the "file" asks for it.
#pragma once

#include <string>
#include <string_view>

#include "image/isolated/helper.h"

namespace oc::test {

// The file of a request that the helper of these tests answers in its own way: "odd:WHAT".
inline constexpr std::string_view kOdd = "odd:";

HelperStatus decode_oddly(const PixelRequest& request, Bytes file, std::span<std::uint8_t> pixels);

}  // namespace oc::test
