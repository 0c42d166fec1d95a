// The handle: sharing and donation.
#include "ops/tensor.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

struct Counted final : TensorStorage {
  explicit Counted(int* alive) : alive_(alive) { ++*alive_; }
  ~Counted() override { --*alive_; }
  int* alive_;
};

TEST(Tensor, CopiesShareAndMovesDonate) {
  int alive = 0;
  {
    Tensor a(2, 3, std::make_shared<Counted>(&alive));
    EXPECT_TRUE(a.unique());
    {
      const Tensor b = a;
      EXPECT_FALSE(a.unique());
      EXPECT_EQ(b.storage(), a.storage());
      EXPECT_EQ(b.rows(), 2);
      EXPECT_EQ(b.cols(), 3);
    }
    EXPECT_TRUE(a.unique());
    const Tensor c = std::move(a);
    EXPECT_TRUE(c.unique()) << "a moved handle is its buffer's only one";
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

TEST(Tensor, AnEmptyOneHasNoBuffer) {
  const Tensor none;
  EXPECT_TRUE(none.empty());
  EXPECT_FALSE(none.unique());
  EXPECT_EQ(none.rows(), 0);
}

}  // namespace
}  // namespace oc
