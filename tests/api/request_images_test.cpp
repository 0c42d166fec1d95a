#include "api/request_images.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

// A folder with two files, and the network, which nobody asks here.
class RequestImagesTest : public ::testing::Test {
 protected:
  RequestImagesTest() : folder_(scratch_path("request-images")) {
    fs::create_directories(folder_);
    std::ofstream(folder_ / "a") << std::string(1000, 'a');
    std::ofstream(folder_ / "b") << "b";
    PictureSourcesOptions options;
    options.remote = RemotePolicy(RemotePolicy::Schemes::kHttps);
    options.max_remote = 2;
    options.media_root = folder_.string();
    sources_ = *PictureSources::open(std::move(options));
    limits_.sources = sources_.get();
  }
  ~RequestImagesTest() override { fs::remove_all(folder_); }

  // What is wrong; empty: nothing.
  std::string add(std::string_view uri) {
    const auto added = add_image(request_, uri, "here", {}, limits_);
    if (added.ok()) return "";
    EXPECT_EQ(added.error().param, "here");
    return added.error().message;
  }
  Result<void> fetch(Reservation& memory, const Interrupt& interrupt = {}) {
    std::size_t fetched = 0;
    return fetch_next_image(request_, *sources_, "", interrupt, memory, fetched);
  }

  const fs::path folder_;
  std::shared_ptr<const PictureSources> sources_;
  ChatLimits limits_;
  ChatRequest request_;
};

TEST_F(RequestImagesTest, OnlyWhereThereAreSources) {
  limits_.sources = nullptr;
  EXPECT_NE(add("https://example.org/"), "");
  EXPECT_NE(add("a"), "");
  EXPECT_TRUE(request_.images.empty());
}

TEST_F(RequestImagesTest, OfThoseOfTheNetworkThereAreFew) {
  EXPECT_EQ(add("data:;base64,AAAA"), "");
  EXPECT_EQ(add("https://example.org/a"), "");
  EXPECT_EQ(add("a"), "");
  EXPECT_EQ(add("https://example.org/b"), "");
  EXPECT_EQ(add("https://example.org/c"),
            "\"here\": more than 2 pictures of one request would be fetched");
  EXPECT_NE(add("http://example.org/"), "");
  EXPECT_NE(add("ftp://example.org/"), "");
  EXPECT_EQ(add("b"), "");
  ASSERT_EQ(request_.images.size(), 5u);
  EXPECT_FALSE(request_.images[0].source);
  EXPECT_TRUE(request_.images[1].source->is_remote());
  EXPECT_FALSE(request_.images[2].source->is_remote());
}

TEST_F(RequestImagesTest, TheyComeInOrderAndTheirBytesAreCounted) {
  EXPECT_EQ(add("a"), "");
  EXPECT_EQ(add("data:;base64,AAAA"), "");
  EXPECT_EQ(add("b"), "");
  const auto budget = std::make_shared<MemoryBudget>(5000);
  Reservation memory(budget);
  ASSERT_TRUE(memory.grow_to(100));
  EXPECT_EQ(next_to_fetch(request_), &request_.images[0]);
  Reservation full(std::make_shared<MemoryBudget>(10));
  EXPECT_EQ(fetch(full).error().code, ErrorCode::kMemoryFull);
  EXPECT_EQ(full.bytes(), 0u);
  ASSERT_TRUE(fetch(memory).ok());
  EXPECT_EQ(memory.bytes(), 100 + request_.images[0].bytes.capacity());
  EXPECT_EQ(next_to_fetch(request_), &request_.images[2]);
  ASSERT_TRUE(fetch(memory).ok());
  EXPECT_EQ(next_to_fetch(request_), nullptr);
}

TEST_F(RequestImagesTest, WhatIsWrongSaysWhichPictureItIs) {
  EXPECT_EQ(add("none"), "");
  Reservation memory;
  const auto fetched = fetch(memory);
  EXPECT_EQ(fetched.error().param, "here");
  EXPECT_EQ(fetched.error().message, "\"here\": there is no such file");
  request_.images.clear();
  EXPECT_EQ(add("a"), "");
  EXPECT_EQ(fetch(memory, {.cancelled = [] { return true; }}).error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace oc
