// What a model folder's JSON files alone tell: sizes, tensors, pictures, prompts. No weights and no
// engine. One implementation per architecture; const, any thread.
#pragma once

#include <array>
#include <boost/json/object.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/expected_tensors.h"
#include "models/model.h"

namespace oc {

// A picture as the vision tower gets it: resized, cut and normalised.
struct ImageViews {
  int side = 0;                        // S
  std::vector<float> pixels;           // [views, 3, S, S]
  std::array<float, 3> mean{}, std{};  // what pixels were normalised with
  std::vector<std::string> names;      // of each view: "global", "crop_0_1"
  // What the reference's processor gives beside pixel_values, [1, n] each.
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> sizes;
};

class Blueprint {
 public:
  virtual ~Blueprint() = default;
  // In the order of execution; those that nothing reads are there, too.
  virtual std::vector<ExpectedTensor> tensors() const = 0;
  // As of ModelInfo and Model.
  virtual std::vector<ImageKnob> knobs() const = 0;
  virtual std::optional<FrameRules> frames() const { return std::nullopt; }
  virtual Result<ImagePlan> plan_image(int width, int height,
                                       const ImageOptions& options) const = 0;
  virtual Result<Prompt> build_prompt(const Tokenizer& tokenizer, std::span<const Message> messages,
                                      std::span<const ImagePlan> images,
                                      const PromptOptions& options) const = 0;
  virtual Result<ImageViews> preprocess(const Image& image, const ImagePlan& plan) const = 0;
  // The sizes of the model, for people ("decoder": "32 layers, …") and for programs.
  virtual std::vector<std::pair<std::string, std::string>> summary() const = 0;
  virtual boost::json::object sizes() const = 0;
};

}  // namespace oc
