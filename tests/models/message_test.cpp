#include "models/message.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(Message, RolesHaveTheNamesOfTemplates) {
  EXPECT_EQ(role_from_string("system"), Role::kSystem);
  EXPECT_EQ(role_from_string("user"), Role::kUser);
  EXPECT_EQ(role_from_string("assistant"), Role::kAssistant);
  for (const char* other : {"", "User", "tool", "user "}) EXPECT_FALSE(role_from_string(other));
}

}  // namespace
}  // namespace oc
