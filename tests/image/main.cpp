// These tests decode pictures that are decoded in a process of its own: this program, once more.
#include <gtest/gtest.h>

#include "tests/image/isolated/odd_helper.h"

int main(int argc, char** argv) {
  if (oc::is_image_helper(argc, argv)) return oc::run_image_helper(oc::test::decode_oddly);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
