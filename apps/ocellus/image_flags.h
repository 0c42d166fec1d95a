// The flags that say how a model is shown a picture: --detail, and one for each knob that a family
// has (--num-crops).
#pragma once

#include "models/image_plan.h"
#include "verbs.h"

namespace oc {

// `options` must outlive the verb. With --detail where `detail` is true. `group`: of the help;
// empty: the verb's own.
void add_image_flags(CLI::App& verb, ImageOptions& options, bool detail,
                     const std::string& group = "");

// Of a family's knob: "--num-crops".
std::string image_knob_flag(const ImageKnob& knob);

}  // namespace oc
