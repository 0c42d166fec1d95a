#include "models/task.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(Tasks, AModelWithoutTasksSaysSo) {
  const auto refused = check_task({}, QueryTask{"What?"});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(refused.error().message, "this model does not do query");
  EXPECT_EQ(refused.error().hint, "ask this model in a chat, or one that has it: Moondream2");
}

TEST(Tasks, WhatIsWrongIsNamed) {
  const TaskSupport support{.query = true,
                            .captions = {CaptionLength::kShort, CaptionLength::kNormal},
                            .detect = true,
                            .without_objects = "x"};
  EXPECT_EQ(check_task(support, QueryTask{""}).error().param, "question");
  EXPECT_EQ(check_task(support, CaptionTask{CaptionLength::kLong}).error().hint,
            "it has short, normal");
  EXPECT_EQ(check_task(support, DetectTask{""}).error().param, "object");
  EXPECT_EQ(check_task(support, DetectTask{"dog", 0}).error().param, "max_objects");
  EXPECT_EQ(check_task(support, DetectTask{"dog", 151}).error().param, "max_objects");
  EXPECT_TRUE(check_task(support, DetectTask{"dog", 150}).ok());
  EXPECT_EQ(check_task(support, PointTask{"dog"}).error().message,
            "this model does not do point: x");
}

TEST(Tasks, NamesAndLengths) {
  EXPECT_EQ(name_of(CaptionTask{}), "caption");
  EXPECT_EQ(name_of(PointTask{"a"}), "point");
  EXPECT_TRUE(finds_objects(DetectTask{"a"}));
  EXPECT_FALSE(finds_objects(QueryTask{"a"}));
  EXPECT_EQ(text_of(DetectTask{"dog"}), "dog");
  EXPECT_EQ(caption_length_from_string("long"), CaptionLength::kLong);
  EXPECT_EQ(caption_length_from_string("huge"), std::nullopt);
}

TEST(Tasks, ABoxReachesHalfItsSizeFromItsCentre) {
  const FoundObject box{.x = 0.5, .y = 0.25, .width = 0.5, .height = 1};
  EXPECT_EQ(box.x_min(), 0.25);
  EXPECT_EQ(box.x_max(), 0.75);
  EXPECT_EQ(box.y_min(), -0.25) << "not cut";
}

}  // namespace
}  // namespace oc
