// Parity with golden reference data at every stage: the committed set of the embedded model, and
// the big set beside the repository where it is there.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "engines/registry.h"
#include "io/json.h"
#include "io/json_text.h"
#include "io/safetensors.h"
#include "models/registry.h"
#include "models/synth.h"
#include "runtime/verify/verify.h"
#include "tests/scratch_path.h"

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
constexpr bool kOneCaseAPicture = true;
#else
constexpr int kMaxTokens = 0, kFewTokens = 1300;
constexpr bool kOneCaseAPicture = false;
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

void ids_and_images(const std::filesystem::path& goldens, const std::filesystem::path& folder,
                    VerifyOptions options = {}) {
  auto engine = make_engine({.engine = "reference"});
  ASSERT_TRUE(engine.ok());
  auto model = load_model(folder, *engine);
  ASSERT_TRUE(model.ok()) << model.error().describe();
  VerifyReport report;
  const auto text = verify_text(goldens, **model, {}, report);
  ASSERT_TRUE(text.ok() && *text);
  const auto image = verify_image(goldens, **model, options, report);
  ASSERT_TRUE(image.ok() && *image);
  std::cout << report.table();
  EXPECT_EQ(report.failed(), 0);
}

TEST(SharedGoldensText, IdsAndImages) {
  if (!std::filesystem::exists(kShared))
    GTEST_SKIP() << "../shared/golden is not here: the committed set covers the same stages";
  ids_and_images(kShared, kShared / "model" / "tiny-bf16",
                 {.one_case_a_picture = kOneCaseAPicture, .progress = {}});
}

// Ids of a published tokenizer, whose weights are not here: those of a small decoder in `folder`,
// all zero, do for that.
void ids_without_weights(const std::filesystem::path& goldens,
                         const std::filesystem::path& folder) {
  const auto blueprint = open_blueprint(folder);
  ASSERT_TRUE(blueprint.ok()) << blueprint.error().describe();
  std::vector<PlannedTensor> tensors;
  for (const ExpectedTensor& tensor : (*blueprint)->tensors())
    tensors.push_back({tensor.name, DType::kBF16, tensor.shape});
  const auto writer = SafetensorsWriter::create(folder / "model.safetensors", tensors, {});
  ASSERT_TRUE(writer.ok()) << writer.error().describe();
  for (const PlannedTensor& tensor : tensors)
    ASSERT_TRUE(
        (*writer)
            ->append(std::vector<std::byte>(static_cast<std::size_t>(tensor.shape.numel()) * 2))
            .ok());
  ASSERT_TRUE((*writer)->finish().ok());
  const auto model = load_model(folder, make_engine({.engine = "cpu"}).value());
  ASSERT_TRUE(model.ok()) << model.error().describe();
  VerifyReport report;
  const auto checked = verify_text(goldens, **model, {}, report);
  ASSERT_TRUE(checked.ok() && *checked);
  std::cout << report.table();
  EXPECT_EQ(report.failed(), 0);
}

// --- SmolVLM2

const std::filesystem::path kSmolVlmShared = OC_SOURCE_DIR "/../shared/families/smolvlm2/golden";

// A view takes the reference engine half a second, and MLX's CPU device more: few pictures.
#ifdef OC_SANITIZED
constexpr int kAllViews = 400, kFewViews = 130, kFewestViews = 130;
#else
constexpr int kAllViews = 0, kFewViews = 700, kFewestViews = 400;
#endif

const std::vector<Combination>& smolvlm_combinations() {
  static const std::vector<Combination> all = with_mlx(
      {{"reference_bf16", "tiny-bf16", {.engine = "reference"}, kFewViews},
       {"reference_q4", "tiny-4bit-mlx", {.engine = "reference"}, kFewViews},
       {"cpu_f32_bf16", "tiny-bf16", {.engine = "cpu", .activations = "f32"}, kAllViews},
       {"cpu_f32_q4", "tiny-4bit-mlx", {.engine = "cpu", .activations = "f32"}, kAllViews},
#ifndef OC_SANITIZED  // as above
       {"cpu_int8_q4", "tiny-4bit-mlx", {.engine = "cpu"}, kAllViews},
       {"cpu_int8_q8_cache_q4", "tiny-4bit-mlx", {.engine = "cpu", .kv = "q8"}, kFewTokens},
#endif
       {"cpu_f16_cache_bf16", "tiny-bf16", {.engine = "cpu"}, kAllViews}},
      {{"mlx_f32_bf16", "tiny-bf16", mlx("f32"), kFewestViews},
       {"mlx_f32_q4", "tiny-4bit-mlx", mlx("f32"), kFewestViews}});
  return all;
}

class SmolVlmShared : public testing::TestWithParam<Combination> {};

TEST_P(SmolVlmShared, EveryStageWithinItsLimit) {
  if (!std::filesystem::exists(kSmolVlmShared))
    GTEST_SKIP() << "../shared is not here: the committed set covers the same stages";
  const Combination& c = GetParam();
  verify_all(kSmolVlmShared, kSmolVlmShared / "model" / c.folder, c.engine,
             {.max_model_tokens = c.max_tokens, .progress = {}});
}

INSTANTIATE_TEST_SUITE_P(All, SmolVlmShared, testing::ValuesIn(smolvlm_combinations()),
                         [](const auto& c) { return c.param.name; });

TEST(SmolVlmSharedText, IdsAndImages) {
  if (!std::filesystem::exists(kSmolVlmShared))
    GTEST_SKIP() << "../shared is not here: the committed set covers the same stages";
  ids_and_images(kSmolVlmShared, kSmolVlmShared / "model" / "tiny-bf16",
                 {.one_case_a_picture = kOneCaseAPicture, .progress = {}});
}

// The published tokenizer, with pictures as each of the towers takes them.
TEST(SmolVlmSharedText, ThePublishedTokenizer) {
  const std::filesystem::path goldens = kSmolVlmShared / "tokenizer";
  if (!std::filesystem::exists(goldens)) GTEST_SKIP() << "../shared is not here";
  for (const std::string suffix : {"", "-2.2b"}) {
    const std::filesystem::path folder = scratch_path("smolvlm-tokenizer" + suffix);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    const auto copy = [&](const std::string& from, const std::string& to) {
      std::filesystem::copy_file(goldens / from, folder / to);
    };
    copy("tokenizer.json", "tokenizer.json");
    copy("generation_config.json", "generation_config.json");
    copy("preprocessor_config" + suffix + ".json", "preprocessor_config.json");
    copy("processor_config" + suffix + ".json", "processor_config.json");
    boost::json::object config =
        read_json_object(goldens / (suffix.empty() ? "config-500m.json" : "config-2.2b.json"))
            .value();
    boost::json::object& text = config["text_config"].as_object();
    for (const auto& [key, value] : {std::pair{"hidden_size", 64},
                                     {"intermediate_size", 64},
                                     {"num_hidden_layers", 1},
                                     {"num_attention_heads", 1},
                                     {"num_key_value_heads", 1}})
      text[key] = value;
    boost::json::object& vision = config["vision_config"].as_object();
    for (const auto& [key, value] : {std::pair{"hidden_size", 8},
                                     {"intermediate_size", 8},
                                     {"num_hidden_layers", 1},
                                     {"num_attention_heads", 1}})
      vision[key] = value;
    std::ofstream(folder / "config.json") << json_text(config);
    ids_without_weights(goldens, folder);
    std::filesystem::remove_all(folder);
  }
}

// Committed: random checkpoints that the program makes again.
class SmolVlmSynth : public testing::TestWithParam<Combination> {};

const std::filesystem::path kSmolVlmGoldens = OC_SOURCE_DIR "/tests/data/golden-smolvlm";

std::filesystem::path smolvlm_checkpoint(const std::string& quant) {
  const std::filesystem::path folder = scratch_path("golden-smolvlm-" + quant);
  const auto written =
      write_synth(folder, {.shape = "smolvlm2-tiny", .quant = quant, .seed = 7});  // as info.synth
  EXPECT_TRUE(written.ok()) << written.error().describe();
  return folder;
}

TEST_P(SmolVlmSynth, EveryStageWithinItsLimit) {
  verify_all(kSmolVlmGoldens, smolvlm_checkpoint(GetParam().folder), GetParam().engine, {});
}

INSTANTIATE_TEST_SUITE_P(
    All, SmolVlmSynth,
    testing::ValuesIn(
        with_mlx({Combination{"reference_bf16", "bf16", {.engine = "reference"}, 0},
                  Combination{"reference_q4", "mlx4", {.engine = "reference"}, 0},
                  Combination{"cpu_f32_bf16", "bf16", {.engine = "cpu", .activations = "f32"}, 0},
                  Combination{"cpu_f32_q4", "mlx4", {.engine = "cpu", .activations = "f32"}, 0},
                  Combination{"cpu_int8_q4", "mlx4", {.engine = "cpu"}, 0},
                  Combination{"cpu_q8_cache_bf16", "bf16", {.engine = "cpu", .kv = "q8"}, 0}},
                 {Combination{"mlx_f32_q4", "mlx4", mlx("f32"), 0}})),
    [](const auto& c) { return c.param.name; });

TEST(SmolVlmSynthText, IdsAndImages) {
  ids_and_images(kSmolVlmGoldens, smolvlm_checkpoint("bf16"));
}

// --- Moondream2

const std::filesystem::path kMoondreamShared =
    OC_SOURCE_DIR "/../shared/families/moondream2/golden";
const std::filesystem::path kMoondreamGoldens = OC_SOURCE_DIR "/tests/data/golden-moondream";

const std::vector<Combination>& moondream_combinations() {
  // Cases of one crop have 738 and 760 tokens; the others take the tower nine times, which is
  // seconds for the slow engines.
  static const std::vector<Combination> all = with_mlx(
      {{"cpu_f32_f16", "tiny-f16", {.engine = "cpu", .activations = "f32"}, kMaxTokens},
       {"cpu_f32_q4", "tiny-4bit-mlx", {.engine = "cpu", .activations = "f32"}, kMaxTokens},
#ifndef OC_SANITIZED  // half a minute each; the committed set has the engine
       {"reference_f16", "tiny-f16", {.engine = "reference"}, 738},
       {"reference_q4", "tiny-4bit-mlx", {.engine = "reference"}, 738},
       {"cpu_int8_q4", "tiny-4bit-mlx", {.engine = "cpu"}, kMaxTokens},
#endif
       {"cpu_f16_cache_f16", "tiny-f16", {.engine = "cpu"}, kMaxTokens}},
      {{"mlx_f32_f16", "tiny-f16", mlx("f32"), 738},
       {"mlx_f32_q4", "tiny-4bit-mlx", mlx("f32"), 738}});
  return all;
}

class MoondreamShared : public testing::TestWithParam<Combination> {};

TEST_P(MoondreamShared, EveryStageWithinItsLimit) {
  if (!std::filesystem::exists(kMoondreamShared))
    GTEST_SKIP() << "../shared is not here: the committed set covers the same stages";
  const Combination& c = GetParam();
  verify_all(kMoondreamShared, kMoondreamShared / "model" / c.folder, c.engine,
             {.max_model_tokens = c.max_tokens, .progress = {}});
}

INSTANTIATE_TEST_SUITE_P(All, MoondreamShared, testing::ValuesIn(moondream_combinations()),
                         [](const auto& c) { return c.param.name; });

TEST(MoondreamSharedText, IdsAndImages) {
  if (!std::filesystem::exists(kMoondreamShared))
    GTEST_SKIP() << "../shared is not here: the committed set covers the same stages";
  ids_and_images(kMoondreamShared, kMoondreamShared / "model" / "tiny-f16");
}

// The published tokenizer and picture size, and the code's own prompts.
TEST(MoondreamSharedText, ThePublishedTokenizer) {
  const std::filesystem::path goldens = kMoondreamShared / "tokenizer";
  if (!std::filesystem::exists(goldens)) GTEST_SKIP() << "../shared is not here";
  const std::filesystem::path folder = scratch_path("moondream-tokenizer");
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(goldens / "tokenizer.json", folder / "tokenizer.json");
  boost::json::object config = read_json_object(goldens / "config.json").value();
  config["config"] = {
      {"revision", "2025-04-14"},  // it has long captions; cases name theirs
      {"text", {{"dim", 64}, {"ff_dim", 64}, {"n_layers", 1}, {"n_heads", 1}}},
      {"vision",
       {{"enc_dim", 8},
        {"enc_ff_dim", 8},
        {"enc_n_layers", 1},
        {"enc_n_heads", 1},
        {"proj_inner_dim", 8},
        {"proj_out_dim", 64}}},
      {"region", {{"dim", 64}, {"coord_feat_dim", 8}, {"size_feat_dim", 8}, {"inner_dim", 8}}}};
  std::ofstream(folder / "config.json") << json_text(config);
  ids_without_weights(goldens, folder);
  std::filesystem::remove_all(folder);
}

// Committed: random checkpoints that the program makes again.
class MoondreamSynth : public testing::TestWithParam<Combination> {};

std::filesystem::path moondream_checkpoint(const std::string& quant) {
  const std::filesystem::path folder = scratch_path("golden-moondream-" + quant);
  const auto written =
      write_synth(folder, {.shape = "moondream2-tiny", .quant = quant, .seed = 7});  // info.synth
  EXPECT_TRUE(written.ok()) << written.error().describe();
  return folder;
}

TEST_P(MoondreamSynth, EveryStageWithinItsLimit) {
  verify_all(kMoondreamGoldens, moondream_checkpoint(GetParam().folder), GetParam().engine, {});
}

INSTANTIATE_TEST_SUITE_P(
    All, MoondreamSynth,
    testing::ValuesIn(
        with_mlx({Combination{"reference_bf16", "bf16", {.engine = "reference"}, 0},
                  Combination{"reference_q4", "mlx4", {.engine = "reference"}, 0},
                  Combination{"cpu_f32_bf16", "bf16", {.engine = "cpu", .activations = "f32"}, 0},
                  Combination{"cpu_f32_q4", "mlx4", {.engine = "cpu", .activations = "f32"}, 0},
                  Combination{"cpu_int8_q4", "mlx4", {.engine = "cpu"}, 0},
                  Combination{"cpu_q8_cache_bf16", "bf16", {.engine = "cpu", .kv = "q8"}, 0}},
                 {Combination{"mlx_f32_bf16", "bf16", mlx("f32"), 0},
                  Combination{"mlx_f32_q4", "mlx4", mlx("f32"), 0}})),
    [](const auto& c) { return c.param.name; });

TEST(MoondreamSynthText, IdsAndImages) {
  ids_and_images(kMoondreamGoldens, moondream_checkpoint("bf16"));
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

TEST(DemoGoldensText, IdsAndImages) { ids_and_images(kDemoGoldens, kDemoModel); }

}  // namespace
}  // namespace oc
