#include "io/checkpoint.h"

#include <map>

#include "tests/io/fixtures.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::has;

constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kOne = "model.safetensors";
constexpr const char* kFirst = "model-00001-of-00002.safetensors";
constexpr const char* kSecond = "model-00002-of-00002.safetensors";

// A model folder that a test fills.
class CheckpointTest : public test::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    test::write_bytes(folder_ / "config.json", R"({"model_type": "phi3_v"})");
  }

  struct Stored {
    std::string name;
    DType dtype;
    Shape shape;
    std::string data = {};  // zeros when empty
  };
  void save(const std::string& file, std::vector<Stored> tensors) const {
    std::vector<TensorView> views;
    for (Stored& t : tensors) {
      const auto bytes = static_cast<std::size_t>(t.shape.numel()) * size_of(t.dtype);
      if (t.data.empty()) t.data.assign(bytes, '\0');
      ASSERT_EQ(t.data.size(), bytes) << t.name;
      views.push_back({t.name, t.dtype, t.shape, test::as_bytes(t.data), ""});
    }
    ASSERT_TRUE(write_safetensors(folder_ / file, views).ok());
  }
  void save_index(const std::string& weight_map) const {
    test::write_bytes(folder_ / kIndex, "{\"metadata\": {}, \"weight_map\": " + weight_map + "}");
  }
  // Two files, "a" and "b" in the first, "c" in the second.
  void save_two() const {
    save(kFirst, {{"a", DType::kF32, Shape{2}}, {"b", DType::kF16, Shape{3}}});
    save(kSecond, {{"c", DType::kF32, Shape{4}}});
  }
  static std::string map_of(std::map<std::string, std::string> tensors) {
    std::string text;
    for (const auto& [name, file] : tensors)
      text += (text.empty() ? "{\"" : ", \"") + name + "\": \"" + file + "\"";
    return text + "}";
  }
  Result<std::shared_ptr<const Checkpoint>> open() const { return Checkpoint::open(folder_); }
  std::shared_ptr<const Checkpoint> opened() const {
    auto result = open();
    if (!result.ok()) throw std::runtime_error(result.error().describe());
    return *result;
  }
};

TEST_F(CheckpointTest, OneFileNeedsNoIndex) {
  save(kOne, {{"a", DType::kF32, Shape{2}}, {"b", DType::kF16, Shape{3}}});
  const auto model = opened();
  EXPECT_EQ(model->folder(), folder_);
  EXPECT_EQ(model->config().at("model_type").as_string(), "phi3_v");
  EXPECT_EQ(model->weights_bytes(), fs::file_size(folder_ / kOne));
  ASSERT_EQ(model->tensors().size(), 2u);
  EXPECT_EQ(model->tensors()[1]->name, "b");
  EXPECT_NE(model->find("a"), nullptr);
  EXPECT_EQ(model->find("c"), nullptr);
}

TEST_F(CheckpointTest, SeveralFilesWithAndWithoutAnIndex) {
  save_two();
  for (const bool index : {false, true}) {
    if (index) save_index(map_of({{"a", kFirst}, {"b", kFirst}, {"c", kSecond}}));
    const auto model = opened();
    ASSERT_EQ(model->tensors().size(), 3u);
    EXPECT_EQ(model->find("a")->file, kFirst);
    EXPECT_EQ(model->find("c")->file, kSecond);
    EXPECT_EQ(model->weights_bytes(),
              fs::file_size(folder_ / kFirst) + fs::file_size(folder_ / kSecond));
  }
}

TEST_F(CheckpointTest, TheIndexSaysWhichFilesCount) {
  save_two();
  test::write_bytes(folder_ / "other.safetensors", "not one");
  EXPECT_TRUE(has(error_of(open()).message, "other.safetensors")) << "all files count without it";
  save_index(map_of({{"a", kFirst}, {"c", kSecond}}));
  EXPECT_EQ(opened()->tensors().size(), 3u) << "b is there without being listed";
}

TEST_F(CheckpointTest, WhatIsNoModelFolderIsNamed) {
  const Error nowhere = error_of(Checkpoint::open(folder_ / "none"));
  EXPECT_EQ(nowhere.code, ErrorCode::kNotFound);
  EXPECT_TRUE(has(nowhere.message, (folder_ / "none").string())) << nowhere.message;
  EXPECT_EQ(error_of(Checkpoint::open(folder_ / "config.json")).code, ErrorCode::kNotFound);

  test::write_bytes(folder_ / "weights.bin", "?");
  const Error empty = error_of(open());
  EXPECT_EQ(empty.code, ErrorCode::kNotFound);
  EXPECT_TRUE(has(empty.message, "no .safetensors file")) << empty.message;

  save(kOne, {});
  test::write_bytes(folder_ / "config.json", "{\"model_type\": ");
  EXPECT_TRUE(has(error_of(open()).message, "config.json: not valid JSON"));
  fs::remove(folder_ / "config.json");
  EXPECT_TRUE(has(error_of(open()).message, "config.json"));
}

TEST_F(CheckpointTest, AnIndexThatLiesIsAnErrorThatNamesFileAndTensor) {
  save_two();
  const struct {
    std::string index;
    std::vector<std::string> named;
  } cases[] = {
      {R"({"weight_map": )", {kIndex, "not valid JSON"}},
      {"[]", {kIndex}},
      {"{}", {kIndex, "\"weight_map\" is missing"}},
      {R"({"weight_map": []})", {kIndex, "weight_map"}},
      {R"({"weight_map": {}})", {"no .safetensors file"}},
      {R"({"weight_map": {"a": 7}})", {kIndex, "\"a\""}},
      {R"({"weight_map": {"a": ""}})", {kIndex, "\"a\""}},
      {R"({"weight_map": {"a": "../x.safetensors"}})", {kIndex, "\"a\""}},
      {R"({"weight_map": {"a": "/x.safetensors"}})", {kIndex, "\"a\""}},
      {R"({"weight_map": {"a": "config.json"}})", {kIndex, "\"a\""}},
      {R"({"weight_map": {"a": "gone.safetensors"}})", {"gone.safetensors", kIndex}},
      {"{\"weight_map\": " + map_of({{"a", kFirst}, {"d", kSecond}}) + "}",
       {kSecond, "\"d\" is missing", kIndex}},
      {"{\"weight_map\": " + map_of({{"a", kSecond}}) + "}", {kSecond, "\"a\" is missing", kIndex}},
  };
  for (const auto& c : cases) {
    test::write_bytes(folder_ / kIndex, c.index);
    const Error error = error_of(open());
    EXPECT_TRUE(error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kNotFound);
    for (const std::string& part : c.named)
      EXPECT_TRUE(has(error.message, part)) << c.index << ": " << error.message;
  }
}

TEST_F(CheckpointTest, ATensorInTwoFilesIsAnError) {
  save_two();
  save("z.safetensors", {{"c", DType::kF32, Shape{4}}});
  const Error error = error_of(open());
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  for (const std::string part : {"\"c\"", kSecond, "z.safetensors"})
    EXPECT_TRUE(has(error.message, part)) << error.message;
}

TEST_F(CheckpointTest, ADamagedFileIsNamed) {
  save_two();
  fs::resize_file(folder_ / kSecond, fs::file_size(folder_ / kSecond) - 1);
  for (const bool index : {false, true}) {
    if (index) save_index(map_of({{"a", kFirst}, {"c", kSecond}}));
    const Error error = error_of(open());
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    EXPECT_TRUE(has(error.message, kSecond) && has(error.message, "\"c\"")) << error.message;
  }
  fs::remove(folder_ / kSecond);
  fs::create_directory(folder_ / kSecond);
  EXPECT_TRUE(has(error_of(open()).message, kSecond)) << "a folder is no file";
}

TEST_F(CheckpointTest, FloatTensorsAreCheckedByShapeAndType) {
  save(kOne, {{"f32", DType::kF32, Shape{2, 3}},
              {"f16", DType::kF16, Shape{2, 3}},
              {"bf16", DType::kBF16, Shape{2, 3}},
              {"u32", DType::kU32, Shape{2, 3}},
              {"f64", DType::kF64, Shape{2, 3}}});
  const auto model = opened();
  for (const char* name : {"f32", "f16", "bf16"}) {
    const auto tensor = model->tensor(name, Shape{2, 3});
    ASSERT_TRUE(tensor.ok()) << tensor.error().describe();
    EXPECT_EQ(tensor->name, name);
    for (const Shape& other : {Shape{3, 2}, Shape{6}, Shape{2, 3, 1}, Shape{}}) {
      const Error error = error_of(model->tensor(name, other));
      EXPECT_EQ(error.code, ErrorCode::kCorrupt);
      EXPECT_EQ(error.message,
                std::string(kOne) + ": tensor \"" + name + "\" is [2, 3], expected " + other.str());
    }
  }
  for (const char* name : {"u32", "f64"}) {
    const Error error = error_of(model->tensor(name, Shape{2, 3}));
    for (const std::string& part : {std::string(kOne), '"' + std::string(name) + '"',
                                    std::string("expected F32, F16 or BF16")})
      EXPECT_TRUE(has(error.message, part)) << error.message;
  }
}

TEST_F(CheckpointTest, AMissingTensorIsNamedWithWhereItWasSought) {
  save(kOne, {{"a", DType::kF32, Shape{2}}});
  Error error = error_of(opened()->tensor("model.norm.weight", Shape{2}));
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_EQ(error.message, "model.safetensors: tensor \"model.norm.weight\" is missing");
  EXPECT_TRUE(has(error.hint, "ocellus inspect")) << error.hint;
  error = error_of(opened()->matrix("lm_head", 2, 2, false));
  EXPECT_EQ(error.message, "model.safetensors: tensor \"lm_head.weight\" is missing");
  fs::remove(folder_ / kOne);
  save_two();
  error = error_of(opened()->tensor("d", Shape{2}));
  EXPECT_EQ(error.message, std::string(kFirst) + " and 1 other: tensor \"d\" is missing");
}

TEST_F(CheckpointTest, FloatMatricesOfEveryType) {
  const std::string f32("\0\0\x80\x3f\0\0\0\xc0\0\0\0\x3f\0\0\0\0", 16);
  const std::string f16("\0\x3c\0\xc0\0\x38\0\0", 8), bf16("\x80\x3f\0\xc0\0\x3f\0\0", 8);
  save(kOne, {{"x.weight", DType::kF32, Shape{2, 2}, f32},
              {"y.weight", DType::kF16, Shape{2, 2}, f16},
              {"z.weight", DType::kBF16, Shape{2, 2}, bf16},
              {"z.bias", DType::kBF16, Shape{2}, bf16.substr(0, 4)}});
  const auto model = opened();
  for (const std::string name : {"x", "y", "z"}) {
    const auto matrix = model->matrix(name, 2, 2, name == "z");
    ASSERT_TRUE(matrix.ok()) << matrix.error().describe();
    EXPECT_EQ(matrix->name, name);
    EXPECT_FALSE(matrix->quant.has_value());
    EXPECT_EQ(to_f32(matrix->weight), (std::vector<float>{1, -2, 0.5, 0}));
    std::vector<float> row(2);
    dequantize_row(*matrix, 1, row);
    EXPECT_EQ(row, (std::vector<float>{0.5, 0}));
    EXPECT_EQ(matrix->bias.has_value(), name == "z");
    EXPECT_THROW(dequantize_row(*matrix, 2, row), CheckFailure);
    EXPECT_THROW(dequantize_row(*matrix, -1, row), CheckFailure);
    row.resize(3);
    EXPECT_THROW(dequantize_row(*matrix, 0, row), CheckFailure);
  }
  EXPECT_TRUE(has(error_of(model->matrix("x", 2, 2, true)).message, "\"x.bias\" is missing"));
  const Error bias = error_of(model->matrix("z", 2, 2, false));
  EXPECT_TRUE(has(bias.message, "\"z.bias\" is not part of this architecture")) << bias.message;
  EXPECT_TRUE(has(error_of(model->matrix("x", 2, 3, false)).message,
                  "model.safetensors: tensor \"x.weight\" is [2, 2], expected [2, 3]"));
}

TEST_F(CheckpointTest, OnlyFloatsAreWidened) {
  save(kOne, {{"u8", DType::kU8, Shape{1}}});
  EXPECT_THROW(to_f32(*opened()->find("u8")), CheckFailure);
}

}  // namespace
}  // namespace oc
