// Writes GIF files of one or several frames, with giflib.
#pragma once

#include <gif_lib.h>

#include "tests/image/fixtures.h"

namespace oc::test {

struct GifFrame {
  int x = 0, y = 0, width = 1, height = 1;
  std::vector<std::uint8_t> indices = {};
  std::vector<Rgb> colours = {};  // empty: the file's
  int transparent = -1;
  bool interlaced = false;
};

inline std::string write_gif(int width, int height, const std::vector<Rgb>& colours,
                             const std::vector<GifFrame>& frames) {
  std::string out;
  int error = 0;
  GifFileType* gif = EGifOpen(
      &out,
      [](GifFileType* file, const GifByteType* bytes, int count) {
        static_cast<std::string*>(file->UserData)
            ->append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
        return count;
      },
      &error);
  const auto map_of = [](const std::vector<Rgb>& table) -> ColorMapObject* {
    if (table.empty()) return nullptr;
    ColorMapObject* map =
        GifMakeMapObject(1 << GifBitSize(static_cast<int>(table.size())), nullptr);
    for (std::size_t i = 0; i < table.size(); ++i)
      map->Colors[i] = {static_cast<GifByteType>(table[i][0]),
                        static_cast<GifByteType>(table[i][1]),
                        static_cast<GifByteType>(table[i][2])};
    return map;
  };
  EGifSetGifVersion(gif, true);
  ColorMapObject* screen = map_of(colours);
  EXPECT_EQ(EGifPutScreenDesc(gif, width, height, 8, 0, screen), GIF_OK);
  GifFreeMapObject(screen);
  for (const GifFrame& frame : frames) {
    GraphicsControlBlock control{.DisposalMode = 0,
                                 .UserInputFlag = false,
                                 .DelayTime = 10,
                                 .TransparentColor = frame.transparent};
    GifByteType bytes[4];
    const auto length = static_cast<int>(EGifGCBToExtension(&control, bytes));
    EXPECT_EQ(EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, length, bytes), GIF_OK);
    ColorMapObject* own = map_of(frame.colours);
    EXPECT_EQ(
        EGifPutImageDesc(gif, frame.x, frame.y, frame.width, frame.height, frame.interlaced, own),
        GIF_OK);
    GifFreeMapObject(own);
    constexpr int kFirst[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
    for (int pass = 0; pass < (frame.interlaced ? 4 : 1); ++pass)
      for (int y = frame.interlaced ? kFirst[pass] : 0; y < frame.height;
           y += frame.interlaced ? kStep[pass] : 1)
        EXPECT_EQ(
            EGifPutLine(gif, const_cast<GifPixelType*>(frame.indices.data()) + y * frame.width,
                        frame.width),
            GIF_OK);
  }
  EXPECT_EQ(EGifCloseFile(gif, &error), GIF_OK);
  return out;
}

inline std::vector<Rgb> gif_colours(int count) {
  std::vector<Rgb> out;
  for (int i = 0; i < count; ++i) out.push_back({i * 5 % 256, 255 - i, i * 11 % 256});
  return out;
}
inline GifFrame gif_frame(int width, int height, int colours) {
  GifFrame frame{.width = width, .height = height};
  for (int i = 0; i < width * height; ++i)
    frame.indices.push_back(static_cast<std::uint8_t>((i * 7 + i / width * 3) % colours));
  return frame;
}

}  // namespace oc::test
