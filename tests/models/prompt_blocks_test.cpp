#include "models/prompt_blocks.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace oc {
namespace {

using Blocks = std::vector<TokenRange>;

TEST(PromptBlocks, AStepEndsBeforeABlockOrBehindIt) {
  const Blocks none, blocks = {{10, 30}, {30, 34}, {50, 60}};
  EXPECT_EQ(end_of_step(none, 5, 20, 100), 25);
  EXPECT_EQ(end_of_step(none, 90, 20, 100), 100);
  EXPECT_EQ(end_of_step(blocks, 0, 8, 100), 8);
  EXPECT_EQ(end_of_step(blocks, 0, 10, 100), 10);
  EXPECT_EQ(end_of_step(blocks, 0, 20, 100), 10);   // would end in the first
  EXPECT_EQ(end_of_step(blocks, 0, 32, 100), 30);   // in the second
  EXPECT_EQ(end_of_step(blocks, 0, 40, 100), 40);   // both are whole
  EXPECT_EQ(end_of_step(blocks, 10, 5, 100), 30);   // longer than the limit
  EXPECT_EQ(end_of_step(blocks, 30, 10, 100), 40);  // shorter
  EXPECT_EQ(end_of_step(blocks, 45, 10, 100), 50);
  EXPECT_EQ(end_of_step(blocks, 50, 64, 60), 60);
  EXPECT_ANY_THROW(end_of_step(blocks, 11, 5, 100));
}

TEST(PromptBlocks, APrefixHasTheSameBlocksAllOfThemWhole) {
  const Blocks none, one = {{0, 20}}, two = {{0, 20}, {30, 40}}, longer = {{0, 21}};
  EXPECT_EQ(undivided_prefix(none, none, 7), 7);
  EXPECT_EQ(undivided_prefix(one, one, 19), 0);
  EXPECT_EQ(undivided_prefix(one, one, 20), 20);
  EXPECT_EQ(undivided_prefix(one, one, 25), 25);
  EXPECT_EQ(undivided_prefix(one, longer, 30), 0);
  // A text that begins as a picture's block does has other keys and values.
  EXPECT_EQ(undivided_prefix(one, none, 5), 0);
  EXPECT_EQ(undivided_prefix(none, one, 25), 0);
  EXPECT_EQ(undivided_prefix(one, two, 30), 30);
  EXPECT_EQ(undivided_prefix(one, two, 50), 30);
  EXPECT_EQ(undivided_prefix(two, two, 39), 30);
  EXPECT_EQ(undivided_prefix(two, two, 50), 50);
}

TEST(PromptBlocks, AModelsPromiseIsChecked) {
  check_blocks(Blocks{{0, 3}, {3, 5}}, 5);
  EXPECT_ANY_THROW(check_blocks(Blocks{{0, 6}}, 5));
  EXPECT_ANY_THROW(check_blocks(Blocks{{2, 2}}, 5));
  EXPECT_ANY_THROW(check_blocks(Blocks{{0, 3}, {2, 5}}, 5));
}

}  // namespace
}  // namespace oc
