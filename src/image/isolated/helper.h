// The helper's side: it takes the request, locks itself in, decodes and exits.
#pragma once

#include "image/isolated/request.h"
#include "image/picture_helper.h"

namespace oc {

// Whether main() asked is_picture_helper(), so that this program may be started again.
bool can_be_picture_helper();

// picture_helper_main() with another decoder: tests have some that misbehave.
int run_picture_helper(DecodePixels decode);

}  // namespace oc
