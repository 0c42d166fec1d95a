// The writer of io/safetensors.h, read back by its reader.
#include <numeric>

#include "io/checkpoint.h"
#include "io/safetensors.h"
#include "tests/io/fixtures.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::has;

class SafetensorsWriterTest : public test::FolderTest {
 protected:
  fs::path path() const { return folder_ / "out.safetensors"; }
  std::shared_ptr<const SafetensorsFile> read() const {
    auto file = SafetensorsFile::open(path());
    EXPECT_TRUE(file.ok()) << error_of(file).describe();
    return file.ok() ? *file : nullptr;
  }
  static std::string text_of(const TensorView& tensor) {
    return {reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()};
  }
};

TEST_F(SafetensorsWriterTest, EveryTypeComesBackInOrder) {
  const DType types[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kF64, DType::kU8,
                         DType::kI8,  DType::kU16, DType::kI16,  DType::kU32, DType::kI32,
                         DType::kU64, DType::kI64, DType::kBool};
  std::vector<std::string> data;
  std::vector<TensorView> tensors;
  for (const DType type : types)  // three elements each, so that most begin unaligned
    data.push_back(std::string(3 * size_of(type), static_cast<char>('a' + data.size())));
  for (std::size_t i = 0; i < data.size(); ++i)
    tensors.push_back(
        {"t" + std::to_string(20 - i), types[i], Shape{3, 1}, test::as_bytes(data[i]), ""});
  tensors.push_back({"scalar", DType::kU8, Shape{}, test::as_bytes("s"), ""});
  tensors.push_back({"empty", DType::kF32, Shape{4, 0}, {}, ""});
  tensors.push_back({"odd \"name\"\n你", DType::kU8, Shape{1}, test::as_bytes("o"), ""});
  const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"a \"b\"", "ü\n"}};
  const auto written = write_safetensors(path(), tensors, metadata);
  ASSERT_TRUE(written.ok()) << written.error().describe();

  const auto file = read();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->metadata(), metadata);
  ASSERT_EQ(file->tensors().size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorView& got = file->tensors()[i];
    EXPECT_EQ(got.name, tensors[i].name);
    EXPECT_EQ(got.dtype, tensors[i].dtype) << got.name;
    EXPECT_EQ(got.shape, tensors[i].shape) << got.name;
    EXPECT_EQ(text_of(got), text_of(tensors[i])) << got.name;
    EXPECT_EQ(file->find(got.name), &got);
  }
  EXPECT_EQ(names(), std::vector<std::string>{"out.safetensors"}) << "no temporary file stays";
}

TEST_F(SafetensorsWriterTest, NothingIsAFileToo) {
  ASSERT_TRUE(write_safetensors(path(), {}).ok());
  const auto file = read();
  ASSERT_NE(file, nullptr);
  EXPECT_TRUE(file->tensors().empty());
  EXPECT_TRUE(file->metadata().empty());
}

TEST_F(SafetensorsWriterTest, TheDataBeginsAligned) {
  for (std::size_t length = 1; length <= 9; ++length) {
    const std::vector<float> one = {1.0f};
    const TensorView tensor{std::string(length, 'n'), DType::kF32, Shape{1}, test::bytes_of(one),
                            ""};
    ASSERT_TRUE(write_safetensors(path(), std::span(&tensor, 1)).ok());
    EXPECT_EQ((fs::file_size(path()) - sizeof(float)) % 8, 0u) << length;
  }
}

TEST_F(SafetensorsWriterTest, DataArrivesInPieces) {
  const PlannedTensor plan[] = {{"a", DType::kU8, Shape{5}}, {"b", DType::kU8, Shape{6}}};
  auto writer = SafetensorsWriter::create(path(), plan);
  ASSERT_TRUE(writer.ok()) << writer.error().describe();
  for (const std::string_view data : {"0", "", "123", "4567", "89A"})  // across both tensors
    ASSERT_TRUE((*writer)->append(test::as_bytes(data)).ok());
  EXPECT_FALSE(fs::exists(path())) << "not before finish()";
  ASSERT_TRUE((*writer)->finish().ok());
  const auto file = read();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(text_of(*file->find("a")), "01234");
  EXPECT_EQ(text_of(*file->find("b")), "56789A");
}

// A tensor behind one of odd size, under a header that is not padded: as MLX writes them.
TEST_F(SafetensorsWriterTest, UnalignedTensorsAreReadCorrectly) {
  std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                       R"("f32":{"dtype":"F32","shape":[2],"data_offsets":[1,9]},)"
                       R"("f16":{"dtype":"F16","shape":[2],"data_offsets":[9,13]},)"
                       R"("bf16":{"dtype":"BF16","shape":[2],"data_offsets":[13,17]}})";
  const std::string data("?\0\0\x80\x3f\0\0\0\xc0\0\x3c\0\xc0\x80\x3f\0\xc0", 17);
  for (int padding = 0; padding < 8; ++padding, header += ' ') {
    test::write_bytes(path(), test::raw_file(header, data));
    const auto file = read();
    ASSERT_NE(file, nullptr);
    for (const char* name : {"f32", "f16", "bf16"})
      EXPECT_EQ(to_f32(*file->find(name)), (std::vector<float>{1, -2})) << name << " " << padding;
  }
}

TEST_F(SafetensorsWriterTest, AnUnfinishedWriterLeavesNothing) {
  const PlannedTensor plan[] = {{"a", DType::kU8, Shape{4}}};
  {
    auto writer = SafetensorsWriter::create(path(), plan);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->append(test::as_bytes("12")).ok());
    EXPECT_EQ(names().size(), 1u) << "the temporary file";
  }
  EXPECT_TRUE(names().empty()) << names()[0];
}

TEST_F(SafetensorsWriterTest, AnUnfinishedWriterLeavesTheOldFile) {
  test::write_bytes(path(), "old");
  const PlannedTensor plan[] = {{"a", DType::kU8, Shape{4}}};
  {
    auto writer = SafetensorsWriter::create(path(), plan);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->append(test::as_bytes("1234")).ok());
    EXPECT_EQ(test::read_bytes(path()), "old");
  }
  EXPECT_EQ(test::read_bytes(path()), "old");
  EXPECT_EQ(names().size(), 1u);
  auto writer = SafetensorsWriter::create(path(), plan);
  ASSERT_TRUE((*writer)->append(test::as_bytes("1234")).ok());
  ASSERT_TRUE((*writer)->finish().ok());
  EXPECT_EQ(text_of(*read()->find("a")), "1234") << "finish() replaces it";
}

TEST_F(SafetensorsWriterTest, WrongAmountsAreOurMistake) {
  const PlannedTensor plan[] = {{"a", DType::kU8, Shape{4}}};
  {
    auto writer = SafetensorsWriter::create(path(), plan);
    ASSERT_TRUE((*writer)->append(test::as_bytes("123")).ok());
    EXPECT_THROW(static_cast<void>((*writer)->append(test::as_bytes("45"))), CheckFailure);
    EXPECT_THROW(static_cast<void>((*writer)->finish()), CheckFailure);
  }
  EXPECT_TRUE(names().empty());
}

TEST_F(SafetensorsWriterTest, ImpossiblePlansAreOurMistake) {
  const PlannedTensor twice[] = {{"a", DType::kU8, Shape{1}}, {"a", DType::kU8, Shape{1}}};
  EXPECT_THROW(static_cast<void>(SafetensorsWriter::create(path(), twice)), CheckFailure);
  const PlannedTensor huge[] = {{"a", DType::kU8, Shape{std::int64_t{1} << 62, 4}}};
  EXPECT_THROW(static_cast<void>(SafetensorsWriter::create(path(), huge)), CheckFailure);
  EXPECT_TRUE(names().empty());
}

TEST_F(SafetensorsWriterTest, PlacesThatCannotBeWrittenAreNamed) {
  const PlannedTensor plan[] = {{"a", DType::kU8, Shape{1}}};
  const Error error =
      error_of(SafetensorsWriter::create(folder_ / "no/such/out.safetensors", plan));
  EXPECT_TRUE(has(error.message, "no/such/out.safetensors")) << error.message;

  fs::create_directories(path() / "in the way");  // a folder cannot be replaced by a file
  auto writer = SafetensorsWriter::create(path(), plan);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->append(test::as_bytes("1")).ok());
  EXPECT_TRUE(has(error_of((*writer)->finish()).message, "out.safetensors"));
  writer->reset();
  EXPECT_EQ(names(), std::vector<std::string>{"out.safetensors"});
}

}  // namespace
}  // namespace oc
