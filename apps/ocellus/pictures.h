// Picture files for the verbs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "image/image.h"

namespace oc {

struct Picture {
  std::string file;  // as given; "-" is standard input
  ImageInfo info;    // as stored
  std::shared_ptr<const Image> image;
};

// Reads and decodes; errors name the file. "-" reads standard input, which can be done once.
Result<Picture> read_picture(const std::string& file);
Result<std::vector<Picture>> read_pictures(const std::vector<std::string>& files);

}  // namespace oc
