// The choice of a target.
#include <set>

#include "tests/kernels/support.h"

namespace oc::kernels {
namespace {

TEST(Targets, ThePortableOneIsAlwaysThereAndTheBestIsFirst) {
  const std::vector<std::string> names = available_targets();
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(names.back(), "scalar");
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  EXPECT_EQ(find_table("auto"), find_table(names.front()));
}

TEST(Targets, UnknownOnesAreNotFound) {
  for (const char* name : {"", "avx", "AVX2", "avx2 ", "avx512", "none"})
    EXPECT_EQ(find_table(name), nullptr) << name;
}

TEST(Targets, TablesAreOfTheirTarget) {
  std::set<const void*> kernels;
  for (const std::string& name : available_targets()) {
    const Table* table = find_table(name);
    ASSERT_NE(table, nullptr) << name;
    EXPECT_EQ(table->name, name);
    EXPECT_EQ(table, find_table(name)) << "found again";
    kernels.insert(reinterpret_cast<const void*>(table->matmul_int8));
    const bool wide = name == "amx" || name.starts_with("avx3");
    const int lanes = wide ? 16 : name.starts_with("avx2") ? 8 : 4;
    EXPECT_EQ(table->lanes, lanes) << name;
    EXPECT_LE(table->lanes, kMaxLanes);
  }
  // Every target has code of its own: a test by name tests what it says.
  EXPECT_EQ(kernels.size(), available_targets().size());
}

}  // namespace
}  // namespace oc::kernels
