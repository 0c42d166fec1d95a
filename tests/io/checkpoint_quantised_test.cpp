// MLX affine weights of io/checkpoint.h: told apart from floats tensor by tensor, and widened.
#include <fmt/format.h>

#include "io/checkpoint.h"
#include "tests/io/fixtures.h"

namespace oc {
namespace {

using test::error_of;
using test::has;

// A layer "l" of N rows and K columns with values that every float type holds exactly.
struct Triple {
  std::int64_t rows = 3, cols = 256;
  int bits = 4, group = 64;
  DType dtype = DType::kF16;  // of scales and biases

  unsigned q(std::int64_t row, std::int64_t col) const {
    return static_cast<unsigned>(row * 5 + col * 3 + col / 16) & ((1u << bits) - 1);
  }
  // Half of the scales are negative, as MLX writes them.
  static float scale(std::int64_t row, std::int64_t g) {
    return (g % 2 == 0 ? 0.5f : -0.25f) * static_cast<float>(row + 1);
  }
  static float bias(std::int64_t row, std::int64_t g) { return static_cast<float>(row - 2 * g); }
  float value(std::int64_t row, std::int64_t col) const {
    return scale(row, col / group) * static_cast<float>(q(row, col)) + bias(row, col / group);
  }
  std::int64_t groups() const { return cols / group; }
  Shape packed() const { return Shape{rows, cols * bits / 32}; }

  // uint32 words, the lowest bits first.
  std::string words() const {
    std::vector<std::uint32_t> out;
    const std::int64_t per_word = 32 / bits;
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t col = 0; col < cols; col += per_word) {
        std::uint32_t word = 0;
        for (std::int64_t k = 0; k < per_word; ++k) word |= q(row, col + k) << (k * bits);
        out.push_back(word);
      }
    return {reinterpret_cast<const char*>(out.data()), out.size() * 4};
  }
  std::string floats(float (*of)(std::int64_t, std::int64_t)) const {
    std::string out;
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t g = 0; g < groups(); ++g) {
        const float value = of(row, g);
        const std::uint16_t half = dtype == DType::kF16 ? f32_to_f16(value) : f32_to_bf16(value);
        if (dtype == DType::kF32)
          out.append(reinterpret_cast<const char*>(&value), 4);
        else
          out.append(reinterpret_cast<const char*>(&half), 2);
      }
    return out;
  }
};

class QuantisedTest : public test::FolderTest {
 protected:
  struct Stored {
    std::string name;
    DType dtype;
    Shape shape;
    std::string data;
  };
  static std::vector<Stored> stored(const Triple& t) {
    const Shape groups{t.rows, t.groups()};
    return {{"l.weight", DType::kU32, t.packed(), t.words()},
            {"l.scales", t.dtype, groups, t.floats(Triple::scale)},
            {"l.biases", t.dtype, groups, t.floats(Triple::bias)}};
  }
  Result<RawMatrix> matrix(const std::vector<Stored>& tensors, std::int64_t rows, std::int64_t cols,
                           bool with_bias = false) {
    test::write_bytes(folder_ / "config.json", "{}");
    std::vector<TensorView> views;
    for (const Stored& t : tensors)
      views.push_back({t.name, t.dtype, t.shape, test::as_bytes(t.data), ""});
    EXPECT_TRUE(write_safetensors(folder_ / "model.safetensors", views).ok());
    auto opened = Checkpoint::open(folder_);
    if (!opened.ok()) return opened.error();
    model_ = *opened;
    return model_->matrix("l", rows, cols, with_bias);
  }
  // The error for a triple of 3 x 256, 4 bits, groups of 64, in which one tensor is another.
  Error error_with(const std::string& name, std::optional<Stored> other) {
    std::vector<Stored> tensors = stored({});
    std::erase_if(tensors, [&](const Stored& t) { return t.name == name; });
    if (other) tensors.push_back(*other);
    return error_of(matrix(tensors, 3, 256));
  }
  static Stored zeros(const std::string& name, DType dtype, const Shape& shape) {
    return {name, dtype, shape,
            std::string(static_cast<std::size_t>(shape.numel()) * size_of(dtype), '\0')};
  }

  std::shared_ptr<const Checkpoint> model_;  // keeps the map of the last matrix
};

TEST_F(QuantisedTest, BitsGroupsAndTypesAreToldApart) {
  for (const int bits : {4, 8})
    for (const int group : {32, 64, 128})
      for (const DType dtype : {DType::kF16, DType::kBF16, DType::kF32}) {
        const Triple triple{.bits = bits, .group = group, .dtype = dtype};
        const auto got = matrix(stored(triple), triple.rows, triple.cols);
        const std::string what = fmt::format("{} bits, {}, {}", bits, group, to_string(dtype));
        ASSERT_TRUE(got.ok()) << what << ": " << got.error().describe();
        ASSERT_TRUE(got->quant.has_value()) << what;
        EXPECT_EQ(got->quant->bits, bits) << what;
        EXPECT_EQ(got->quant->group_size, group) << what;
        EXPECT_FALSE(got->bias.has_value()) << what;
        std::vector<float> row(static_cast<std::size_t>(triple.cols));
        for (std::int64_t r = 0; r < triple.rows; ++r) {
          dequantize_row(*got, r, row);
          for (std::int64_t c = 0; c < triple.cols; ++c)
            ASSERT_EQ(row[static_cast<std::size_t>(c)], triple.value(r, c))
                << what << " at " << r << ", " << c;
        }
      }
}

// 4 bits of 256 columns are as many words as 8 bits of 128: the architecture's width decides.
TEST_F(QuantisedTest, TheWidthDecidesBetweenFourAndEightBits) {
  const Triple four{.cols = 256, .bits = 4, .group = 128},
      eight{.cols = 128, .bits = 8, .group = 64};
  ASSERT_EQ(four.packed(), eight.packed());
  ASSERT_EQ(four.groups(), eight.groups());
  EXPECT_EQ(matrix(stored(four), 3, 256)->quant->bits, 4);
  EXPECT_EQ(matrix(stored(eight), 3, 128)->quant->bits, 8);
  EXPECT_EQ(matrix(stored(eight), 3, 128)->quant->group_size, 64);
}

TEST_F(QuantisedTest, ALayersOwnBiasIsNotItsBiases) {
  std::vector<Stored> tensors = stored({});
  EXPECT_TRUE(has(error_of(matrix(tensors, 3, 256, true)).message, "\"l.bias\" is missing"));
  tensors.push_back(zeros("l.bias", DType::kF16, Shape{3}));
  const auto got = matrix(tensors, 3, 256, true);
  ASSERT_TRUE(got.ok()) << got.error().describe();
  EXPECT_EQ(got->bias->shape, Shape{3});
  EXPECT_EQ(got->biases.shape, (Shape{3, 4}));
  EXPECT_TRUE(has(error_of(matrix(tensors, 3, 256, false)).message, "\"l.bias\""));
}

TEST_F(QuantisedTest, APartThatIsMissingIsNamed) {
  for (const std::string name : {"l.weight", "l.scales", "l.biases"}) {
    const Error error = error_with(name, std::nullopt);
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    EXPECT_EQ(error.message, "model.safetensors: tensor \"" + name + "\" is missing");
  }
}

TEST_F(QuantisedTest, PackedWeightsAloneAreNoFloats) {
  const Error error = error_of(matrix({zeros("l.weight", DType::kU32, Shape{3, 32})}, 3, 256));
  EXPECT_TRUE(has(error.message, "model.safetensors: tensor \"l.weight\" is U32")) << error.message;
}

TEST_F(QuantisedTest, APartOfAWrongShapeOrTypeIsNamed) {
  const struct {
    Stored other;
    std::string says;
  } cases[] = {
      {zeros("l.weight", DType::kF16, Shape{3, 256}), "is F16 [3, 256], expected packed U32"},
      {zeros("l.weight", DType::kI32, Shape{3, 32}), "is I32 [3, 32], expected packed U32"},
      {zeros("l.weight", DType::kU32, Shape{4, 32}), "is U32 [4, 32], expected packed U32 with 3"},
      {zeros("l.weight", DType::kU32, Shape{96}), "is U32 [96], expected packed U32"},
      {zeros("l.weight", DType::kU32, Shape{3, 31}), "is [3, 31]: neither 4 nor 8 bits"},
      {zeros("l.weight", DType::kU32, Shape{3, 16}), "expected [3, 32] or [3, 64]"},  // 2 bits
      {zeros("l.weight", DType::kU32, Shape{3, 0}), "neither 4 nor 8 bits"},
      {zeros("l.scales", DType::kF16, Shape{3, 16}), "is [3, 16]: not groups of 32, 64 or 128"},
      {zeros("l.scales", DType::kF16, Shape{3, 1}), "not groups of 32, 64 or 128"},
      {zeros("l.scales", DType::kF16, Shape{3, 3}), "not groups of 32, 64 or 128"},
      {zeros("l.scales", DType::kF16, Shape{3, 0}), "not groups of 32, 64 or 128"},
      {zeros("l.scales", DType::kF16, Shape{12}), "not groups of 32, 64 or 128"},
      {zeros("l.scales", DType::kF16, Shape{2, 4}), "is [2, 4], expected [3, 4]"},
      {zeros("l.scales", DType::kU8, Shape{3, 4}), "is U8, expected F32, F16 or BF16"},
      {zeros("l.biases", DType::kF16, Shape{3, 8}), "is [3, 8], expected [3, 4]"},
      {zeros("l.biases", DType::kI16, Shape{3, 4}), "is I16, expected F32, F16 or BF16"},
      {zeros("l.biases", DType::kBF16, Shape{3, 4}), "is BF16, its scales are F16"},
  };
  for (const auto& c : cases) {
    const Error error = error_with(c.other.name, c.other);
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    EXPECT_TRUE(has(error.message, "model.safetensors: tensor \"" + c.other.name + "\"") &&
                has(error.message, c.says))
        << c.says << ": " << error.message;
  }
}

TEST_F(QuantisedTest, FloatAndPackedLayersLiveInOneFile) {
  std::vector<Stored> tensors = stored({});
  tensors.push_back(zeros("vision.weight", DType::kF16, Shape{5, 7}));
  ASSERT_TRUE(matrix(tensors, 3, 256).ok());
  const auto floats = model_->matrix("vision", 5, 7, false);
  ASSERT_TRUE(floats.ok()) << floats.error().describe();
  EXPECT_FALSE(floats->quant.has_value());
}

}  // namespace
}  // namespace oc
