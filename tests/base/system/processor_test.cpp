#include "base/system/processor.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(Processor, HasANameAndCores) {
  EXPECT_FALSE(processor_name().empty());
  EXPECT_GE(usable_cores(), 1);
  EXPECT_LE(usable_cores(), static_cast<int>(affinity_cpus().size()));
}

}  // namespace
}  // namespace oc
