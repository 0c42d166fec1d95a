// The layouts in which checkpoints are published: the same weights under other names, in other
// types and files, give the same numbers.
#include "models/smolvlm/weights.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "engines/registry.h"
#include "models/registry.h"
#include "models/synth.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

// As mlx-vlm's conversions name them.
std::string mlx_name(const std::string& name) {
  const std::string text = "model.text_model.", head = "lm_head", model = "model.";
  if (name.starts_with(text)) return "language_model." + name.substr(text.size());
  if (name.starts_with(head)) return "language_model." + name;
  return name.substr(model.size());
}

class SmolVlmLayouts : public testing::Test {
 protected:
  void SetUp() override {
    root_ = scratch_path("smolvlm");
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path synth(const std::string& quant) {
    const fs::path folder = root_ / quant;
    const auto written = write_synth(folder, {.shape = "smolvlm2-tiny", .quant = quant});
    EXPECT_TRUE(written.ok()) << written.error().describe();
    return folder;
  }

  // The checkpoint in one file, its tensors renamed and, where they are bf16 and it is asked for,
  // as float32; patches in MLX's layout.
  fs::path rewritten(const fs::path& from, const std::string& to,
                     const std::function<std::string(const std::string&)>& name, bool f32,
                     bool mlx_patches) {
    const fs::path folder = root_ / to;
    fs::create_directories(folder);
    for (const char* file :
         {"config.json", "preprocessor_config.json", "generation_config.json", "tokenizer.json"})
      fs::copy_file(from / file, folder / file);
    const auto checkpoint = Checkpoint::open(from).value();
    std::vector<PlannedTensor> plan;
    std::vector<std::vector<std::byte>> data;
    for (const TensorView* tensor : checkpoint->tensors()) {
      std::vector<std::byte> bytes(tensor->data.begin(), tensor->data.end());
      DType type = tensor->dtype;
      if (f32 && type == DType::kBF16) {
        const std::vector<float> values = to_f32(*tensor);
        const auto wide = std::as_bytes(std::span(values));
        bytes.assign(wide.begin(), wide.end());
        type = DType::kF32;
      }
      Shape shape = tensor->shape;
      const auto turned = mlx_layout(shape);
      if (mlx_patches && turned) {
        const std::vector<std::byte> in = bytes;
        const std::size_t element = size_of(type);
        const std::int64_t p = shape[2];
        std::size_t next = 0;
        for (std::int64_t o = 0; o < shape[0]; ++o)
          for (std::int64_t y = 0; y < p; ++y)
            for (std::int64_t x = 0; x < p; ++x)
              for (std::int64_t channel = 0; channel < 3; ++channel, next += element)
                std::copy_n(in.begin() + static_cast<std::ptrdiff_t>(
                                             (((o * 3 + channel) * p + y) * p + x) * element),
                            element, bytes.begin() + static_cast<std::ptrdiff_t>(next));
        shape = *turned;
      }
      plan.push_back({name(tensor->name), type, shape});
      data.push_back(std::move(bytes));
    }
    const auto writer = SafetensorsWriter::create(folder / "model.safetensors", plan, {}).value();
    for (const auto& bytes : data) EXPECT_TRUE(writer->append(bytes).ok());
    EXPECT_TRUE(writer->finish().ok());
    return folder;
  }

  // Logits behind a question about a picture.
  static std::vector<float> logits(const fs::path& folder, const std::string& engine = "cpu") {
    const auto loaded = load_model(folder, make_engine({.engine = engine}).value());
    EXPECT_TRUE(loaded.ok()) << loaded.error().describe();
    if (!loaded.ok()) return {};
    const Model& model = **loaded;
    Image image{60, 40, std::vector<std::uint8_t>(60u * 40u * 3u)};
    for (std::size_t i = 0; i < image.rgb.size(); ++i)
      image.rgb[i] = static_cast<std::uint8_t>(i * 7 % 251);
    const auto plan = model.plan_image(image.width, image.height, {}).value();
    const auto encoding = model.begin_image(image, plan, nullptr).value();
    while (!encoding->done()) encoding->step();
    const Tensor rows = encoding->result();
    const std::vector<Message> messages = {{Role::kUser, {ImagePart{0}, TextPart{"What?"}}}};
    const Prompt prompt = model.build_prompt(messages, std::span(&plan, 1), {}).value();
    const auto kv = model.make_sequence();
    const StepInput input{.kv = kv.get(), .ids = prompt.ids, .image_rows = &rows};
    const Tensor out = model.forward(std::span(&input, 1), nullptr);
    std::vector<float> values(static_cast<std::size_t>(out.cols()));
    model.engine().read(out, values);
    return values;
  }

  fs::path root_;
};

const auto kSameName = [](const std::string& name) { return name; };

TEST_F(SmolVlmLayouts, NamesAndFilesDoNotMatter) {
  const fs::path original = synth("bf16");  // two files
  const std::vector<float> expected = logits(original);
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(logits(rewritten(original, "mlx", mlx_name, false, true)), expected);
  EXPECT_EQ(logits(rewritten(original, "old-mlx", kSameName, false, true)), expected);
  EXPECT_EQ(logits(rewritten(original, "f32", kSameName, true, false), "reference"),
            logits(original, "reference"));
  const auto half_renamed = [](const std::string& name) {
    return name.starts_with("model.vision_model.") ? name : mlx_name(name);
  };
  EXPECT_EQ(logits(rewritten(original, "mixed", half_renamed, false, false)), expected);
}

TEST_F(SmolVlmLayouts, QuantisedTensorByTensor) {
  for (const char* quant : {"mlx4", "mlx8"}) {
    const fs::path original = synth(quant);
    const std::vector<float> expected = logits(original);
    ASSERT_FALSE(expected.empty());
    EXPECT_EQ(logits(rewritten(original, std::string("mlx") + quant, mlx_name, false, true)),
              expected);
    const auto checkpoint = Checkpoint::open(original).value();
    const std::string layer = "model.vision_model.encoder.layers.0.mlp.";
    EXPECT_NE(checkpoint->find(layer + "fc1.scales"), nullptr);
    EXPECT_EQ(checkpoint->find(layer + "fc2.scales"), nullptr) << "96 columns are no whole groups";
  }
}

TEST_F(SmolVlmLayouts, TheBlueprintListsTheNamesThatAreThere) {
  const fs::path original = synth("mlx4");
  const fs::path mlx = rewritten(original, "mlx", mlx_name, false, true);
  for (const fs::path& folder : {original, mlx}) {
    const auto checkpoint = Checkpoint::open(folder).value();
    const auto blueprint = open_blueprint(folder).value();
    for (const ExpectedTensor& tensor : blueprint->tensors())
      EXPECT_NE(checkpoint->find(tensor.name), nullptr) << tensor.name;
    const auto engine = make_engine({.engine = "cpu"}).value();
    EXPECT_EQ(measure_model(folder, *engine, {.rows = 1, .logit_rows = 1})->file_bytes,
              checkpoint->weights_bytes());
  }
}

TEST_F(SmolVlmLayouts, WhatIsMissingIsNamed) {
  const fs::path folder = rewritten(
      synth("bf16"), "broken",
      [](const std::string& name) {
        return name == "model.text_model.layers.1.self_attn.k_proj.weight" ? "elsewhere" : name;
      },
      false, false);
  const auto model = load_model(folder, make_engine({.engine = "cpu"}).value());
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.error().message.find("layers.1.self_attn.k_proj.weight"), std::string::npos)
      << model.error().message;
}

}  // namespace
}  // namespace oc
