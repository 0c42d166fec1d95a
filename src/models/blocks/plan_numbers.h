// Reading back what a family wrote into a picture's plan.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "models/image_plan.h"

namespace oc {

// The whole numbers of plan.family behind `layout`, in order. The plan is one of this family's,
// with so many numbers: anything else is a fault of the program.
std::vector<int> plan_numbers(const ImagePlan& plan, std::string_view layout, std::size_t count);

}  // namespace oc
