#include "api/objects_json.h"

#include <gtest/gtest.h>

#include "io/json_text.h"

namespace oc {
namespace {

TEST(ObjectsJson, BoxesHaveEdgesAndPointsAPlace) {
  const std::vector<FoundObject> objects = {{.x = 0.5, .y = 0.25, .width = 0.25, .height = 1.0},
                                            {.x = 0.125, .y = 0.75}};
  EXPECT_EQ(json_text(objects_json(objects)),
            R"([{"x_min":0.375,"y_min":-0.25,"x_max":0.625,"y_max":0.75},{"x":0.125,"y":0.75}])");
  EXPECT_EQ(json_text(objects_json({})), "[]");
}

}  // namespace
}  // namespace oc
