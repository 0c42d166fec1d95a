// How a model is shown a picture, as far as others than its family need to know: the knobs that a
// request may turn, and what comes of a picture of some size.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace oc {

// A whole number that a request may set for its pictures, named as in requests (num_crops; on the
// command line --num-crops). More of it is more views and tokens.
struct ImageKnob {
  std::string_view name;
  std::string_view unit;     // one of what it counts: "crop"; empty: a switch, 0 or 1
  std::string_view meaning;  // "Most crops a picture is cut into"
  int min = 1, max = 1;
  int fallback = 1;  // the family's; of a Model and a Blueprint: the checkpoint's
  // What a request's `detail` sets it to, if anything.
  std::optional<int> low = {}, high = {};
};

using KnobValues = std::map<std::string, int, std::less<>>;  // by name

enum class ImageDetail { kAuto, kLow, kHigh };

// What a request says of a picture. A knob has the picture's own value, else what `detail` sets it
// to, else the request's value, else the model's.
struct ImageOptions {
  KnobValues knobs = {};
  ImageDetail detail = ImageDetail::kAuto;
  KnobValues request_knobs = {};
};

// The values of all `knobs`. kUnsupported: options turn one that is none of these;
// kInvalidArgument: out of its bounds. Both name it.
Result<KnobValues> knob_values(std::span<const ImageKnob> knobs, const ImageOptions& options);

// For sentences to people, empty where there is no knob: "crops"; "a smaller num_crops (1 is the
// least)"; "16 crops" of values.
std::string knob_units(std::span<const ImageKnob> knobs);
std::string smaller_knobs(std::span<const ImageKnob> knobs);
std::string counted_knobs(std::span<const ImageKnob> knobs, const KnobValues& values);
// What `detail` sets the knobs to, where it sets any.
KnobValues detail_values(std::span<const ImageKnob> knobs, ImageDetail detail);

// What a family tells of a plan. The sizes of the picture and its tokens stand in ImagePlan.
struct ImageDescription {
  std::vector<std::pair<std::string, std::string>> lines;  // for people: "canvas", "672 x 672"
  boost::json::object sizes;                               // for programs, all there is to say
  boost::json::object answer;                              // the short form, as answers have it
};

// How one picture will be shown to the model. Equal `family` of equal pixels: equal rows.
struct ImagePlan {
  int width = 0, height = 0;  // upright picture, pixels
  int tokens = 0;             // positions in the prompt
  int views = 0;              // of the picture, that the tower gets: steps of its encoding
  std::size_t bytes = 0;      // what its encoding takes until its last step
  ImageDescription description;
  // The part that only the family understands, canonical: it begins with the family's name and the
  // number of its layout, and stands in every cache key.
  std::string family;
};

// A plan for programs: everything, and as answers have it.
boost::json::object plan_json(const ImagePlan& plan);
boost::json::object plan_json_of_answer(const ImagePlan& plan);

}  // namespace oc
