#include "tests/image/gif_writer.h"

namespace oc {
namespace {

using test::decode;
using test::decoded;
using test::error_of;
using test::gif_colours;
using test::gif_frame;
using test::GifFrame;
using test::pixel;
using test::Rgb;
using test::write_gif;

constexpr std::string_view kDamaged = "the GIF picture is damaged or cut off";
constexpr Rgb kWhite = {255, 255, 255};

Rgb colour_of(const GifFrame& frame, const std::vector<Rgb>& colours, int x, int y) {
  return colours[frame.indices[static_cast<std::size_t>(y * frame.width + x)]];
}

TEST(DecodeGif, ColoursAreLookedUp) {
  for (const int count : {2, 4, 16, 256})
    for (const bool interlaced : {false, true})
      for (const bool own : {false, true}) {
        const std::vector<Rgb> colours = gif_colours(count), others(2, Rgb{1, 2, 3});
        GifFrame frame = gif_frame(23, 19, count);
        frame.interlaced = interlaced;
        if (own) frame.colours = colours;
        const Image image = decoded(write_gif(23, 19, own ? others : colours, {frame}));
        ASSERT_EQ(image.width, 23);
        ASSERT_EQ(image.height, 19);
        EXPECT_EQ(image.note, "");
        for (int y = 0; y < 19; ++y)
          for (int x = 0; x < 23; ++x)
            EXPECT_EQ(pixel(image, x, y), colour_of(frame, colours, x, y)) << x << ", " << y;
      }
}

TEST(DecodeGif, WhatIsTransparentOrOutsideShowsTheBackground) {
  const std::vector<Rgb> colours = gif_colours(8);
  GifFrame frame = gif_frame(9, 7, 8);
  frame.x = 3;
  frame.y = 2;
  frame.transparent = 5;
  const std::string file = write_gif(16, 12, colours, {frame});
  const Image white = decoded(file), blue = decoded(file, {.background = {{1, 2, 200}}});
  const Image dropped = test::as_reference(file);
  for (int y = 0; y < 12; ++y)
    for (int x = 0; x < 16; ++x) {
      const bool inside = x >= 3 && x < 12 && y >= 2 && y < 9;
      const Rgb colour = inside ? colour_of(frame, colours, x - 3, y - 2) : Rgb{};
      const bool clear = !inside || colour == colours[5];
      EXPECT_EQ(pixel(white, x, y), clear ? kWhite : colour) << x << ", " << y;
      EXPECT_EQ(pixel(blue, x, y), clear ? (Rgb{1, 2, 200}) : colour) << x << ", " << y;
      EXPECT_EQ(pixel(dropped, x, y), colour) << x << ", " << y;
    }
}

TEST(DecodeGif, TheFirstFrameOfAnAnimationIsThePicture) {
  const std::vector<Rgb> colours = gif_colours(4);
  const GifFrame first = gif_frame(6, 5, 4);
  GifFrame second = gif_frame(6, 5, 4);
  std::ranges::fill(second.indices, std::uint8_t{1});
  second.transparent = 0;
  const Image image = decoded(write_gif(6, 5, colours, {first, second}));
  EXPECT_EQ(pixel(image, 3, 4), colour_of(first, colours, 3, 4));
  EXPECT_EQ(image.note, "the GIF picture is an animation: its first frame is looked at");
}

TEST(DecodeGif, AFrameThatIsLargerThanItsScreenMakesItLarger) {
  const std::vector<Rgb> colours = gif_colours(4);
  GifFrame frame = gif_frame(6, 5, 4);
  frame.x = 2;
  const Image image = decoded(write_gif(1, 1, colours, {frame}));
  EXPECT_EQ(image.width, 8);
  EXPECT_EQ(image.height, 5);
  EXPECT_EQ(pixel(image, 1, 0), kWhite);
  EXPECT_EQ(pixel(image, 7, 4), colour_of(frame, colours, 5, 4));
}

TEST(DecodeGif, CutOffItIsAnError) {
  GifFrame frame = gif_frame(20, 18, 256);
  const std::string file = write_gif(20, 18, gif_colours(256), {frame});
  for (std::size_t size = 6; size < file.size() - 4; ++size) {
    const Error error = error_of(decode(file.substr(0, size)));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << size;
    EXPECT_EQ(error.message, kDamaged) << size;
  }
  EXPECT_TRUE(decode(file.substr(0, file.size() - 1)).ok()) << "the end alone may be missing";
}

TEST(DecodeGif, NoFlippedBitIsDangerous) {
  GifFrame frame = gif_frame(11, 9, 16);
  frame.interlaced = true;
  frame.transparent = 3;
  const std::string file = write_gif(11, 9, gif_colours(16), {frame});
  int refused = 0;
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto result = decode(damaged, {.max_pixels = 100'000});
    if (result.ok())
      EXPECT_EQ(result->rgb.size(), static_cast<std::size_t>(result->width * result->height * 3));
    else
      ++refused;
  }
  EXPECT_GT(refused, 30);
}

}  // namespace
}  // namespace oc
