// Two families in one program: what the tests' own family asks of the rest of it, nothing outside
// its files knows. This program's architectures() stands in for that of src/models/registry.cpp.
#include "models/registry.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <future>

#include "api/errors.h"
#include "api/openai/chat_request.h"
#include "engines/registry.h"
#include "io/json_text.h"
#include "models/phi3v/model.h"
#include "models/synth.h"
#include "runtime/cache/image_cache.h"
#include "runtime/cache/image_store.h"
#include "runtime/cache/response_cache.h"
#include "runtime/hosting/memory_plan.h"
#include "runtime/hosting/warm_up.h"
#include "tests/families/tile_family.h"
#include "tests/scratch_path.h"

namespace oc {

std::span<const Architecture> architectures() {
  static const std::array kAll = {phi3v_architecture(), test::tile_architecture()};
  return kAll;
}

namespace {

namespace fs = std::filesystem;

// A tiny checkpoint of each, made once.
class Families : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    for (const char* shape : {"tiny", "tiles-tiny"}) {
      fs::remove_all(folder(shape));
      const auto written = write_synth(folder(shape), {.shape = shape, .quant = "bf16"});
      ASSERT_TRUE(written.ok()) << written.error().describe();
    }
  }
  static void TearDownTestSuite() {
    for (const char* shape : {"tiny", "tiles-tiny"}) fs::remove_all(folder(shape));
  }
  static fs::path folder(const std::string& shape) { return scratch_path("families-" + shape); }
  static std::shared_ptr<const LoadedModel> loaded(const std::string& shape) {
    return load(folder(shape).string(), {.engine = "cpu", .threads = 2}).value();
  }
  static std::unique_ptr<const Blueprint> blueprint(const std::string& shape) {
    return open_blueprint(folder(shape)).value();
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

GenerateRequest about(std::shared_ptr<const Image> image, ImageOptions options = {}) {
  GenerateRequest request;
  request.id = "test";
  request.max_tokens = 3;
  request.messages = {{Role::kUser, {ImagePart{0}, TextPart{"What is it?"}}}};
  request.images = {{std::move(image), std::move(options)}};
  return request;
}

Result<GenerateResult> ask(Service& service, GenerateRequest request) {
  auto promise = std::make_shared<std::promise<Result<GenerateResult>>>();
  auto future = promise->get_future();
  const auto job = service.submit(std::move(request), {}, [promise](Result<GenerateResult> result) {
    promise->set_value(std::move(result));
  });
  if (!job.ok()) return job.error();
  return future.get();
}

TEST_F(Families, EachPlansAndCountsItsOwnWay) {
  const auto phi = blueprint("tiny"), tiles = blueprint("tiles-tiny");
  const auto of = [](const Blueprint& family, const ImageOptions& options) {
    return family.plan_image(600, 200, options).value();
  };
  EXPECT_EQ(of(*tiles, {}).tokens, 13);  // three tiles of four patches, and the end
  EXPECT_EQ(of(*tiles, {.detail = ImageDetail::kLow}).tokens, 5);
  EXPECT_EQ(of(*tiles, {.knobs = {{"max_tiles", 2}}}).tokens, 9);
  EXPECT_EQ(of(*tiles, {}).views, 3);
  EXPECT_EQ(json_text(plan_json(of(*tiles, {}))),
            R"({"width":600,"height":200,"tiles":3,"tall":false,"tokens":13})");
  EXPECT_EQ(json_text(plan_json_of_answer(of(*tiles, {}))),
            R"({"width":600,"height":200,"tiles":3,"tokens":13})");
  EXPECT_NE(of(*tiles, {}).family, of(*phi, {}).family);
}

TEST_F(Families, AKnobOfTheOtherFamilyIsRefusedByName) {
  const auto phi = blueprint("tiny"), tiles = blueprint("tiles-tiny");
  const Error crops = tiles->plan_image(600, 200, {.knobs = {{"num_crops", 4}}}).error();
  EXPECT_EQ(crops.code, ErrorCode::kUnsupported);
  EXPECT_EQ(crops.message, "unknown parameter \"num_crops\"");
  EXPECT_EQ(crops.param, "num_crops");
  EXPECT_EQ(crops.hint, "for a picture this model has max_tiles (1 to 9)");
  const Error strip = phi->plan_image(600, 200, {.request_knobs = {{"max_tiles", 4}}}).error();
  EXPECT_EQ(strip.param, "max_tiles");
  EXPECT_EQ(strip.hint, "for a picture this model has num_crops (1 to 64)");
}

// Which knobs there are is asked of the families; which of them has what, when the model is known.
TEST_F(Families, ARequestMayTurnTheKnobsOfBoth) {
  const auto parse = [](const std::string& fields) {
    return parse_chat_request(R"({"messages":[{"role":"user","content":"Hi"}],)" + fields + "}",
                              ChatLimits());
  };
  EXPECT_TRUE(parse(R"("max_tiles":9)").ok());
  EXPECT_TRUE(parse(R"("num_crops":64)").ok());
  EXPECT_EQ(parse(R"("max_tiles":10)").error().param, "max_tiles");
  EXPECT_EQ(parse(R"("max_tile":1)").error().hint, "did you mean \"max_tiles\"?");
}

TEST_F(Families, TheRefusalReachesWhoeverAsks) {
  Service service(loaded("tiles-tiny"), ServiceOptions());
  GenerateRequest without_images;
  without_images.id = "test";
  without_images.messages = {{Role::kUser, {TextPart{"Hi"}}}};
  without_images.image_knobs = {{"num_crops", 4}};
  EXPECT_EQ(ask(service, std::move(without_images)).error().param, "num_crops");
  GenerateRequest with_one = about(picture(60, 20));
  with_one.image_knobs = {{"num_crops", 4}};
  const auto refused = ask(service, std::move(with_one));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().param, "num_crops");
  const ApiError told = to_api_error(refused.error(), Stage::kRequest);
  EXPECT_EQ(told.status, 400);
  EXPECT_EQ(told.param, "num_crops");
  EXPECT_NE(told.message.find("for a picture this model has max_tiles (1 to 9)"), std::string::npos)
      << told.message;
  GenerateRequest long_one = about(picture(60, 20));
  long_one.max_sequence = 25;  // without the picture it would fit
  const auto too_long = ask(service, std::move(long_one));
  ASSERT_FALSE(too_long.ok());
  EXPECT_NE(too_long.error().hint.find("a smaller max_tiles (1 is the least)"), std::string::npos)
      << too_long.error().describe();
  GenerateRequest long_text = about(picture(60, 20));
  long_text.messages[0].parts.push_back(TextPart{std::string(20000, 'x')});
  EXPECT_EQ(ask(service, std::move(long_text)).error().hint,
            "shorten the text or leave out earlier turns");
}

// From the caches an answer is what it is without them, and another plan is another key.
TEST_F(Families, EveryCacheTellsPlansApart) {
  const auto model = loaded("tiles-tiny");
  ServiceOptions options;
  options.response_cache_bytes = options.image_cache_bytes = options.prefix_cache_bytes = 8 << 20;
  options.kv_bytes = 64 << 20;
  Service service(model, options);
  const auto image = picture(600, 200);
  const ImageOptions one = {.knobs = {{"max_tiles", 1}}};
  const GenerateResult first = ask(service, about(image)).value();
  EXPECT_EQ(first.image_tokens, 13);
  EXPECT_FALSE(first.cached);
  const GenerateResult other = ask(service, about(image, one)).value();
  EXPECT_EQ(other.image_tokens, 5);
  EXPECT_FALSE(other.cached);
  const GenerateResult again = ask(service, about(image)).value();
  EXPECT_EQ(again.ids, first.ids);
  ASSERT_EQ(again.images.size(), 1u) << "planned anew";
  EXPECT_EQ(again.images[0].family, first.images[0].family);
  // Detail that comes to the same is the same.
  const GenerateResult low = ask(service, about(image, {.detail = ImageDetail::kLow})).value();
  EXPECT_EQ(low.ids, other.ids);
  EXPECT_EQ(service.stats().responses.hits, 2u);
  EXPECT_EQ(service.stats().responses.misses, 2u);

  Service bare(model, ServiceOptions());
  EXPECT_EQ(ask(bare, about(image)).value().ids, first.ids);
  EXPECT_EQ(ask(bare, about(image, one)).value().ids, other.ids);
}

TEST_F(Families, TheKeysOfAllCachesHoldTheFamilysPart) {
  const auto phi = blueprint("tiny"), tiles = blueprint("tiles-tiny");
  // Of a picture of this size both plan as many rows and views with these knobs; only the family's
  // part differs.
  const ImagePlan a = tiles->plan_image(600, 200, {}).value();
  ImagePlan b = a;
  b.family = phi->plan_image(600, 200, {}).value().family;
  const std::string pixels = pixel_digest(*picture(600, 200));
  EXPECT_EQ(image_key(pixels, a, "s"), image_key(pixels, ImagePlan(a), "s"));
  EXPECT_NE(image_key(pixels, a, "s"), image_key(pixels, b, "s"));
  EXPECT_NE(stored_image_key("m", image_key(pixels, a, "s")),
            stored_image_key("m", image_key(pixels, b, "s")));
  const GenerateRequest request = about(picture(600, 200));
  EXPECT_NE(*response_key(request, std::span(&a, 1), "m"),
            *response_key(request, std::span(&b, 1), "m"));
}

TEST_F(Families, FramesOfAVideoAreNoPicturesToACache) {
  const ImagePlan plan = blueprint("tiles-tiny")->plan_image(600, 200, {}).value();
  const auto key = [&](const Part& part) {
    GenerateRequest request = about(picture(600, 200));
    request.messages[0].parts[0] = part;
    return *response_key(request, std::span(&plan, 1), "m");
  };
  EXPECT_EQ(key(FramesPart{0, 1, 2}), key(FramesPart{0, 1, 2}));
  EXPECT_NE(key(FramesPart{0, 1, 1}), key(FramesPart{0, 1, 2}));
  EXPECT_NE(key(FramesPart{0, 1, 1}), key(ImagePart{0}));
}

// The test's family knows no videos.
TEST_F(Families, FramesOfAVideoAreRefusedBeforeTheyArePlanned) {
  GenerateRequest request = about(picture(600, 200));
  request.messages[0].parts[0] = FramesPart{0, 1, 1};
  const auto plans = plan_images(*loaded("tiles-tiny")->model, request);
  ASSERT_FALSE(plans.ok());
  EXPECT_EQ(plans.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(plans.error().message.find("video_frames"), std::string::npos);
}

TEST_F(Families, MemoryIsPlannedInTheFamilysWords) {
  const auto engine = make_engine({.engine = "reference"}).value();
  const auto measured =
      measure_model(folder("tiles-tiny"), *engine, {.rows = 64, .logit_rows = 1}).value();
  ASSERT_EQ(measured.pictures.size(), 2u);
  EXPECT_EQ(measured.pictures[0].description, "3 tiles");
  EXPECT_EQ(measured.pictures[1].tokens, 37);
  const MemoryPlan plan = plan_memory(measured, {}, room_of(std::size_t{8} << 30), 4);
  EXPECT_NE(plan.table().find("pictures in 9 tiles in the image cache"), std::string::npos);
  EXPECT_EQ(plan.json().at("pictures").at(1).at("max_tiles"), 9);
  EXPECT_EQ(plan.table().find("crop"), std::string::npos);
}

TEST_F(Families, WarmUpAsksWithASampleOfTheFamily) {
  Service service(loaded("tiles-tiny"), ServiceOptions());
  const auto warm = warm_up(service);
  EXPECT_TRUE(warm.ok()) << warm.error().describe();
  EXPECT_EQ(service.stats().accepted, 1u);
}

}  // namespace
}  // namespace oc
