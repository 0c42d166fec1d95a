// Questions about pictures that are drawn here, with their answers: for a first look at a model
// without a data set. They are of the embedded model's world, so that it can answer them too.
#pragma once

#include <cstddef>
#include <cstdint>

#include "image/image.h"
#include "runtime/eval/vqa_data.h"

namespace oc {

struct DrawnQuestion {
  VqaQuestion question;  // its picture is a name, no file
  Image picture;         // one shape on a pale ground, 160 to 320 pixels wide and high
};

// The same on every machine. By turns: which shape, which colour, how many, and whether something
// is there that is, or is not.
DrawnQuestion drawn_question(std::size_t index, std::uint64_t seed);

}  // namespace oc
