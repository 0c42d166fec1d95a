// Which positions of an object need the language head, and how a search ends.
#include "models/moondream/region.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "engines/registry.h"
#include "models/registry.h"
#include "models/synth.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class MoondreamObjectsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const fs::path folder = scratch_path("region");
    ASSERT_TRUE(write_synth(folder, {.shape = "moondream2-tiny", .quant = "bf16"}).ok());
    model_ = load_model(folder, make_engine({.engine = "reference"}).value()).value();
    fs::remove_all(folder);
  }
  static void TearDownTestSuite() { model_.reset(); }

  static std::unique_ptr<ObjectDecoding> begin(const Task& task) {
    return model_->begin_objects(task, {});
  }
  static TokenId end() { return model_->info().stop_ids.front(); }
  // Logits of a model that says this token.
  static std::vector<float> says(TokenId id) {
    std::vector<float> logits(static_cast<std::size_t>(model_->info().vocab_size));
    logits[static_cast<std::size_t>(id)] = 1;
    return logits;
  }
  static Tensor hidden(float value = 0.5f) {
    return model_->engine().upload(
        std::vector<float>(static_cast<std::size_t>(model_->info().width), value), 1,
        model_->info().width);
  }

  inline static std::unique_ptr<const Model> model_;
};

TEST_F(MoondreamObjectsTest, LogitsAreWantedWhereASearchMayEnd) {
  for (const auto& [task, positions] :
       {std::pair<Task, int>{DetectTask{"dog", 3}, 3}, {PointTask{"dog", 3}, 2}}) {
    const auto objects = begin(task);
    for (int object = 0; object < 3; ++object) {
      EXPECT_EQ(std::ssize(objects->objects()), object);
      EXPECT_TRUE(objects->wants_logits());
      EXPECT_FALSE(objects->next(says(5), hidden()).value().empty());
      for (int i = 1; i < positions; ++i) {
        EXPECT_FALSE(objects->wants_logits());
        EXPECT_FALSE(objects->next({}, hidden()).value().empty());
      }
    }
    EXPECT_EQ(objects->objects().size(), 3u);
    EXPECT_TRUE(objects->wants_logits()) << "whether that was all";
  }
}

TEST_F(MoondreamObjectsTest, TheModelEndsASearchOrItIsCut) {
  const auto search = [](TokenId behind_the_last) {
    auto objects = begin(PointTask{"dog", 1});
    EXPECT_FALSE(objects->next(says(5), hidden()).value().empty());
    EXPECT_FALSE(objects->next({}, hidden()).value().empty());
    EXPECT_TRUE(objects->next(says(behind_the_last), hidden()).value().empty());
    EXPECT_EQ(objects->objects().size(), 1u);
    return objects->stop_token();
  };
  EXPECT_EQ(search(end()), end()) << "as many as were asked for, and that was all";
  EXPECT_EQ(search(5), std::nullopt);
  const auto none = begin(DetectTask{"dog", 1});
  EXPECT_TRUE(none->next(says(end()), hidden()).value().empty());
  EXPECT_EQ(none->stop_token(), end());
  EXPECT_TRUE(none->objects().empty());
}

TEST_F(MoondreamObjectsTest, WhatIsNoNumberIsAnError) {
  const auto objects = begin(DetectTask{"dog", 1});
  ASSERT_TRUE(objects->next(says(5), hidden()).ok());
  const auto broken = objects->next({}, hidden(std::numeric_limits<float>::quiet_NaN()));
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(broken.error().code, ErrorCode::kInternal);
  EXPECT_NE(broken.error().message.find("y_logits"), std::string::npos);
}

}  // namespace
}  // namespace oc
