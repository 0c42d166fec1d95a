#include "runtime/serving/request_images.h"

#include <gtest/gtest.h>

#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

using fake::FakeModel;

RequestImage picture(std::uint8_t shade, int crops) {
  auto image = std::make_shared<Image>();
  image->width = image->height = 2;
  image->rgb.assign(12, shade);
  RequestImage out{image, fake::crops(crops)};
  out.pixels = pixel_digest(*image);
  return out;
}

class RequestImagesTest : public testing::Test {
 protected:
  RequestImagesTest() { model_.mutable_info().width = 1; }
  RequestContext context(RequestCaches caches = {}) { return {model_, request_, hooks_, caches}; }

  FakeModel model_{nullptr};
  GenerateRequest request_;
  GenerateHooks hooks_;
};

TEST_F(RequestImagesTest, OneStepAViewThenTheRowsInOrder) {
  request_.images = {picture(7, 2), picture(9, 1)};
  const RequestContext shared = context();
  RequestImages pictures(shared);
  ASSERT_TRUE(pictures.plan().ok());
  EXPECT_EQ(pictures.count(), 2u);
  EXPECT_EQ(pictures.tokens(), 15);
  std::vector<std::string> asked;
  for (std::size_t i = 0; i < 2; ++i) {
    const Result<void> done = pictures.preprocess(i, [&](const std::string& key, std::size_t) {
      asked.push_back(key);
      return i == 0;  // the second one is preprocessed in its turn
    });
    ASSERT_TRUE(done.ok());
  }
  EXPECT_EQ(asked, pictures.keys());
  int steps = 0;
  while (!pictures.joined()) {
    ASSERT_TRUE(pictures.encode_step().ok());
    ASSERT_LE(++steps, 4);
  }
  EXPECT_EQ(steps, 4);  // two views, one that was not preprocessed, its view
  EXPECT_EQ(model_.tiles, 3);
  std::vector<float> rows(10, 7.0f);
  rows.resize(15, 9.0f);
  EXPECT_EQ(model_.joined, rows);
}

TEST_F(RequestImagesTest, WhatTheCacheHasIsNotEncoded) {
  request_.images = {picture(7, 2)};
  ImageCache cache(1 << 20);
  const RequestContext shared = context({.pictures = &cache});
  for (int i = 0; i < 2; ++i) {
    RequestImages pictures(shared);
    ASSERT_TRUE(pictures.plan().ok());
    while (!pictures.joined()) ASSERT_TRUE(pictures.encode_step().ok());
  }
  EXPECT_EQ(model_.tiles, 2);  // of the first time
}

TEST_F(RequestImagesTest, WhatIsWrongWithOneIsSaid) {
  request_.images = {picture(7, 2), picture(7, 65)};
  const RequestContext shared = context();
  const Result<void> planned = RequestImages(shared).plan();
  ASSERT_FALSE(planned.ok());
  EXPECT_EQ(planned.error().message, "num_crops is 65, it must be 1 to 64");
}

}  // namespace
}  // namespace oc
