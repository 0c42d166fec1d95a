// Objects that a model finds, through the service: the same alone, in company, from caches and with
// any number of threads; and what is refused. A random Moondream2 on the CPU engine.
#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <future>

#include "models/synth.h"
#include "runtime/serving/generate.h"
#include "runtime/serving/service.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class Objects : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder() = scratch_path("objects");
    fs::remove_all(folder());
    const auto written =
        write_synth(folder(), {.shape = "moondream2-tiny", .quant = "mlx4", .seed = 3});
    ASSERT_TRUE(written.ok()) << written.error().describe();
  }
  static void TearDownTestSuite() { fs::remove_all(folder()); }
  static fs::path& folder() {
    static fs::path path;
    return path;
  }
  static std::shared_ptr<const LoadedModel> loaded(int threads) {
    return load(folder().string(), {.engine = "cpu", .threads = threads}).value();
  }
};

std::shared_ptr<const Image> picture(int width, int height) {
  auto image = std::make_shared<Image>();
  image->width = width;
  image->height = height;
  image->rgb.resize(static_cast<std::size_t>(width * height) * 3);
  for (std::size_t i = 0; i < image->rgb.size(); ++i)
    image->rgb[i] = static_cast<std::uint8_t>(i * 31 % 253);
  return image;
}

GenerateRequest about(Task task, std::shared_ptr<const Image> image) {
  GenerateRequest request;
  request.id = "test";
  request.task = std::move(task);
  request.images = {{std::move(image)}};
  return request;
}

using Answered = std::future<Result<GenerateResult>>;

Answered send(Service& service, GenerateRequest request) {
  auto promise = std::make_shared<std::promise<Result<GenerateResult>>>();
  Answered answered = promise->get_future();
  const auto job = service.submit(std::move(request), {}, [promise](Result<GenerateResult> result) {
    promise->set_value(std::move(result));
  });
  if (!job.ok()) promise->set_value(job.error());
  return answered;
}

// To the bit.
std::string bytes_of(const GenerateResult& result) {
  std::string out = result.text + "\n";
  for (const FoundObject& object : result.objects)
    for (const double number :
         {object.x, object.y, object.width.value_or(-1), object.height.value_or(-1)})
      out += std::to_string(std::bit_cast<std::uint64_t>(number)) + " ";
  return out + std::to_string(result.completion_tokens);
}

TEST_F(Objects, BoxesAndPoints) {
  Service service(loaded(2), ServiceOptions());
  const GenerateResult boxes =
      send(service, about(DetectTask{"dog", 4}, picture(200, 90))).get().value();
  ASSERT_EQ(boxes.objects.size(), 4u) << "random weights hardly ever say that they have seen all";
  EXPECT_TRUE(boxes.objects[0].width && boxes.objects[0].height);
  EXPECT_EQ(boxes.completion_tokens, 4 * 3 + 1);
  EXPECT_EQ(boxes.stop_cause, StopCause::kMaxObjects);
  EXPECT_EQ(boxes.finish_reason, FinishReason::kLength);
  EXPECT_FALSE(boxes.stop_token);
  EXPECT_EQ(boxes.image_tokens, 36);
  EXPECT_EQ(boxes.text, "");
  const GenerateResult points =
      send(service, about(PointTask{"dog", 3}, picture(200, 90))).get().value();
  ASSERT_EQ(points.objects.size(), 3u);
  EXPECT_FALSE(points.objects[0].width);
  EXPECT_EQ(points.completion_tokens, 3 * 2 + 1);
  // Cut in the second box: the first one is told.
  GenerateRequest cut = about(DetectTask{"dog", 4}, picture(200, 90));
  cut.max_tokens = 5;
  const GenerateResult one = send(service, std::move(cut)).get().value();
  ASSERT_EQ(one.objects.size(), 1u);
  EXPECT_EQ(one.objects[0], boxes.objects[0]);
  EXPECT_EQ(one.finish_reason, FinishReason::kLength);
}

TEST_F(Objects, AloneInCompanyFromCachesAndWithOneThread) {
  const auto detect = [] { return about(DetectTask{"red dog", 5}, picture(200, 90)); };
  const auto query = [] { return about(QueryTask{"What is it?"}, picture(60, 90)); };
  std::string box, text;
  {
    const auto model = loaded(1);
    GenerateRequest long_answer = query();
    long_answer.max_tokens = 30;
    box = bytes_of(generate(*model->model, detect(), {}).value());
    text = bytes_of(generate(*model->model, long_answer, {}).value());
  }
  ServiceOptions options;
  options.max_running = 8;
  options.shared_chunk = 8;  // the picture's block goes a few layers at a time
  options.kv_bytes = 64 << 20;
  options.prefix_cache_bytes = options.image_cache_bytes = 16 << 20;
  Service service(loaded(3), options);
  for (int round = 0; round < 2; ++round) {
    std::vector<Answered> boxes, texts;
    for (int i = 0; i < 3; ++i) {
      GenerateRequest long_answer = query();
      long_answer.max_tokens = 30;
      texts.push_back(send(service, std::move(long_answer)));
      boxes.push_back(send(service, detect()));
    }
    for (Answered& one : boxes) EXPECT_EQ(bytes_of(one.get().value()), box) << round;
    for (Answered& one : texts) EXPECT_EQ(bytes_of(one.get().value()), text) << round;
  }
  // What objects were found behind a prompt is no part of what the next request goes on from.
  GenerateRequest other = about(DetectTask{"red dogs", 5}, picture(200, 90));
  const GenerateResult behind = send(service, std::move(other)).get().value();
  EXPECT_GE(behind.cached_tokens, 37);
  EXPECT_LE(behind.cached_tokens, behind.prompt_tokens);
}

TEST_F(Objects, TheResponseCacheTellsTasksApart) {
  ServiceOptions options;
  options.response_cache_bytes = 1 << 20;
  Service service(loaded(2), options);
  const auto ask = [&](Task task) {
    return send(service, about(std::move(task), picture(60, 90))).get().value();
  };
  const GenerateResult first = ask(DetectTask{"dog", 2});
  EXPECT_FALSE(first.cached);
  const GenerateResult again = ask(DetectTask{"dog", 2});
  EXPECT_TRUE(again.cached);
  EXPECT_EQ(again.objects, first.objects);
  EXPECT_FALSE(ask(DetectTask{"dog", 3}).cached);
  EXPECT_FALSE(ask(PointTask{"dog", 2}).cached);
  EXPECT_FALSE(ask(DetectTask{"cat", 2}).cached);
}

TEST_F(Objects, WhatIsRefused) {
  Service service(loaded(2), ServiceOptions());
  const auto param = [&](GenerateRequest request) {
    return send(service, std::move(request)).get().error().param;
  };
  GenerateRequest warm = about(DetectTask{"dog"}, picture(60, 90));
  warm.sampling.temperature = 0.5;
  EXPECT_EQ(param(std::move(warm)), "temperature");
  GenerateRequest blind = about(QueryTask{"What?"}, picture(60, 90));
  blind.images.clear();
  EXPECT_EQ(param(std::move(blind)), "image");
  EXPECT_EQ(param(about(CaptionTask{CaptionLength::kLong}, picture(60, 90))), "length");

  Service others(load("demo", {.engine = "cpu"}).value(), ServiceOptions());
  const auto refused = send(others, about(DetectTask{"dog"}, picture(60, 90))).get();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(refused.error().message, "this model does not do detect");
}

}  // namespace
}  // namespace oc
