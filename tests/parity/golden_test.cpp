// Parity with golden reference data at every stage: the committed set of the embedded model, and
// the big set beside the repository where it is there.
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>

#include "engines/registry.h"
#include "models/registry.h"
#include "runtime/verify/verify.h"

namespace oc {
namespace {

const std::filesystem::path kShared = OC_SOURCE_DIR "/../shared/golden";
const std::filesystem::path kDemoGoldens = OC_SOURCE_DIR "/tests/data/golden-demo";
const std::filesystem::path kDemoModel = OC_SOURCE_DIR "/models/demo";

void verify_all(const std::filesystem::path& goldens, const std::filesystem::path& folder,
                EngineOptions engine_options, VerifyOptions options) {
  auto engine = make_engine(engine_options);
  ASSERT_TRUE(engine.ok()) << engine.error().describe();
  auto model = load_model(folder, *engine);
  ASSERT_TRUE(model.ok()) << model.error().describe();
  VerifyReport report;
  options.rounding = rounding_of(**model);
  const auto model_part = verify_model(goldens, **model, options, report);
  ASSERT_TRUE(model_part.ok()) << model_part.error().describe();
  EXPECT_TRUE(*model_part) << goldens << " holds no model cases";
  std::cout << (*engine)->info().text() << ", " << folder.filename().string() << "\n"
            << report.table();
  EXPECT_EQ(report.failed(), 0);
  EXPECT_GT(report.stages().size(), 5u);
}

// Sanitizers make a case ten times as slow, and look for other faults than a wrong number.
#ifdef OC_SANITIZED
constexpr int kMaxTokens = 800, kFewTokens = 800;
#else
constexpr int kMaxTokens = 0, kFewTokens = 1300;
#endif

struct Combination {
  std::string name, folder;
  EngineOptions engine;
  int max_tokens;  // 0: all cases
};

EngineOptions mlx(const std::string& activations) {
  return {.engine = "mlx", .device = "cpu", .activations = activations};
}

// mlx is in builds that found it only.
std::vector<Combination> with_mlx(std::vector<Combination> all, std::vector<Combination> more) {
  if (has_mlx_engine()) all.insert(all.end(), more.begin(), more.end());
  return all;
}

const std::vector<Combination>& combinations() {
  // The reference engine is slow on purpose, and MLX's CPU device is not made for speed; `ocellus
  // verify --engine reference` (mlx) runs every case.
  static const std::vector<Combination> all = with_mlx(
      {{"reference_bf16", "tiny-bf16", {.engine = "reference"}, kFewTokens},
       {"reference_q4", "tiny-4bit-mlx", {.engine = "reference"}, kFewTokens},
       {"cpu_f32_bf16", "tiny-bf16", {.engine = "cpu", .activations = "f32"}, kMaxTokens},
       {"cpu_f32_q4", "tiny-4bit-mlx", {.engine = "cpu", .activations = "f32"}, kMaxTokens},
#ifndef OC_SANITIZED  // their mean is judged over all cases; over the short ones it is larger
       {"cpu_int8_q4", "tiny-4bit-mlx", {.engine = "cpu", .activations = "int8"}, kMaxTokens},
       {"cpu_int8_q8_cache_q4", "tiny-4bit-mlx", {.engine = "cpu", .kv = "q8"}, kMaxTokens},
#endif
       {"cpu_f16_cache_bf16", "tiny-bf16", {.engine = "cpu"}, kFewTokens},
       {"cpu_q8_cache_bf16", "tiny-bf16", {.engine = "cpu", .kv = "q8"}, kFewTokens},
       {"cpu_q8_cache_q4",
        "tiny-4bit-mlx",
        {.engine = "cpu", .activations = "f32", .kv = "q8"},
        kFewTokens}},
      {{"mlx_f32_bf16", "tiny-bf16", mlx("f32"), kFewTokens},
       {"mlx_f32_q4", "tiny-4bit-mlx", mlx("f32"), kFewTokens},
       {"mlx_bf16", "tiny-bf16", mlx("half"), kFewTokens},
       // MLX's CPU device takes minutes for f16 and a picture: words alone.
       {"mlx_f16_q4", "tiny-4bit-mlx", mlx("half"), 100}});
  return all;
}

class SharedGoldens : public testing::TestWithParam<Combination> {};

TEST_P(SharedGoldens, EveryStageWithinItsLimit) {
  if (!std::filesystem::exists(kShared))
    GTEST_SKIP() << "../shared/golden is not here: the committed set covers the same stages";
  const Combination& c = GetParam();
  verify_all(kShared, kShared / "model" / c.folder, c.engine,
             {.max_model_tokens = c.max_tokens, .progress = {}});
}

INSTANTIATE_TEST_SUITE_P(All, SharedGoldens, testing::ValuesIn(combinations()),
                         [](const auto& c) { return c.param.name; });

TEST(SharedGoldensText, IdsAndImages) {
  if (!std::filesystem::exists(kShared))
    GTEST_SKIP() << "../shared/golden is not here: the committed set covers the same stages";
  auto engine = make_engine({.engine = "reference"});
  ASSERT_TRUE(engine.ok());
  auto model = load_model(kShared / "model" / "tiny-bf16", *engine);
  ASSERT_TRUE(model.ok()) << model.error().describe();
  VerifyReport report;
  const auto text = verify_text(kShared, **model, {}, report);
  ASSERT_TRUE(text.ok() && *text);
  const auto image = verify_image(kShared, **model, {}, report);
  ASSERT_TRUE(image.ok() && *image);
  std::cout << report.table();
  EXPECT_EQ(report.failed(), 0);
}

class DemoGoldens : public testing::TestWithParam<Combination> {};

TEST_P(DemoGoldens, EveryStageWithinItsLimit) {
  verify_all(kDemoGoldens, kDemoModel, GetParam().engine, {});
}

INSTANTIATE_TEST_SUITE_P(
    All, DemoGoldens,
    testing::ValuesIn(with_mlx(
        {Combination{"reference", "", {.engine = "reference"}, 0},
         Combination{"cpu_f32", "", {.engine = "cpu", .activations = "f32"}, kMaxTokens},
         Combination{"cpu_int8", "", {.engine = "cpu", .activations = "int8"}, kMaxTokens},
         Combination{
             "cpu_q8_cache", "", {.engine = "cpu", .activations = "f32", .kv = "q8"}, kMaxTokens},
         Combination{"cpu_int8_q8_cache", "", {.engine = "cpu", .kv = "q8"}, kMaxTokens}},
        {Combination{"mlx_f32", "", mlx("f32"), 0}})),
    [](const auto& c) { return c.param.name; });

TEST(DemoGoldensText, IdsAndImages) {
  auto engine = make_engine({.engine = "reference"});
  ASSERT_TRUE(engine.ok());
  auto model = load_model(kDemoModel, *engine);
  ASSERT_TRUE(model.ok()) << model.error().describe();
  VerifyReport report;
  const auto text = verify_text(kDemoGoldens, **model, {}, report);
  ASSERT_TRUE(text.ok() && *text);
  const auto image = verify_image(kDemoGoldens, **model, {}, report);
  ASSERT_TRUE(image.ok() && *image);
  std::cout << report.table();
  EXPECT_EQ(report.failed(), 0);
}

}  // namespace
}  // namespace oc
