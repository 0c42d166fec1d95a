#include "io/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <bit>

#include "tests/io/fixtures.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::has;
using test::raw_file;

constexpr std::string_view kName = "model.safetensors";

Result<SafetensorsHeader> parse(std::string_view file) {
  return parse_safetensors_header(test::as_bytes(file), file.size(), kName);
}

// {"w": {"dtype": …}} with these three values as they stand.
std::string entry(std::string_view dtype, std::string_view shape, std::string_view offsets,
                  std::string_view name = "w") {
  return "\"" + std::string(name) + "\":{\"dtype\":" + std::string(dtype) +
         ",\"shape\":" + std::string(shape) + ",\"data_offsets\":" + std::string(offsets) + "}";
}

TEST(SafetensorsHeader, OrderIsThatOfTheData) {
  const std::string file = raw_file("{" + entry("\"F16\"", "[2,3]", "[4,16]", "second") + "," +
                                        entry("\"F32\"", "[]", "[0,4]", "first") + "," +
                                        entry("\"U8\"", "[0,7]", "[16,16]", "empty") +
                                        R"(,"__metadata__":{"format":"mlx"}}  )",
                                    std::string(16, 'x'));
  const auto header = parse(file);
  ASSERT_TRUE(header.ok()) << header.error().describe();
  ASSERT_EQ(header->entries.size(), 3u);
  EXPECT_EQ(header->entries[0].name, "first");
  EXPECT_EQ(header->entries[0].shape, Shape{});
  EXPECT_EQ(header->entries[1].name, "second");
  EXPECT_EQ(header->entries[1].dtype, DType::kF16);
  EXPECT_EQ(header->entries[1].shape, (Shape{2, 3}));
  EXPECT_EQ(header->entries[1].begin, 4u);
  EXPECT_EQ(header->entries[1].end, 16u);
  EXPECT_EQ(header->entries[2].name, "empty");
  EXPECT_EQ(header->data_offset, file.size() - 16);
  EXPECT_EQ(header->metadata, (std::map<std::string, std::string>{{"format", "mlx"}}));
}

TEST(SafetensorsHeader, AFileMayHoldNothing) {
  EXPECT_TRUE(parse(raw_file("{}", "")).ok());
  EXPECT_TRUE(parse(raw_file(R"({"__metadata__":{}})", "")).ok());
}

// A header that is wrong about one thing: {what, header, bytes of data, parts of the message}.
struct Lie {
  std::string what, header;
  std::size_t data;
  std::vector<std::string> named;
};

std::vector<Lie> lies() {
  const std::string f32 = "\"F32\"", tensor = "tensor \"w\"";
  const auto one = [&](std::string_view dtype, std::string_view shape, std::string_view offsets) {
    return "{" + entry(dtype, shape, offsets) + "}";
  };
  const auto two = [&](std::string_view a, std::string_view b) {
    return "{" + entry(f32, "[2]", a, "v") + "," + entry(f32, "[2]", b) + "}";
  };
  return {
      {"no JSON", "w: F32", 0, {"not valid JSON"}},
      {"empty header", "", 0, {"not valid JSON"}},
      {"cut JSON", "{" + entry(f32, "[2]", "[0,8]"), 8, {"not valid JSON", "too early"}},
      {"trailing JSON", one(f32, "[2]", "[0,8]") + "{}", 8, {"not valid JSON"}},
      {"a list", "[]", 0, {"not a JSON object"}},
      {"deep JSON", "{\"w\":" + std::string(5000, '['), 0, {"nested deeper"}},
      {"deep but valid", R"({"w":[[[[[[[[[]]]]]]]]]})", 0, {"nested deeper"}},
      {"broken text", "{\"w\xff\":{}}", 0, {"not valid JSON"}},
      {"not an object", R"({"w":5})", 0, {tensor}},
      {"no dtype", R"({"w":{"shape":[2],"data_offsets":[0,8]}})", 8, {tensor, "dtype"}},
      {"dtype a number", one("32", "[2]", "[0,8]"), 8, {tensor, "dtype"}},
      {"unknown dtype", one("\"F8_E4M3\"", "[8]", "[0,8]"), 8, {tensor, "F8_E4M3"}},
      {"lower case dtype", one("\"f32\"", "[2]", "[0,8]"), 8, {tensor, "f32"}},
      {"no shape", R"({"w":{"dtype":"F32","data_offsets":[0,8]}})", 8, {tensor, "shape"}},
      {"shape a number", one(f32, "2", "[0,8]"), 8, {tensor, "shape"}},
      {"negative dim", one(f32, "[-2]", "[0,8]"), 8, {tensor, "shape"}},
      {"two negative dims", one(f32, "[-1,-2]", "[0,8]"), 8, {tensor, "shape"}},
      {"float dim", one(f32, "[2.0]", "[0,8]"), 8, {tensor, "shape"}},
      {"exponent dim", one(f32, "[2e0]", "[0,8]"), 8, {tensor, "shape"}},
      {"text dim", one(f32, "[\"2\"]", "[0,8]"), 8, {tensor, "shape"}},
      {"null dim", one(f32, "[null]", "[0,8]"), 8, {tensor, "shape"}},
      {"dim past int64", one(f32, "[9223372036854775808]", "[0,8]"), 8, {tensor, "shape"}},
      {"nine dims", one(f32, "[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8, {tensor, "shape"}},
      {"shape overflow", one(f32, "[4294967296,4294967296]", "[0,8]"), 8, {tensor, "overflow"}},
      {"bytes overflow", one(f32, "[4611686018427387904]", "[0,0]"), 0, {tensor, "overflow"}},
      {"bytes overflow to 8", one(f32, "[4611686018427387906]", "[0,8]"), 8, {tensor, "overflow"}},
      {"no offsets", R"({"w":{"dtype":"F32","shape":[2]}})", 8, {tensor, "data_offsets"}},
      {"one offset", one(f32, "[2]", "[8]"), 8, {tensor, "data_offsets"}},
      {"three offsets", one(f32, "[2]", "[0,4,8]"), 8, {tensor, "data_offsets"}},
      {"negative offset", one(f32, "[2]", "[-8,0]"), 8, {tensor, "data_offsets"}},
      {"float offset", one(f32, "[2]", "[0,8.0]"), 8, {tensor, "data_offsets"}},
      {"offset past uint64", one(f32, "[2]", "[0,99999999999999999999]"), 8, {tensor}},
      {"reversed offsets", one(f32, "[2]", "[8,0]"), 8, {tensor, "8 to 0"}},
      {"past the end", one(f32, "[2]", "[0,8]"), 7, {tensor, "0 to 8", "7 bytes"}},
      {"far past the end",
       one(f32, "[2]", "[9223372036854775799,9223372036854775807]"),
       8,
       {tensor}},
      {"too few bytes", one(f32, "[2]", "[0,4]"), 4, {tensor, "F32 [2] needs 8 bytes", "give 4"}},
      {"too many bytes", one(f32, "[2]", "[0,12]"), 12, {tensor, "needs 8 bytes", "give 12"}},
      {"short of the end", one(f32, "[2]", "[0,8]"), 9, {"9 bytes", "tensors 8"}},
      {"data without tensors", "{}", 1, {"1 bytes"}},
      {"overlap", two("[0,8]", "[4,12]"), 12, {tensor, "overlap"}},
      {"the same bytes twice", two("[0,8]", "[0,8]"), 8, {tensor, "overlap"}},
      {"hole", two("[0,8]", "[12,20]"), 20, {tensor, "hole"}},
      {"hole at the front", one(f32, "[2]", "[4,12]"), 12, {tensor, "hole"}},
      {"one name twice",
       "{" + entry(f32, "[2]", "[0,8]") + "," + entry(f32, "[2]", "[8,16]") + "}",
       16,
       {"\"w\"", "twice"}},
      {"one name twice, differently written",
       "{" + entry(f32, "[2]", "[0,8]") + "," + entry(f32, "[2]", "[8,16]", "\\u0077") + "}",
       16,
       {"\"w\"", "twice"}},
      {"one name twice, the same bytes",
       "{" + entry(f32, "[2]", "[0,8]") + " , " + entry(f32, "[2]", "[0,8]") + "}",
       8,
       {"\"w\"", "twice"}},
      {"a field twice",
       R"({"v":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
       R"("w":{"dtype":"F16","shape":[2],"dtype":"F32","data_offsets":[0,8]}})",
       8,
       {"\"w\"", "\"dtype\"", "twice"}},
      {"metadata a list", R"({"__metadata__":["a"]})", 0, {"__metadata__"}},
      {"metadata of numbers", R"({"__metadata__":{"a":1}})", 0, {"__metadata__"}},
      {"metadata twice", R"({"__metadata__":{},"__metadata__":{}})", 0, {"__metadata__", "twice"}},
  };
}

TEST(SafetensorsHeader, EveryLieIsAnErrorThatNamesFileAndTensor) {
  for (const Lie& lie : lies()) {
    const Error error = error_of(parse(raw_file(lie.header, std::string(lie.data, 'x'))));
    EXPECT_TRUE(error.code == ErrorCode::kCorrupt ||
                (error.code == ErrorCode::kUnsupported && has(lie.what, "dtype")))
        << lie.what << ": " << error.message;
    EXPECT_TRUE(has(error.message, kName)) << lie.what << ": " << error.message;
    for (const std::string& part : lie.named)
      EXPECT_TRUE(has(error.message, part)) << lie.what << ": " << error.message;
  }
}

TEST(SafetensorsHeader, EqualKeysOfDifferentObjectsAreNotTwice) {
  const auto header = parse(raw_file(R"({"dtype":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                     R"("a:b\"{":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},)"
                                     R"("__metadata__":{"dtype":"\"dtype\":","a:b\"{":"{"}})",
                                     "xx"));
  ASSERT_TRUE(header.ok()) << header.error().describe();
  EXPECT_EQ(header->entries.size(), 2u);
  EXPECT_EQ(header->entries[1].name, "a:b\"{");
}

TEST(SafetensorsHeader, HostileNamesMakeShortLines) {
  const std::string names[] = {std::string(100'000, 'n'), R"(a\n\u001b[2Jb)",
                               "你" + std::string(500, 'm')};
  for (const std::string& name : names) {
    const Error error = error_of(parse(raw_file("{" + entry("7", "[]", "[]", name) + "}", "")));
    EXPECT_LT(error.message.size(), 400u);
    for (const char c : error.message) EXPECT_FALSE(c >= 0 && c < ' ') << error.message;
    const std::string twice = "{\"" + name + "\":{},\"" + name + "\":{}}";
    EXPECT_LT(error_of(parse(raw_file(twice, ""))).message.size(), 400u);
  }
}

class SafetensorsFileTest : public test::FolderTest {
 protected:
  Result<std::shared_ptr<const SafetensorsFile>> open(std::string_view bytes) const {
    test::write_bytes(folder_ / kName, bytes);
    return SafetensorsFile::open(folder_ / kName);
  }
  static std::string valid() {
    return raw_file("{" + entry("\"F32\"", "[2]", "[0,8]", "first") + "," +
                        entry("\"I8\"", "[3]", "[8,11]", "second") + "}",
                    std::string("\0\0\x80\x3f\0\0\0\xc0\1\2\xff", 11));
  }
};

TEST_F(SafetensorsFileTest, ReadsTensorsInPlace) {
  const auto file = open(valid());
  ASSERT_TRUE(file.ok()) << file.error().describe();
  EXPECT_EQ((*file)->file_bytes(), valid().size());
  ASSERT_EQ((*file)->tensors().size(), 2u);
  const TensorView* first = (*file)->find("first");
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->file, kName);
  float values[2];
  ASSERT_EQ(first->data.size(), sizeof values);
  std::memcpy(values, first->data.data(), sizeof values);
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[1], -2.0f);
  EXPECT_EQ((*file)->find("second")->data.back(), std::byte{0xff});
  EXPECT_EQ((*file)->find("third"), nullptr);
  EXPECT_EQ((*file)->find("firs"), nullptr);
}

TEST_F(SafetensorsFileTest, TensorsOutliveTheName) {
  const auto file = open(valid());
  ASSERT_TRUE(file.ok());
  fs::remove(folder_ / kName);
  EXPECT_EQ((*file)->find("second")->data[1], std::byte{2});
}

TEST_F(SafetensorsFileTest, EveryLieIsRefusedOnDiskToo) {
  for (const Lie& lie : lies()) {
    const Error error = error_of(open(raw_file(lie.header, std::string(lie.data, 'x'))));
    EXPECT_TRUE(has(error.message, kName)) << lie.what << ": " << error.message;
  }
}

TEST_F(SafetensorsFileTest, TruncatedAnywhereItIsRefused) {
  const std::string whole = valid();
  ASSERT_TRUE(open(whole).ok());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Error error = error_of(open(whole.substr(0, size)));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << size;
    EXPECT_TRUE(has(error.message, kName)) << error.message;
  }
  EXPECT_FALSE(open(whole + '\0').ok()) << "one byte too many";
}

TEST_F(SafetensorsFileTest, TheHeaderLengthIsChecked) {
  const std::string header = "{" + entry("\"F32\"", "[2]", "[0,8]") + "}", data(8, 'x');
  for (const std::uint64_t length :
       {std::uint64_t{header.size() + 9}, std::uint64_t{1} << 31, std::uint64_t{1} << 32,
        std::uint64_t{1} << 63, ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    const Error error = error_of(open(raw_file(length, header, data)));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    EXPECT_TRUE(has(error.message, kName) && has(error.message, std::to_string(length)))
        << error.message;
  }
}

TEST_F(SafetensorsFileTest, AHeaderOverTheLimitIsNotEvenParsed) {
  constexpr std::uint64_t kLimit = 100'000'000;
  ASSERT_TRUE(open(raw_file(kLimit + 1, "{}", "")).ok() == false);
  fs::resize_file(folder_ / kName, 2 * kLimit);  // sparse: the length is now within the file
  const Error error = error_of(SafetensorsFile::open(folder_ / kName));
  EXPECT_TRUE(has(error.message, "claims a header of 100000001 bytes")) << error.message;
}

TEST_F(SafetensorsFileTest, WhatIsNoFileIsRefused) {
  const Error missing = error_of(SafetensorsFile::open(folder_ / kName));
  EXPECT_EQ(missing.code, ErrorCode::kNotFound);
  EXPECT_TRUE(has(missing.message, kName)) << missing.message;
  EXPECT_EQ(error_of(SafetensorsFile::open(folder_)).code, ErrorCode::kNotFound);
  ASSERT_EQ(mkfifo((folder_ / kName).c_str(), 0600), 0);  // opening one waits for a writer
  EXPECT_EQ(error_of(SafetensorsFile::open(folder_ / kName)).code, ErrorCode::kNotFound);
}

// One bit wrong anywhere: an error that names the file, or tensors that lie within it.
TEST_F(SafetensorsFileTest, NoFlippedBitLeadsOutOfTheFile) {
  const std::string whole = valid();
  unsigned touched = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string bytes = whole;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    const std::vector<char> exact(bytes.begin(), bytes.end());  // so that ASan sees its end
    const std::span<const std::byte> head = test::bytes_of(exact);
    const auto header = parse_safetensors_header(head, head.size(), kName);
    if (!header.ok()) {
      EXPECT_TRUE(has(header.error().message, kName));
      continue;
    }
    for (const SafetensorsHeader::Entry& e : header->entries)
      for (const std::byte byte : head.subspan(header->data_offset + e.begin, e.end - e.begin))
        touched += std::to_integer<unsigned>(byte);
  }
  EXPECT_GT(touched, 0u) << "flips in the data are no concern of the header";
}

}  // namespace
}  // namespace oc
