// --draw: a picture with what was found in it, as a file.
#pragma once

#include <filesystem>
#include <span>

#include "image/image.h"
#include "models/task.h"

namespace oc {

// Ends the program with status 2 where a file of this name can be no picture that we write.
void check_drawing_name(const std::filesystem::path& file);

// The picture with boxes and points over it, as PNG or JPEG by the file's ending. Ends the program
// where it cannot be written.
void write_drawing(const std::filesystem::path& file, Image image,
                   std::span<const FoundObject> objects);

}  // namespace oc
