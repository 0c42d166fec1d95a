// A check for flags that take a whole number.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>

namespace oc {

// CLI11 takes -1 for 2^64 - 1, and so what is larger than that.
inline CLI::Validator whole_number() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        std::uint64_t value = 0;
        const char* const end = text.data() + text.size();
        const auto read = std::from_chars(text.data(), end, value);
        if (read.ec == std::errc() && read.ptr == end) return {};
        return "must be a whole number from 0 to " +
               std::to_string(std::numeric_limits<std::uint64_t>::max()) + ", found " + text;
      },
      "");
}

}  // namespace oc
