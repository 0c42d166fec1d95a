// Whole checkpoints: equal to MLX's conversion, resumable at any point, errors by name.
#include "runtime/quantize/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engines/registry.h"
#include "io/json.h"
#include "models/registry.h"
#include "models/synth.h"
#include "runtime/quantize/folder.h"
#include "tests/io/fixtures.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::has;
using test::read_bytes;
using test::write_bytes;

const fs::path kGolden = OC_SOURCE_DIR "/../shared/golden/model";
constexpr const char* kConv =
    "model.vision_embed_tokens.img_processor.vision_model.embeddings.patch_embedding.weight";

// The contents of a model folder's files, the record of the run left out.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename() != kStateFile)
      out[entry.path().filename()] = read_bytes(entry.path());
  return out;
}

class QuantizeTest : public test::FolderTest {
 protected:
  // One random checkpoint for all tests, a few MB, in two files.
  static void SetUpTestSuite() {
    input_ = scratch_path("quantize");
    ASSERT_TRUE(write_synth(input_, {.shape = "tiny", .quant = "bf16", .seed = 3}).ok());
    write_bytes(input_ / "pytorch_model.bin", "weights in another format");
    write_bytes(input_ / "LICENSE", "of the weights");
  }
  static void TearDownTestSuite() { fs::remove_all(input_); }

  Result<Quantized> run(const std::string& name, QuantizePlanOptions options = {},
                        QuantizeRun how = {}) const {
    return quantize(input_, folder_ / name, options, how);
  }
  // A copy of the input that may be changed.
  fs::path copy() const {
    fs::copy(input_, folder_ / "in");
    return folder_ / "in";
  }

  static fs::path input_;
};
fs::path QuantizeTest::input_;

TEST_F(QuantizeTest, TheGoldenCheckpointBecomesTheGoldenFourBitOneBitForBit) {
  if (!fs::exists(kGolden))
    GTEST_SKIP() << "../shared/golden is not here: io/affine_test.cpp covers the arithmetic";
  const auto done = quantize(kGolden / "tiny-bf16", folder_ / "out", {}, {});
  ASSERT_TRUE(done.ok()) << done.error().describe();
  const auto got = Checkpoint::open(folder_ / "out");
  const auto expected = Checkpoint::open(kGolden / "tiny-4bit-mlx");
  ASSERT_TRUE(got.ok() && expected.ok());
  ASSERT_EQ((*got)->tensors().size(), (*expected)->tensors().size());
  for (const TensorView* tensor : (*expected)->tensors()) {
    const TensorView* found = (*got)->find(tensor->name);
    ASSERT_NE(found, nullptr) << tensor->name;
    EXPECT_EQ(found->dtype, tensor->dtype) << tensor->name;
    EXPECT_EQ(found->shape, tensor->shape) << tensor->name;
    EXPECT_TRUE(std::ranges::equal(found->data, tensor->data)) << tensor->name;
  }
  EXPECT_EQ((*got)->config().at("quantization"), (*expected)->config().at("quantization"));
  const char* index = "model.safetensors.index.json";
  EXPECT_EQ(read_json_object(folder_ / "out" / index).value(),
            read_json_object(kGolden / "tiny-4bit-mlx" / index).value());
}

TEST_F(QuantizeTest, EveryMatrixIsQuantisedAndTheRestIsCast) {
  const auto done = run("out");
  ASSERT_TRUE(done.ok()) << done.error().describe();
  const auto in = Checkpoint::open(input_).value(), out = Checkpoint::open(folder_ / "out").value();
  for (const TensorReport& tensor : done->report.tensors) {
    const TensorView& from = *in->find(tensor.name);
    EXPECT_EQ(tensor.elements, static_cast<std::size_t>(from.shape.numel()));
    if (tensor.action == TensorAction::kQuantize) {
      const std::string prefix = tensor.name.substr(0, tensor.name.size() - 7);
      const auto matrix =
          out->matrix(prefix, from.shape[0], from.shape[1], in->find(prefix + ".bias") != nullptr);
      ASSERT_TRUE(matrix.ok()) << matrix.error().describe();
      // What the report says is what reading the new file gives.
      double error = 0, signal = 0;
      const std::vector<float> values = to_f32(from);
      std::vector<float> row(static_cast<std::size_t>(from.shape[1]));
      for (std::int64_t r = 0; r < from.shape[0]; ++r) {
        dequantize_row(*matrix, r, row);
        for (std::size_t c = 0; c < row.size(); ++c) {
          const double value = values[static_cast<std::size_t>(r) * row.size() + c];
          error += (row[c] - value) * (row[c] - value);
          signal += value * value;
        }
      }
      EXPECT_NEAR(tensor.deviation.relative_rms() / std::sqrt(error / signal), 1, 1e-4)
          << tensor.name;
    } else if (tensor.name != kConv) {
      const std::vector<float> a = to_f32(from), b = to_f32(*out->find(tensor.name));
      ASSERT_EQ(a.size(), b.size());
      for (std::size_t i = 0; i < a.size(); ++i)
        ASSERT_EQ(b[i], f16_to_f32(f32_to_f16(a[i]))) << tensor.name;
    }
  }
  const TensorView &from = *in->find(kConv), &to = *out->find(kConv);
  const std::int64_t p = from.shape[2];
  EXPECT_EQ(to.shape, (Shape{from.shape[0], p, p, 3}));
  const std::vector<float> a = to_f32(from), b = to_f32(to);
  for (std::size_t o = 0; o < static_cast<std::size_t>(from.shape[0]); ++o)
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t i = 0, n = static_cast<std::size_t>(p * p); i < n; ++i)
        ASSERT_EQ(b[(o * n + i) * 3 + c], f16_to_f32(f32_to_f16(a[(o * 3 + c) * n + i])));
  const auto files = contents(folder_ / "out");
  EXPECT_TRUE(files.contains("tokenizer.json") && files.contains("LICENSE"));
  EXPECT_FALSE(files.contains("pytorch_model.bin"));
}

// Moondream's table of words has a name without ".weight", which its quantised copy adds.
TEST_F(QuantizeTest, AMatrixWithABareNameIsQuantisedToo) {
  const std::string table = "model.text.wte";
  const auto synth = [&](const std::string& name, const std::string& quant) {
    EXPECT_TRUE(write_synth(folder_ / name, {.shape = "moondream2-tiny", .quant = quant}).ok());
  };
  const std::shared_ptr<Engine> engine = make_engine({.engine = "cpu"}).value();
  const auto footprint = [&](const std::string& name, std::optional<QuantSpec> spec) {
    return measure_model(folder_ / name, *engine, {.rows = 64, .logit_rows = 1}, spec).value();
  };
  synth("in", "bf16");
  synth("expected", "mlx4");
  const auto done = quantize(folder_ / "in", folder_ / "out", {}, {});
  ASSERT_TRUE(done.ok()) << done.error().describe();
  const auto in = Checkpoint::open(folder_ / "in").value();
  const auto out = Checkpoint::open(folder_ / "out").value();
  const auto expected = Checkpoint::open(folder_ / "expected").value();
  EXPECT_EQ(out->find(table), nullptr);
  std::size_t data = 0;
  for (const TensorView* tensor : expected->tensors()) {
    const TensorView* const found = out->find(tensor->name);
    ASSERT_NE(found, nullptr) << tensor->name;
    EXPECT_EQ(found->dtype, tensor->dtype) << tensor->name;
    EXPECT_EQ(found->shape, tensor->shape) << tensor->name;
    data += found->data.size();
  }
  EXPECT_EQ(out->tensors().size(), expected->tensors().size());

  const TensorView& words = *in->find(table);
  const auto matrix = out->matrix(table, words.shape[0], words.shape[1], false).value();
  EXPECT_EQ(matrix.quant, QuantSpec());
  std::vector<float> row(static_cast<std::size_t>(words.shape[1]));
  dequantize_row(matrix, 5, row);
  const std::vector<float> values = to_f32(words);
  for (std::size_t c = 0; c < row.size(); ++c)
    EXPECT_NEAR(row[c], values[5 * row.size() + c], 0.004) << c;

  // What `plan` says of it before and after.
  EXPECT_EQ(footprint("in", QuantSpec()).file_bytes, data);
  EXPECT_EQ(footprint("out", std::nullopt).file_bytes, out->weights_bytes());
  EXPECT_EQ(footprint("out", std::nullopt).copied_bytes, footprint("in", QuantSpec()).copied_bytes);
  const auto model = load_model(folder_ / "out", engine);
  ASSERT_TRUE(model.ok()) << model.error().describe();
  EXPECT_EQ((*model)->info().weights, (WeightType{DType::kF16, QuantSpec()}));

  ASSERT_TRUE(quantize(folder_ / "in", folder_ / "kept", {.keep = {"wte"}}, {}).ok());
  EXPECT_EQ(Checkpoint::open(folder_ / "kept").value()->find(table)->dtype, DType::kF16);
  EXPECT_TRUE(load_model(folder_ / "kept", engine).ok());
}

TEST_F(QuantizeTest, ShardsHoldTheSameTensorsOnAnyNumberOfThreads) {
  const auto whole = run("whole");
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->shards, 1u);
  const auto split = run("split", {.shard_bytes = 600'000}, {.threads = 3});
  ASSERT_TRUE(split.ok());
  EXPECT_GT(split->shards, 3u);
  const auto a = Checkpoint::open(folder_ / "whole").value();
  const auto b = Checkpoint::open(folder_ / "split").value();
  ASSERT_EQ(a->tensors().size(), b->tensors().size());
  for (const TensorView* tensor : a->tensors())
    EXPECT_TRUE(std::ranges::equal(tensor->data, b->find(tensor->name)->data)) << tensor->name;
  EXPECT_EQ(whole->report.to_json(), split->report.to_json());
}

TEST_F(QuantizeTest, WhatIsToBeKeptStaysFloat) {
  ASSERT_TRUE(run("out", {.spec = {.bits = 8, .group_size = 32},
                          .dtype = std::nullopt,
                          .keep = {"vision", "lm_head", "layers.1"}})
                  .ok());
  const auto out = Checkpoint::open(folder_ / "out").value();
  for (const TensorView* tensor : out->tensors()) {
    const bool kept = has(tensor->name, "vision") || tensor->name.starts_with("lm_head") ||
                      has(tensor->name, "model.layers.1.");
    const bool matrix = tensor->name.ends_with("_proj.weight") || has(tensor->name, "lm_head") ||
                        tensor->name == "model.embed_tokens.weight";
    if (matrix) {
      EXPECT_EQ(tensor->dtype == DType::kU32, !kept) << tensor->name;
    }
    if (tensor->dtype != DType::kU32) {
      EXPECT_EQ(tensor->dtype, DType::kBF16) << tensor->name;
    }
  }
  EXPECT_EQ(out->config().at("quantization"),
            (boost::json::value{{"group_size", 32}, {"bits", 8}}));
  EXPECT_TRUE(has(error_of(run("other", {.keep = {"layers.99"}})).message, "layers.99"));
}

TEST_F(QuantizeTest, RowsThatAreNoWholeGroupsStayFloat) {
  ASSERT_TRUE(run("out", {.spec = {.bits = 4, .group_size = 128}}).ok());
  const auto out = Checkpoint::open(folder_ / "out").value();
  const std::string layer =
      "model.vision_embed_tokens.img_processor.vision_model.encoder.layers.0.";
  EXPECT_EQ(out->find(layer + "mlp.fc1.weight")->dtype, DType::kF16);  // 64 columns
  EXPECT_EQ(out->find(layer + "mlp.fc2.weight")->dtype, DType::kU32);  // 128
}

TEST_F(QuantizeTest, AfterAnInterruptionFinishedFilesAreKept) {
  const QuantizePlanOptions options{.shard_bytes = 50'000};
  ASSERT_TRUE(run("expected", options).ok());
  const auto expected = contents(folder_ / "expected");
  std::size_t before = 0;
  int interruptions = 0;
  for (int max_asked = 40;; max_asked += 15, ++interruptions) {
    int asked = 0;
    const auto done = run("out", options, {.cancelled = [&] { return ++asked > max_asked; }});
    if (done.ok()) {
      EXPECT_EQ(done->resumed_shards, before);
      break;
    }
    ASSERT_EQ(done.error().code, ErrorCode::kCancelled);
    const auto files = contents(folder_ / "out");
    EXPECT_FALSE(files.contains("config.json")) << "it is no model yet";
    for (const auto& [name, bytes] : files) EXPECT_EQ(bytes, expected.at(name)) << "half a file";
    EXPECT_GE(files.size(), before) << "finished files are kept";
    before = files.size();
  }
  EXPECT_GE(interruptions, 2);
  EXPECT_GT(before, 1u);
  EXPECT_EQ(contents(folder_ / "out"), expected);
}

TEST_F(QuantizeTest, AFileThatIsNotAsItWasFinishedIsMadeAgain) {
  const QuantizePlanOptions options{.shard_bytes = 600'000};
  ASSERT_TRUE(run("out", options).ok());
  const auto expected = contents(folder_ / "out");
  const auto nth = [&](std::size_t n) {
    return folder_ / "out" /
           fmt::format("model-{:05}-of-{:05}.safetensors", n, expected.size() - 6);
  };
  ASSERT_TRUE(fs::exists(nth(4)));
  std::string bytes = read_bytes(nth(1));
  bytes[bytes.size() / 2] ^= 1;
  write_bytes(nth(1), bytes);
  fs::resize_file(nth(2), 1000);
  fs::remove(nth(3));
  write_bytes(nth(4).string() + ".999.tmp", "of a run that was killed");
  fs::remove(folder_ / "out/tokenizer.json");
  std::size_t resumed = 0;
  const auto done = run("out", options, {.progress = [&](const QuantizeProgress& progress) {
                          resumed = progress.resumed;
                          EXPECT_LE(progress.done, progress.total);
                        }});
  ASSERT_TRUE(done.ok()) << done.error().describe();
  EXPECT_EQ(done->resumed_shards, done->shards - 3);
  EXPECT_GT(resumed, 0u);
  EXPECT_EQ(contents(folder_ / "out"), expected);
  // Finished, it is reported again without any work.
  const auto again = run("out", options);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->resumed_shards, again->shards);
  EXPECT_EQ(again->report.tensors.size(), done->report.tensors.size());
}

TEST_F(QuantizeTest, OtherWorkInTheFolderIsNotTouched) {
  const fs::path in = copy();
  ASSERT_TRUE(quantize(in, folder_ / "out", {}, {}).ok());
  const auto before = contents(folder_ / "out");
  const auto other = quantize(in, folder_ / "out", {.spec = {.bits = 8}}, {});
  EXPECT_TRUE(has(error_of(other).hint, "--restart"));
  EXPECT_EQ(contents(folder_ / "out"), before);
  // The same options on an input that has changed meanwhile.
  fs::last_write_time(in / "config.json", fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_TRUE(has(error_of(quantize(in, folder_ / "out", {}, {})).message, "another input"));
  ASSERT_TRUE(quantize(in, folder_ / "out", {.spec = {.bits = 8}}, {.restart = true}).ok());
  const auto out = Checkpoint::open(folder_ / "out").value();
  EXPECT_EQ(out->config().at("quantization").at("bits"), 8);

  fs::create_directories(folder_ / "mine");
  write_bytes(folder_ / "mine/model.safetensors", "precious");
  for (const bool restart : {false, true}) {
    const Error error = error_of(run("mine", {}, {.restart = restart}));
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(read_bytes(folder_ / "mine/model.safetensors"), "precious");
  }
  EXPECT_TRUE(has(error_of(quantize(in, in, {}, {})).message, "the input itself"));
}

TEST_F(QuantizeTest, TwoRunsIntoOneFolderDoNotMeet) {
  const auto held = OutputFolder::open(folder_ / "out", input_);
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(error_of(run("out")).code, ErrorCode::kUnavailable);
  EXPECT_EQ(error_of(OutputFolder::open(folder_ / "out", input_)).code, ErrorCode::kUnavailable);
  EXPECT_EQ(error_of((*held)->check_space(std::size_t{1} << 60)).code, ErrorCode::kTooLarge);
  EXPECT_TRUE((*held)->check_space(1).ok());
}

// Changes one value of a tensor in a copy of the input.
void poke(const fs::path& folder, const std::string& name, std::uint16_t bits) {
  const auto checkpoint = Checkpoint::open(folder).value();
  const TensorView& tensor = *checkpoint->find(name);
  const std::string file = (folder / tensor.file).string();
  std::string bytes = read_bytes(file);
  const std::string_view data(reinterpret_cast<const char*>(tensor.data.data()), 64);
  const std::size_t at = bytes.find(data);
  ASSERT_NE(at, std::string::npos);
  std::memcpy(bytes.data() + at + 10, &bits, 2);
  fs::remove(file);
  write_bytes(file, bytes);
}

TEST_F(QuantizeTest, ValuesThatCannotBeStoredAreNamed) {
  const fs::path in = copy();
  const std::string name = "model.layers.1.mlp.down_proj.weight";
  poke(in, name, f32_to_bf16(1e6f));
  const Error range = error_of(quantize(in, folder_ / "out", {}, {}));
  EXPECT_TRUE(has(range.message, name) && has(range.hint, "--dtype bf16")) << range.describe();
  EXPECT_FALSE(fs::exists(folder_ / "out/model.safetensors"));
  EXPECT_TRUE(quantize(in, folder_ / "wide", {.dtype = DType::kBF16}, {}).ok());
  poke(in, name, 0x7f80);  // infinity
  const Error infinite = error_of(quantize(in, folder_ / "out2", {}, {}));
  EXPECT_EQ(infinite.code, ErrorCode::kCorrupt);
  EXPECT_TRUE(has(infinite.message, name)) << infinite.describe();
}

TEST_F(QuantizeTest, WrongInputsAreNamedBeforeAnythingIsWritten) {
  EXPECT_TRUE(has(error_of(run("a", {.spec = {.bits = 5}})).message, "bits"));
  EXPECT_TRUE(has(error_of(run("a", {.spec = {.bits = 4, .group_size = 48}})).message, "group"));
  EXPECT_TRUE(has(error_of(run("a", {.dtype = DType::kI8})).message, "I8"));
  EXPECT_TRUE(has(error_of(run("a", {.shard_bytes = 0})).message, "shard"));
  const fs::path in = copy();
  const std::string config = read_bytes(in / "config.json");
  std::string other = config;
  other.replace(other.find("phi3_v\""), 7, "gpt_2\"");
  write_bytes(in / "config.json", other);
  EXPECT_EQ(error_of(quantize(in, folder_ / "a", {}, {})).code, ErrorCode::kUnsupported);
  write_bytes(in / "config.json", with_quantization(config, {}).value());
  EXPECT_TRUE(has(error_of(quantize(in, folder_ / "a", {}, {})).message, "quantised already"));
  other = config;
  other.replace(other.find("\"vocab_size\":32064"), 18, "\"vocab_size\":32063");
  write_bytes(in / "config.json", other);
  EXPECT_TRUE(has(error_of(quantize(in, folder_ / "a", {}, {})).message, "[32063, 128]"));
  EXPECT_FALSE(fs::exists(folder_ / "a"));
}

}  // namespace
}  // namespace oc
