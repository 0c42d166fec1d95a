// The helper's side: it takes the request, locks itself in, decodes and exits.
#pragma once

#include "image/image_helper.h"
#include "image/isolated/request.h"

namespace oc {

// Whether main() asked is_image_helper(), so that this program may be started again.
bool can_be_image_helper();

// image_helper_main() with another decoder: tests have some that misbehave.
int run_image_helper(DecodePixels decode);

}  // namespace oc
