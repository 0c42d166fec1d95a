#include "drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/ascii.h"
#include "image/draw.h"
#include "verbs.h"

namespace oc {
namespace {

enum class DrawingFormat { kPng, kJpeg };

std::optional<DrawingFormat> format_of_name(const std::filesystem::path& file) {
  const std::string ending = lower(file.extension().string());
  if (ending == ".png") return DrawingFormat::kPng;
  if (ending == ".jpg" || ending == ".jpeg") return DrawingFormat::kJpeg;
  return std::nullopt;
}

}  // namespace

void check_drawing(const std::filesystem::path& file, const std::filesystem::path& picture) {
  if (!format_of_name(file))
    throw ExitError{
        2,
        fmt::format("--draw writes PNG and JPEG, and {} is neither by its ending", file.string()),
        "use a name that ends in .png, .jpg or .jpeg"};
  std::error_code none;
  if (std::filesystem::equivalent(file, picture, none))
    throw ExitError{2, fmt::format("--draw would replace the picture {}", file.string()),
                    "use another name"};
  if (std::filesystem::is_directory(file, none))
    throw ExitError{1, fmt::format("cannot write {}: it is a folder", file.string()),
                    "name a file in it"};
  const std::filesystem::path folder = file.parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder, none))
    throw ExitError{
        1, fmt::format("cannot write {}: there is no folder {}", file.string(), folder.string()),
        "make it first, or name another"};
}

Image drawn(Image image, std::span<const FoundObject> objects) {
  for (const FoundObject& object : objects)
    if (object.width && object.height)
      draw(image, DrawnBox{object.x_min(), object.y_min(), object.x_max(), object.y_max()});
    else
      draw(image, DrawnPoint{object.x, object.y});
  return image;
}

void write_drawing(const std::filesystem::path& file, const Image& image) {
  const bool jpeg = format_of_name(file) == DrawingFormat::kJpeg;
  if (jpeg && std::max(image.width, image.height) > kMaxJpegSide)
    throw ExitError{1, fmt::format("a JPEG has at most {} pixels a side", kMaxJpegSide),
                    "use a name that ends in .png"};
  const std::vector<std::byte> bytes = jpeg ? encode_jpeg(image) : encode_png(image);
  errno = 0;
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  if (out.flush()) return;
  const bool full = errno == ENOSPC || errno == EDQUOT;
  const std::string why = errno == 0 ? "" : lower(std::generic_category().message(errno));
  throw ExitError{
      1, fmt::format("cannot write {}{}{}", file.string(), why.empty() ? "" : ": ", why),
      full ? "make room there, or name another place" : "check the folder and its permissions"};
}

}  // namespace oc
