// Pictures whose libraries cannot be stopped midway (HEIC, AVIF, TIFF) are decoded in a process of
// their own: this very program, started again with an argument that nobody else uses. Whoever
// decodes such pictures begins main() with
//
//   if (oc::is_image_helper(argc, argv)) return oc::image_helper_main();
//
// A program that does not is never started again; these pictures are then refused.
#pragma once

namespace oc {

// Whether this process is a helper. Also notes that this program can be one.
bool is_image_helper(int argc, const char* const* argv);

// Decodes the one picture that it was started for; the exit status. Prints nothing.
int image_helper_main();

}  // namespace oc
