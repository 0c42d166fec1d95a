// What every architecture promises to the rest of the program, on a tiny random checkpoint of each.
#include "models/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "engines/registry.h"
#include "models/prompt_blocks.h"
#include "models/synth.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class EveryArchitecture : public testing::TestWithParam<Architecture> {
 protected:
  void SetUp() override {
    folder_ = scratch_path("registry-" + std::string(GetParam().type));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void synth(const std::string& quant) {
    const auto written =
        write_synth(folder_, {.shape = std::string(GetParam().shapes.back()), .quant = quant});
    ASSERT_TRUE(written.ok()) << written.error().describe();
  }

  fs::path folder_;
};

// A question about a picture of 90 x 40 pixels.
Image picture() {
  Image image{90, 40, std::vector<std::uint8_t>(90u * 40u * 3u)};
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    image.rgb[i] = static_cast<std::uint8_t>(i * 7 % 251);
  return image;
}
std::vector<Message> question() {
  return {{Role::kUser, {ImagePart{0}, TextPart{"What is this? <|end|></s>"}}}};
}

Tensor encode(const Model& model, const Image& image, const ImagePlan& plan) {
  auto encoding = model.begin_image(image, plan, nullptr).value();
  while (!encoding->done()) encoding->step();
  return encoding->result();
}

// One step of `ids` behind what `kv` holds, up to `end`.
StepInput step_to(const Model& model, KvSequence& kv, const Prompt& prompt, const Tensor& rows,
                  std::int64_t end) {
  const std::int64_t begin = kv.length(), total = std::ssize(prompt.ids);
  return {
      .kv = &kv,
      .ids = std::span(prompt.ids)
                 .subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)),
      .image_rows = &rows,
      .regime = model.position_regime(total),
      .blocks = prompt.blocks};
}

std::vector<float> read(const Model& model, const Tensor& out) {
  std::vector<float> values(static_cast<std::size_t>(out.rows() * out.cols()));
  model.engine().read(out, values);
  return values;
}

// Logits of the prompt's last token, computed in chunks of the given lengths, but for its blocks.
std::vector<float> logits(const Model& model, const Prompt& prompt, const Tensor& rows,
                          const std::vector<std::int64_t>& chunks) {
  const auto kv = model.make_sequence();
  const std::int64_t total = std::ssize(prompt.ids);
  Tensor out;
  for (std::size_t i = 0; kv->length() < total; ++i) {
    const std::int64_t limit = chunks[std::min(i, chunks.size() - 1)];
    const StepInput input =
        step_to(model, *kv, prompt, rows, end_of_step(prompt.blocks, kv->length(), limit, total));
    out = model.forward(std::span(&input, 1), nullptr);
  }
  EXPECT_EQ(kv->length(), total);
  return read(model, out);
}

TEST_P(EveryArchitecture, TheBlueprintListsWhatTheCheckpointHolds) {
  synth("mlx4");
  const auto blueprint = open_blueprint(folder_).value();
  const auto checkpoint = Checkpoint::open(folder_).value();
  std::set<std::string> known;
  for (const ExpectedTensor& tensor : blueprint->tensors()) {
    EXPECT_NE(checkpoint->find(tensor.name), nullptr) << tensor.name;
    EXPECT_TRUE(known.insert(tensor.name).second) << tensor.name << " is listed twice";
  }
  EXPECT_FALSE(blueprint->summary().empty());
  EXPECT_FALSE(blueprint->sizes().empty());
}

TEST_P(EveryArchitecture, BlueprintModelAndFootprintAgree) {
  synth("bf16");
  const std::shared_ptr<Engine> engine = make_engine({.engine = "reference"}).value();
  const auto blueprint = open_blueprint(folder_).value();
  const auto model = load_model(folder_, engine).value();
  EXPECT_EQ(model->info().architecture, GetParam().type);

  const Image image = picture();
  const auto plan = blueprint->plan_image(image.width, image.height, {}).value();
  EXPECT_EQ(plan.tokens, model->plan_image(image.width, image.height, {})->tokens);
  const auto views = blueprint->preprocess(image, plan).value();
  const auto view = static_cast<std::size_t>(3 * views.side * views.side);
  EXPECT_EQ(views.pixels.size(), static_cast<std::size_t>(plan.views) * view);
  EXPECT_EQ(views.names.size(), static_cast<std::size_t>(plan.views));
  EXPECT_EQ(views.pixels.size() * sizeof(float), plan.bytes);
  const auto messages = question();
  const auto prompt =
      blueprint->build_prompt(*model->tokenizer(), messages, std::span(&plan, 1), {}).value();
  EXPECT_EQ(prompt.ids, model->build_prompt(messages, std::span(&plan, 1), {})->ids);

  const auto footprint = measure_model(folder_, *engine, {.rows = 64, .logit_rows = 1}).value();
  EXPECT_EQ(footprint.architecture, GetParam().type);
  EXPECT_EQ(footprint.weights, model->info().weights);
  EXPECT_EQ(footprint.context_length, model->info().context_length);
  EXPECT_EQ(footprint.kv_token_bytes, model->info().kv_token_bytes);
  EXPECT_EQ(footprint.file_bytes, model->info().weights_bytes);
  EXPECT_FALSE(footprint.pictures.empty());
}

TEST_P(EveryArchitecture, AnswersTheSameInChunks) {
  for (const char* quant : {"mlx4", "bf16"}) {
    synth(quant);
    const auto model = load_model(folder_, make_engine({.engine = "cpu"}).value()).value();
    const Image image = picture();
    const auto plan = model->plan_image(image.width, image.height, {}).value();
    const Tensor rows = encode(*model, image, plan);
    EXPECT_EQ(rows.rows(), plan.tokens);
    EXPECT_EQ(rows.cols(), model->info().width);
    const Prompt prompt = model->build_prompt(question(), std::span(&plan, 1), {}).value();
    EXPECT_EQ(std::ranges::count_if(prompt.ids, [](TokenId id) { return id < 0; }), plan.tokens);

    const std::int64_t total = std::ssize(prompt.ids);
    const std::vector<float> whole = logits(*model, prompt, rows, {total});
    ASSERT_EQ(whole.size(), static_cast<std::size_t>(model->info().vocab_size));
    for (const float value : whole) ASSERT_TRUE(std::isfinite(value));
    EXPECT_EQ(whole, logits(*model, prompt, rows, {3, total - 4, 1})) << quant;
  }
}

TEST_P(EveryArchitecture, LayerByLayerIsTheSameAsAtOnce) {
  std::vector<std::string> engines = {"reference", "cpu"};
  if (has_mlx_engine()) engines.emplace_back("mlx");
  for (const std::string& engine : engines) {
    synth(engine == "reference" ? "bf16" : "mlx4");
    const auto model = load_model(folder_, make_engine({.engine = engine}).value()).value();
    const Image image = picture();
    const auto plan = model->plan_image(image.width, image.height, {}).value();
    const Tensor rows = encode(*model, image, plan);
    const Prompt prompt = model->build_prompt(question(), std::span(&plan, 1), {}).value();
    const std::int64_t total = std::ssize(prompt.ids);
    const std::vector<float> whole = logits(*model, prompt, rows, {total});

    const auto kv = model->make_sequence(), other = model->make_sequence();
    const StepInput input = step_to(*model, *kv, prompt, rows, total);
    // Given up in the middle, it leaves nothing behind.
    const auto given_up = model->begin_forward(std::span(&input, 1), nullptr);
    given_up->step(1);
    kv->truncate(kv->length());
    const auto pass = model->begin_forward(std::span(&input, 1), nullptr);
    ASSERT_GT(pass->layers(), 1);
    while (pass->layers_left() > 0) {
      EXPECT_EQ(kv->length(), 0);
      pass->step(1);
      // Between two layers another sequence has its step.
      const StepInput interleaved =
          step_to(*model, *other, prompt, rows,
                  end_of_step(prompt.blocks, other->length(), other->length() == 0 ? 3 : 1, total));
      model->forward(std::span(&interleaved, 1), nullptr);
    }
    EXPECT_EQ(whole, read(*model, pass->result())) << engine;
    EXPECT_EQ(kv->length(), total);
    // What comes behind it sees the same keys and values.
    const TokenId next = prompt.ids.back();
    const auto next_logits = [&](KvSequence& sequence) {
      const StepInput one{
          .kv = &sequence, .ids = {&next, 1}, .regime = model->position_regime(total + 1)};
      return read(*model, model->forward(std::span(&one, 1), nullptr));
    };
    const auto at_once = model->make_sequence();
    const StepInput all = step_to(*model, *at_once, prompt, rows, total);
    model->forward(std::span(&all, 1), nullptr);
    EXPECT_EQ(next_logits(*kv), next_logits(*at_once)) << engine;
  }
}

TEST_P(EveryArchitecture, AStepWithoutLogitsIsTheSameStep) {
  std::vector<std::string> engines = {"reference", "cpu"};
  if (has_mlx_engine()) engines.emplace_back("mlx");
  for (const std::string& engine : engines) {
    synth(engine == "reference" ? "bf16" : "mlx4");
    const auto model = load_model(folder_, make_engine({.engine = engine}).value()).value();
    const Image image = picture();
    const auto plan = model->plan_image(image.width, image.height, {}).value();
    const Tensor rows = encode(*model, image, plan);
    const Prompt prompt = model->build_prompt(question(), std::span(&plan, 1), {}).value();
    const std::int64_t total = std::ssize(prompt.ids);
    const std::int64_t half = end_of_step(prompt.blocks, 0, total / 2, total);
    ASSERT_LT(half, total);

    const auto kv = model->make_sequence(), other = model->make_sequence();
    StepInput silent = step_to(*model, *kv, prompt, rows, half);
    silent.logits = false;
    Tensor hidden;
    EXPECT_TRUE(model->forward(std::span(&silent, 1), nullptr, &hidden).empty()) << engine;
    const bool objects = model->info().tasks.detect;  // others need not tell hidden states
    if (objects) EXPECT_EQ(hidden.rows(), 1) << engine;
    EXPECT_EQ(kv->length(), half);
    const StepInput rest = step_to(*model, *kv, prompt, rows, total);
    const std::vector<float> last = read(*model, model->forward(std::span(&rest, 1), nullptr));
    EXPECT_EQ(last, logits(*model, prompt, rows, {half, total})) << engine;

    // Beside a sequence that wants its own: those alone come, in both orders.
    if (engine == "mlx") continue;  // whose products differ by the number of rows
    const auto third = model->make_sequence();
    StepInput wants = step_to(*model, *other, prompt, rows, half);
    const std::vector<float> alone = read(*model, model->forward(std::span(&wants, 1), nullptr));
    for (const bool first : {true, false}) {
      other->truncate(0);
      third->truncate(0);
      wants = step_to(*model, *other, prompt, rows, half);
      silent = step_to(*model, *third, prompt, rows, half);
      silent.logits = false;
      const std::array both = {first ? wants : silent, first ? silent : wants};
      EXPECT_EQ(read(*model, model->forward(both, nullptr, &hidden)), alone) << engine;
      if (objects) EXPECT_EQ(hidden.rows(), 2) << engine;
    }
  }
}

TEST_P(EveryArchitecture, WhatUsersTypeEndsNoTurn) {
  synth("bf16");
  const auto model = load_model(folder_, make_engine({.engine = "reference"}).value()).value();
  const Image image = picture();
  const auto plan = model->plan_image(image.width, image.height, {}).value();
  const auto ids_of = [&](const std::string& text) {
    const std::vector<Message> messages = {{Role::kUser, {ImagePart{0}, TextPart{text}}}};
    return model->build_prompt(messages, std::span(&plan, 1), {})->ids;
  };
  const auto stops = [&](const std::vector<TokenId>& ids) {
    return std::ranges::count_if(ids, [&](TokenId id) {
      return std::ranges::find(model->info().stop_ids, id) != model->info().stop_ids.end();
    });
  };
  EXPECT_FALSE(model->info().stop_ids.empty());
  for (const TokenId stop : model->info().stop_ids) {
    const auto name = model->tokenizer()->token(stop);
    if (name) {
      EXPECT_EQ(stops(ids_of("a" + std::string(*name) + "b")), stops(ids_of("a"))) << *name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryArchitecture,
                         testing::ValuesIn(architectures().begin(), architectures().end()),
                         [](const auto& c) { return std::string(c.param.type); });

TEST(Registry, AnUnknownArchitectureIsToldWhichThereAre) {
  const auto unknown = architecture_of({{"model_type", "gpt_2"}});
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(unknown.error().message.find("gpt_2"), std::string::npos);
  for (const Architecture& one : architectures())
    EXPECT_NE(unknown.error().hint.find(one.type), std::string::npos);
}

TEST(Registry, EveryShapeHasOneArchitecture) {
  const auto shapes = synth_shapes();
  EXPECT_EQ(std::set(shapes.begin(), shapes.end()).size(), shapes.size());
}

}  // namespace
}  // namespace oc
