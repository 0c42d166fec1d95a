// What a family itself says of golden data (runtime/verify): what it is to be compared with, how it
// cuts a picture.
#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "image/image.h"

namespace oc {

// A picture of image/cases.json, decoded, and one of its cases. A check may throw as boost::json
// does where they lack what it reads.
struct GoldenImage {
  const boost::json::object& info;  // of the whole file
  const boost::json::object& expected;
  const Image& image;
  bool lossy = false;  // decoders may differ a little
};

// How far a checkpoint's numbers may be from golden data in float32 arithmetic: absolute
// differences.
struct GoldenLimits {
  double features = 1e-4;       // what the vision part's last step reads
  double vision_layers = 1e-4;  // hidden states of the vision tower
  double image_embeds = 2e-5;   // a picture's rows, and the decoder's input
  double layers = 1e-3;         // hidden states of the decoder
  double norm = 5e-4;
  double logits = 1e-3;
};

// Where the comparisons go, and where the expected values are.
class GoldenChecks {
 public:
  virtual ~GoldenChecks() = default;
  virtual void equal(std::string_view stage, bool good, std::string_view otherwise) = 0;
  virtual void difference(std::string_view stage, double found, double limit) = 0;
  // The largest difference of two lists, infinite where they differ in length.
  virtual void compare(std::string_view stage, std::span<const float> found,
                       std::span<const float> expected, double limit) = 0;
  // Of expect.safetensors; empty where there is no such tensor.
  virtual std::vector<float> tensor(std::string_view name) const = 0;
};

}  // namespace oc
