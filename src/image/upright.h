// Turning a stored picture as EXIF says.
#pragma once

#include "base/interrupt.h"
#include "image/image.h"

namespace oc {

// The picture as it should be looked at. EXIF: 1 as it is, 2 mirrored, 3 upside down, 4 flipped,
// 5 transposed, 6 turned right, 7 transversed, 8 turned left. Takes a second picture meanwhile,
// except for 1. One that is interrupted returns early, with pixels that mean nothing.
Image upright(Image image, int orientation, const Interrupt& interrupt = {});

}  // namespace oc
