#include "base/system/program.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(Program, KnowsItsOwnFile) {
  EXPECT_EQ(program_file().filename(), "test_base");
  EXPECT_TRUE(std::filesystem::is_regular_file(program_file()));
}

}  // namespace
}  // namespace oc
