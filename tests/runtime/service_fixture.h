// A service around the fake model, whose engine's thread can be held.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "base/log.h"
#include "runtime/serving/service.h"
#include "tests/runtime/fake_model.h"

namespace oc {

using fake::FakeModel;
using fake::kEnd;

using Promise = std::promise<Result<GenerateResult>>;

// Says the last token of the prompt `count` times, then ends. Runs of one token only end prompts
// whose last two tokens differ.
inline std::unique_ptr<FakeModel> repeating(std::size_t count) {
  return std::make_unique<FakeModel>([count](std::span<const TokenId> ids) {
    if (ids.back() < 0) return FakeModel::one_hot(0);  // amid a picture, in the prefill
    std::size_t same = 1;
    while (same < ids.size() && ids[ids.size() - 1 - same] == ids.back()) ++same;
    return FakeModel::one_hot(same == count + 1 ? kEnd : ids.back());
  });
}

inline std::shared_ptr<const Image> picture(std::uint8_t shade) {
  auto image = std::make_shared<Image>();
  image->width = image->height = 4;
  image->rgb.assign(48, shade);
  return image;
}

inline GenerateRequest question(std::string text) {
  GenerateRequest request;
  request.messages = {{Role::kUser, {TextPart{std::move(text)}}}};
  return request;
}

inline GenerateRequest about(std::uint8_t shade, std::string text, int crops = 2) {
  GenerateRequest request = question(std::move(text));
  request.messages[0].parts.insert(request.messages[0].parts.begin(), ImagePart{0});
  request.images = {{picture(shade), fake::crops(crops)}};
  return request;
}

class SchedulerTest : public testing::Test {
 protected:
  void SetUp() override { log::configure(log::Level::kOff, log::Format::kText); }
  void TearDown() override { log::configure_from_environment(); }

  void serve(std::unique_ptr<FakeModel> model, ServiceOptions options) {
    model_ = model.get();
    auto loaded = std::make_shared<LoadedModel>();
    loaded->name = "fake";
    loaded->model = std::move(model);
    service_ = std::make_unique<Service>(std::move(loaded), options);
  }
  // The engine's thread stands in its first step until open().
  void hold(FakeModel& model) {
    model.on_step = [this](std::size_t step) {
      if (step != 1) return;
      entered_.set_value();
      open_.get_future().wait();
    };
  }
  // `at_end` sees the result on the engine's thread.
  std::future<Result<GenerateResult>> submit(
      GenerateRequest request, std::function<void(const AnswerPiece&)> text = nullptr,
      std::function<void(const Result<GenerateResult>&)> at_end = nullptr) {
    auto promise = std::make_shared<Promise>();
    auto future = promise->get_future();
    const auto job =
        service_->submit(std::move(request), std::move(text), [promise, at_end](auto result) {
          if (at_end) at_end(result);
          promise->set_value(std::move(result));
        });
    EXPECT_TRUE(job.ok()) << job.error().message;
    if (job.ok()) last_job_ = *job;
    return future;
  }
  GenerateResult ask(GenerateRequest request) {
    Result<GenerateResult> result = submit(std::move(request)).get();
    EXPECT_TRUE(result.ok()) << result.error().message;
    return *std::move(result);
  }

  FakeModel* model_ = nullptr;
  std::shared_ptr<Job> last_job_;
  std::promise<void> entered_, open_;
  std::unique_ptr<Service> service_;
};

}  // namespace oc
