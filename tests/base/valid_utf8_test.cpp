#include "base/valid_utf8.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(ValidUtf8, WrongBytesAreReplaced) {
  EXPECT_EQ(valid_utf8("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(valid_utf8("caf\xE9.jpg"), "caf\xEF\xBF\xBD.jpg");
  EXPECT_EQ(valid_utf8(""), "");
}

}  // namespace
}  // namespace oc
