#include "base/system/memory.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/system/pages.h"

namespace oc {
namespace {

TEST(Memory, FiguresOfTheMachineAndThisProcess) {
  EXPECT_GT(memory_of_machine(), 1u << 20);
  EXPECT_GT(memory_available(), 1u << 20);
  EXPECT_GT(memory_of_process(), 1u << 16);
  // The system counts a thread's last pages a little later.
  EXPECT_GE(peak_resident_memory() + (1u << 20), resident_memory());
  // What is taken and touched shows.
  constexpr std::size_t kTaken = 64u << 20;
  const std::size_t resident = resident_memory(), process = memory_of_process();
  std::vector<char> taken(kTaken, 1);
  EXPECT_GT(resident_memory(), resident + kTaken / 2);
  EXPECT_GT(memory_of_process(), process + kTaken / 2);
  EXPECT_EQ(taken.back(), 1);
}

TEST(Memory, PagesArePowersOfTwo) {
  EXPECT_GE(page_bytes(), 4096u);
  EXPECT_EQ(page_bytes() & (page_bytes() - 1), 0u);
  EXPECT_EQ(large_page_bytes() % page_bytes(), 0u);
}

}  // namespace
}  // namespace oc
