// Picture files for the verbs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "image/image.h"
#include "models/image_plan.h"

namespace oc {

struct Picture {
  std::string file;  // as given; "-" is standard input
  ImageInfo info;    // as stored
  std::shared_ptr<const Image> image;
};

// Reads and decodes; errors name the file. "-" reads standard input, which can be done once.
Result<Picture> read_picture(const std::string& file);
Result<std::vector<Picture>> read_pictures(const std::vector<std::string>& files);

// What is known of a picture, and how a model is shown it.
boost::json::object picture_json(const Picture& picture, const ImagePlan& plan);

}  // namespace oc
