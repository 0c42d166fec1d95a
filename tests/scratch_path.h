// Where a test's files lie: below the folder for temporary ones, a path of its own for each
// process, so that those of two checkouts, tested at once, do not meet.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace oc {

// Nothing is made, or removed, there.
inline std::filesystem::path scratch_path(const std::string& name) {
  return std::filesystem::path(testing::TempDir()) /
         ("ocellus-" + std::to_string(::getpid()) + "-" + name);
}

// `name` and the name of the test that runs.
inline std::filesystem::path scratch_path_of_test(const std::string& name) {
  return scratch_path(name + "-" + testing::UnitTest::GetInstance()->current_test_info()->name());
}

}  // namespace oc
