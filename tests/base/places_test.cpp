#include "base/places.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>

#include "base/environment.h"

namespace oc {
namespace {

class PlacesTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"OCELLUS_HOME", "XDG_DATA_HOME", "HOME"})
      before_[name] = environment(name);
  }
  void TearDown() override {
    for (const auto& [name, value] : before_) set(name.c_str(), value ? value->c_str() : nullptr);
  }
  static void set(const char* name, const char* value) {
    if (value == nullptr)
      ::unsetenv(name);
    else
      ::setenv(name, value, 1);
  }

 private:
  std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(PlacesTest, AnEmptyVariableIsNone) {
  set("HOME", "");
  EXPECT_EQ(environment("HOME"), std::nullopt);
  EXPECT_EQ(path_from_environment("HOME"), std::nullopt);
  set("HOME", nullptr);
  EXPECT_EQ(environment("HOME"), std::nullopt);
  set("HOME", "/a b");
  EXPECT_EQ(environment("HOME"), "/a b");
  const auto all = environment_variables();
  EXPECT_EQ(std::ranges::count(all, "HOME=/a b"), 1);
}

TEST_F(PlacesTest, TheHomeOfModels) {
  set("OCELLUS_HOME", "/ours");
  set("XDG_DATA_HOME", "/data");
  set("HOME", "/user");
  EXPECT_EQ(models_folder(), "/ours/models");
  set("OCELLUS_HOME", "");
  EXPECT_EQ(home_folder(), "/data/ocellus");
  EXPECT_EQ(models_folder(), "/data/ocellus/models");
  set("XDG_DATA_HOME", nullptr);
  EXPECT_EQ(models_folder(), "/user/.local/share/ocellus/models");
  set("HOME", nullptr);
  EXPECT_EQ(models_folder(), std::nullopt);
}

}  // namespace
}  // namespace oc
