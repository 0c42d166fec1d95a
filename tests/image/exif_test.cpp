// exif_orientation() of image/bytes.h, and the readers that it stands on.
#include "image/bytes.h"
#include "tests/image/fixtures.h"

namespace oc {
namespace {

using test::exif_block;
using test::number;

int orientation(std::string_view block) {
  const std::vector<char> exact(block.begin(), block.end());  // so that ASan sees its end
  return exif_orientation(std::as_bytes(std::span(exact)));
}

TEST(Exif, BothByteOrdersAndBothWidths) {
  for (std::uint32_t value = 1; value <= 8; ++value)
    for (const bool little : {false, true})
      for (const bool as_long : {false, true}) {
        const std::string block = exif_block(value, little, as_long);
        EXPECT_EQ(orientation(block), static_cast<int>(value)) << little << as_long;
        EXPECT_EQ(orientation(test::kExifHead + block), static_cast<int>(value));
      }
}

TEST(Exif, OtherValuesAreUpright) {
  for (const std::uint32_t value : {0u, 9u, 0x8001u, 0xffffu}) {
    EXPECT_EQ(orientation(exif_block(value)), 1) << value;
    EXPECT_EQ(orientation(exif_block(value, false, true)), 1) << value;
  }
  EXPECT_EQ(orientation(exif_block(0x10006u, true, true)), 1) << "not the low half of a LONG";
}

TEST(Exif, ABlockWithoutTheTagIsUpright) {
  std::string block = exif_block(6);
  block.replace(8, 2, number(1, 2, true));  // one entry: the tag stands behind the directory
  EXPECT_EQ(orientation(block), 1);
  block.replace(8, 2, number(0, 2, true));
  EXPECT_EQ(orientation(block), 1);
}

TEST(Exif, BlocksThatMakeNoSenseAreUpright) {
  const std::string block = exif_block(6);
  const auto with = [&](std::size_t at, std::string_view bytes) {
    std::string changed = block;
    return changed.replace(at, bytes.size(), bytes);
  };
  EXPECT_EQ(orientation(""), 1);
  EXPECT_EQ(orientation(test::kExifHead), 1);
  EXPECT_EQ(orientation("Exif"), 1);
  EXPECT_EQ(orientation(with(0, "XX")), 1);
  EXPECT_EQ(orientation(with(0, "MM")), 1) << "the other byte order";
  EXPECT_EQ(orientation(with(2, "\x2b")), 1) << "not TIFF's 42";
  for (const std::uint32_t directory : {0xffffffffu, 0x7fffffffu, 0xfffffff6u, 1000u, 37u})
    EXPECT_EQ(orientation(with(4, number(directory, 4, true))), 1) << directory;
  EXPECT_EQ(orientation(with(24, number(2, 2, true))), 1) << "a text is no orientation";
}

TEST(Exif, ADirectoryMayClaimMoreThanThereIs) {
  std::string block = exif_block(6);
  block.replace(8, 2, "\xff\xff");
  EXPECT_EQ(orientation(block), 6) << "found before the end";
  block.replace(22, 2, number(0x0113, 2, true));
  EXPECT_EQ(orientation(block), 1) << "searched to the end, and no further";
}

TEST(Exif, CutOffAnywhereItIsUpright) {
  const std::string block = exif_block(6, false);
  constexpr std::size_t kValueEnd = 8 + 2 + 12 + 10;
  for (std::size_t size = 0; size < block.size(); ++size)
    EXPECT_EQ(orientation(block.substr(0, size)), size < kValueEnd ? 1 : 6) << size;
}

TEST(Bytes, ReadsWithinItsBounds) {
  const auto bytes = test::as_bytes("\x01\x02\x03\x04");
  EXPECT_EQ(read_uint(bytes, 0, 4, true), 0x04030201u);
  EXPECT_EQ(read_uint(bytes, 0, 4, false), 0x01020304u);
  EXPECT_EQ(read_uint(bytes, 2, 2, false), 0x0304u);
  EXPECT_EQ(read_uint(bytes, 4, 0, false), 0u);
  EXPECT_EQ(read_uint(bytes, 1, 4, false), std::nullopt);
  EXPECT_EQ(read_uint(bytes, 4, 1, false), std::nullopt);
  EXPECT_EQ(read_uint(bytes, 5, 0, false), std::nullopt);
  EXPECT_EQ(read_uint(bytes, ~std::size_t{0}, 1, false), std::nullopt);
  EXPECT_TRUE(starts_with(bytes, "\x03\x04", 2));
  EXPECT_FALSE(starts_with(bytes, "\x03\x04\x05", 2));
  EXPECT_FALSE(starts_with(bytes, "\x01", 5));
  EXPECT_FALSE(starts_with(bytes, "\x01", ~std::size_t{0}));
}

}  // namespace
}  // namespace oc
