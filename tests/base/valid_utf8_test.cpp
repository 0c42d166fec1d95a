#include "base/valid_utf8.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(ValidUtf8, WrongBytesAreReplaced) {
  EXPECT_EQ(valid_utf8("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(valid_utf8("caf\xE9.jpg"), "caf\xEF\xBF\xBD.jpg");
  EXPECT_EQ(valid_utf8(""), "");
}

TEST(ValidUtf8, AByteOrderMarkIsNoText) {
  EXPECT_EQ(without_byte_order_mark("\xEF\xBB\xBF{}"), "{}");
  EXPECT_EQ(without_byte_order_mark("{\xEF\xBB\xBF}"), "{\xEF\xBB\xBF}");
  EXPECT_EQ(without_byte_order_mark(""), "");
}

}  // namespace
}  // namespace oc
