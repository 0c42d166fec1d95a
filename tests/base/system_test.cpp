#include "base/system.h"

#include <gtest/gtest.h>

#include <vector>

namespace oc {
namespace {

TEST(System, KnowsItsOwnFile) {
  EXPECT_EQ(program_file().filename(), "test_base");
  EXPECT_TRUE(std::filesystem::is_regular_file(program_file()));
}

TEST(System, TellsMemory) {
  EXPECT_GT(memory_available(), 1u << 20);
  EXPECT_GT(memory_of_process(), 1u << 16);
  // The system counts a thread's last pages a little later.
  EXPECT_GE(peak_resident_memory() + (1u << 20), resident_memory());
  EXPECT_FALSE(processor_name().empty());
  // What is taken and touched shows.
  constexpr std::size_t kTaken = 64u << 20;
  const std::size_t before = resident_memory(), own = memory_of_process();
  std::vector<char> taken(kTaken, 1);
  EXPECT_GT(resident_memory(), before + kTaken / 2);
  EXPECT_GT(memory_of_process(), own + kTaken / 2);
  EXPECT_EQ(taken.back(), 1);
}

}  // namespace
}  // namespace oc
