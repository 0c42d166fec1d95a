// --draw: a picture with what was found in it, as a file.
#pragma once

#include <filesystem>
#include <span>

#include "image/image.h"
#include "models/task.h"

namespace oc {

// Before anything is computed. Ends the program with status 2 where a file of this name can be no
// picture that we write, or is `picture`, which it would replace; with 1 where there is no folder
// for it.
void check_drawing(const std::filesystem::path& file, const std::filesystem::path& picture);

// The picture with boxes and points over it.
Image drawn(Image image, std::span<const FoundObject> objects);

// A picture as PNG or JPEG by the file's ending. Ends the program
// where it cannot be written.
void write_drawing(const std::filesystem::path& file, const Image& image);

}  // namespace oc
