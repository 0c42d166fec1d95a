#include "runtime/library/known_models.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace oc {
namespace {

bool is_like(std::string_view name, std::string_view known) {
  const auto names = names_like(name);
  return std::ranges::find(names, known) != names.end();
}

TEST(KnownModels, NamesThatAreLikeAKnownOne) {
  EXPECT_TRUE(is_like("smolvlm2_500m_video", "smolvlm2-500m"));
  EXPECT_TRUE(is_like("SmolVLM", "smolvlm2-256m"));
  EXPECT_TRUE(is_like("moondream", "moondream2"));
  EXPECT_TRUE(is_like("moondream2_optimized", "moondream2"));
  EXPECT_FALSE(is_like("smolvlm2_500m_video", "smolvlm2-256m"));
  for (const char* other : {"", "s", "llava_mlx", "yolo8"})
    EXPECT_TRUE(names_like(other).empty()) << other;
}

}  // namespace
}  // namespace oc
