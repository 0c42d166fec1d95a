#include "runtime/library/loader.h"
#include "runtime/library/names.h"
#include "tests/scratch_path.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace oc {
namespace {

namespace fs = std::filesystem;

// A home with the models "one", "org/two" and "demo-like", and nothing else in the environment.
class LoaderTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = scratch_path("loader");
    fs::remove_all(root_);
    for (const char* name : {"one", "org/two"}) add_model(root_ / "home/models" / name);
    fs::create_directories(root_ / "home/models/empty");
    add_model(root_ / "home/models/.hidden");
    add_model(root_ / "home/secret");
    add_model(root_ / "elsewhere/mine");
    setenv("OCELLUS_HOME", (root_ / "home").c_str(), 1);
    setenv("HF_HUB_CACHE", (root_ / "hub").c_str(), 1);
    setenv("OCELLUS_DEMO_MODEL", (root_ / "demo").c_str(), 1);
  }
  void TearDown() override {
    unsetenv("OCELLUS_HOME");
    unsetenv("OCELLUS_DEMO_MODEL");
    unsetenv("HF_HUB_CACHE");
    fs::remove_all(root_);
  }
  static void add_model(const fs::path& folder) {
    fs::create_directories(folder);
    std::ofstream(folder / "config.json") << "{}";
  }

  fs::path root_;
};

TEST_F(LoaderTest, NamesAreFoldersBelowTheHome) {
  EXPECT_EQ(resolve_model("one").value(), root_ / "home/models/one");
  EXPECT_EQ(resolve_model("org/two").value(), root_ / "home/models/org/two");
  EXPECT_EQ(resolve_model("org/two", NameFrom::kClient).value(), root_ / "home/models/org/two");
}

TEST_F(LoaderTest, TheHomeFollowsTheXdgVariable) {
  unsetenv("OCELLUS_HOME");
  const char* before = std::getenv("XDG_DATA_HOME");
  const std::string saved = before != nullptr ? before : "";
  setenv("XDG_DATA_HOME", (root_ / "data").c_str(), 1);
  add_model(root_ / "data/ocellus/models/three");
  EXPECT_EQ(resolve_model("three").value(), root_ / "data/ocellus/models/three");
  before != nullptr ? setenv("XDG_DATA_HOME", saved.c_str(), 1) : unsetenv("XDG_DATA_HOME");
}

TEST_F(LoaderTest, OperatorsMayNameAnyFolder) {
  const fs::path mine = root_ / "elsewhere/mine";
  EXPECT_EQ(resolve_model(mine.string()).value(), mine);
}

TEST_F(LoaderTest, ClientsMayNotLeaveTheHome) {
  for (const std::string& name :
       {std::string("../secret"), std::string("org/../../secret"),
        (root_ / "elsewhere/mine").string(), std::string("/etc"), std::string("."),
        std::string(".."), std::string(""), std::string(".hidden"), std::string("a/b/c"),
        std::string("one/"), std::string("one\n"), std::string("one\0x", 5),
        std::string(5000, 'a')}) {
    const auto result = resolve_model(name, NameFrom::kClient);
    ASSERT_FALSE(result.ok()) << name;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument) << name;
    EXPECT_EQ(result.error().message.find(root_.string()), std::string::npos);
  }
}

TEST_F(LoaderTest, NotFoundSaysWhereAndWhat) {
  const Error error = resolve_model("none").error();
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_NE(error.message.find((root_ / "home/models/none").string()), std::string::npos);
  EXPECT_EQ(error.hint, "installed: one, org/two");
  const Error client = resolve_model("none", NameFrom::kClient).error();
  EXPECT_EQ(client.message, "there is no model \"none\"") << "clients see no paths";
  EXPECT_EQ(client.hint, "installed: one, org/two");
}

TEST_F(LoaderTest, NotFoundSaysHowToPullAModelOfTheCatalogue) {
  for (const char* name : {"phi-3.5-vision-4bit", "mlx-community/Phi-3.5-vision-instruct-4bit"}) {
    EXPECT_EQ(resolve_model(name).error().hint,
              "`ocellus pull phi-3.5-vision-4bit` gets it; installed: one, org/two");
    EXPECT_EQ(resolve_model(name, NameFrom::kClient).error().hint, "installed: one, org/two");
  }
}

TEST_F(LoaderTest, TheEmbeddedModelHasTwoNames) {
  const Error missing = resolve_model("demo").error();
  EXPECT_EQ(missing.code, ErrorCode::kNotFound);
  EXPECT_NE(missing.message.find((root_ / "demo").string()), std::string::npos);
  add_model(root_ / "demo");
  EXPECT_EQ(resolve_model("demo").value(), root_ / "demo");
  EXPECT_EQ(resolve_model("ocellus-demo", NameFrom::kClient).value(), root_ / "demo");
  EXPECT_EQ(available_models(), (std::vector<std::string>{"ocellus-demo", "one", "org/two"}));
}

TEST_F(LoaderTest, ModelsAreCalledByTheirNames) {
  EXPECT_EQ(model_name("demo", root_ / "demo"), "ocellus-demo");
  EXPECT_EQ(model_name("org/two", root_ / "home/models/org/two"), "org/two");
  const std::string mine = (root_ / "elsewhere/mine/").string();
  EXPECT_EQ(model_name(mine, mine), "mine");
}

TEST_F(LoaderTest, AFolderWithoutAModelIsAnErrorThatNamesTheFile) {
  const auto result = load((root_ / "home/models/empty").string(), {.engine = "reference"});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kNotFound);
  EXPECT_NE(result.error().message.find("config.json"), std::string::npos);
}

TEST_F(LoaderTest, AnUnknownEngineIsAnError) {
  add_model(root_ / "demo");
  const auto result = load("demo", {.engine = "abacus"});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(result.error().message.find("abacus"), std::string::npos);
}

}  // namespace
}  // namespace oc
