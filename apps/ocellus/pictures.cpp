#include "pictures.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/json.h"
#include "terminal.h"

namespace oc {
namespace {

Error about(const std::string& file, Error error) {
  error.message =
      fmt::format("{}: {}", file == "-" ? "standard input" : file, std::move(error.message));
  return error;
}

}  // namespace

Result<Picture> read_picture(const std::string& file) {
  const ImageLimits limits;
  OC_ASSIGN_OR_RETURN(const std::string content, file == "-" ? read_stdin(limits.max_bytes)
                                                             : read_file(file, limits.max_bytes));
  const auto bytes = std::as_bytes(std::span(content));
  auto info = probe_image(bytes, limits);
  if (!info.ok()) return about(file, info.error());
  auto image = decode_image(bytes, limits);
  if (!image.ok()) return about(file, image.error());
  return Picture{file, *info, std::make_shared<const Image>(*std::move(image))};
}

Result<std::vector<Picture>> read_pictures(const std::vector<std::string>& files) {
  if (std::count(files.begin(), files.end(), "-") > 1)
    return Error{ErrorCode::kInvalidArgument, "standard input (-) can be read only once"};
  std::vector<Picture> pictures;
  for (const std::string& file : files) {
    OC_ASSIGN_OR_RETURN(Picture picture, read_picture(file));
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

boost::json::object picture_json(const Picture& picture, const ImagePlan& plan) {
  boost::json::object out{{"format", to_string(picture.info.format)},
                          {"exif_orientation", picture.info.exif_orientation}};
  for (const auto& [key, value] : plan_json(plan)) out[key] = value;
  return out;
}

}  // namespace oc
