#include "base/shape.h"

#include <gtest/gtest.h>

#include <limits>

namespace oc {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

TEST(Shape, CountsItsElements) {
  EXPECT_EQ(Shape{}.numel(), 1) << "a scalar";
  EXPECT_EQ((Shape{7}).numel(), 7);
  EXPECT_EQ((Shape{3, 336, 336}).numel(), 338688);
  EXPECT_EQ((Shape{4, 0, 5}).numel(), 0);
  EXPECT_EQ((Shape{kMax, 1, 1}).numel(), kMax);
}

TEST(Shape, AnOverflowIsNotANumber) {
  const Shape shapes[] = {{std::int64_t{1} << 32, std::int64_t{1} << 31},
                          {kMax, 2},
                          {2, kMax},
                          {std::int64_t{1} << 21, std::int64_t{1} << 21, std::int64_t{1} << 21},
                          {3, kMax / 3 + 1}};
  for (const Shape& shape : shapes) {
    EXPECT_EQ(shape.checked_numel(), std::nullopt) << shape.str();
    EXPECT_THROW(static_cast<void>(shape.numel()), CheckFailure) << shape.str();
  }
  EXPECT_EQ((Shape{3, kMax / 3}).checked_numel(), kMax / 3 * 3) << "the last that fits";
}

TEST(Shape, NegativeDimensionsAreRefused) {
  for (const Shape& shape : {Shape{-1}, Shape{2, -3}, Shape{-2, -3}, Shape{0, -1}}) {
    EXPECT_EQ(shape.checked_numel(), std::nullopt) << shape.str();
    EXPECT_THROW(static_cast<void>(shape.numel()), CheckFailure) << shape.str();
  }
}

TEST(Shape, DimensionsAreChecked) {
  const Shape shape{2, 5};
  EXPECT_EQ(shape.rank(), 2);
  EXPECT_EQ(shape[0], 2);
  EXPECT_EQ(shape[1], 5);
  EXPECT_THROW(static_cast<void>(shape[2]), CheckFailure);
  EXPECT_THROW(static_cast<void>(shape[-1]), CheckFailure);
  EXPECT_THROW(static_cast<void>(Shape{}[0]), CheckFailure);
}

TEST(Shape, ReadsAsAList) {
  EXPECT_EQ((Shape{3, 336, 336}).str(), "[3, 336, 336]");
  EXPECT_EQ(Shape{}.str(), "[]");
  EXPECT_EQ((Shape{-1}).str(), "[-1]");
}

TEST(Shape, EqualMeansTheSameDimensions) {
  EXPECT_EQ((Shape{2, 3}), Shape(std::vector<std::int64_t>{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{6}), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{2, 3, 1}));
}

}  // namespace
}  // namespace oc
