// Equality of floats to the last bit, with a message that says where.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <span>

namespace oc {

inline testing::AssertionResult same_bytes(std::span<const float> got,
                                           std::span<const float> expected) {
  if (got.size() != expected.size())
    return testing::AssertionFailure() << got.size() << " values, expected " << expected.size();
  for (std::size_t i = 0; i < got.size(); ++i)
    if (std::memcmp(&got[i], &expected[i], sizeof(float)) != 0)
      return testing::AssertionFailure()
             << "value " << i << " of " << got.size() << " is " << testing::PrintToString(got[i])
             << ", expected " << testing::PrintToString(expected[i]);
  return testing::AssertionSuccess();
}

}  // namespace oc
