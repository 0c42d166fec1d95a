// Files that are no picture that can be read, by what they are. Private to the layer.
#pragma once

#include <string>

#include "base/result.h"
#include "image/bytes.h"
#include "image/image.h"

namespace oc {

// "JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF or TIFF": what this build reads.
std::string readable_formats();

// kUnsupported: a picture whose decoder is not built in.
Error not_built_in(ImageFormat format);

// kUnsupported: what the file is, as far as its bytes tell, and what to do.
Error not_an_image(Bytes file);

// Whether a TIFF structure is a camera's raw file or has no picture at all; the maker's name, or
// what it is called: "Nikon raw (NEF)", "DNG raw". Empty: it is a picture.
std::string raw_kind(Bytes tiff);
// A TIFF file that is none of these.
bool is_plain_tiff(Bytes file);

}  // namespace oc
