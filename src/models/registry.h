// From a model folder to what runs it: the architecture is named by config.json.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/blueprint.h"
#include "models/footprint.h"
#include "models/golden.h"
#include "models/model.h"

namespace oc {

// A random checkpoint, its weights left out.
struct SynthCheckpoint {
  std::vector<std::pair<std::string, boost::json::object>> files;  // by name; with a tokenizer.json
  // Rows of the matrix `head` from the first to the last are made small: ids that would end an
  // answer, or have no text.
  std::string head;
  std::vector<std::pair<std::int64_t, std::int64_t>> small_rows;
};

// All that the rest of the program knows of an architecture.
struct Architecture {
  std::string_view type;   // config.json's model_type: "phi3_v"
  std::string_view title;  // "Phi-3.5-Vision"
  std::span<const ImageKnob> knobs;
  Result<std::unique_ptr<const Model>> (*load)(std::shared_ptr<const Checkpoint>,
                                               std::shared_ptr<Engine>);
  Result<std::unique_ptr<const Blueprint>> (*open)(const std::filesystem::path& folder);
  Result<ModelFootprint> (*measure)(const Checkpoint&, const Engine&, const StepShape&,
                                    std::optional<QuantSpec>);
  // Names of shapes that `synth` knows, the last one tiny, and a checkpoint of one; bits 0:
  // unquantised.
  std::span<const std::string_view> shapes;
  SynthCheckpoint (*synth)(std::string_view shape, int bits);
  // How it cuts a picture, against golden data; null: nothing to compare.
  void (*check_golden_image)(const GoldenImage&, GoldenChecks&);
  // The knobs that a golden case sets, of those of a checkpoint; nullopt: the case is for others.
  // Null: it sets them by their names.
  std::optional<KnobValues> (*golden_knobs)(const boost::json::object&,
                                            std::span<const ImageKnob>) = nullptr;
  GoldenLimits golden_limits = {};
  // What golden data calls the family, where that is another word than `type`.
  std::string_view golden_family = {};
  bool frames = false;  // its models are shown frames of videos (ModelInfo::frames)
  bool tasks = false;   // they have tasks beside conversations (ModelInfo::tasks)
  // Another model_type that its checkpoints have: of conversions.
  std::string_view other_type = {};
};

std::span<const Architecture> architectures();  // the only thing that registry.cpp has

// The knobs of all of them, by name, each within the bounds of whoever allows most: for who reads a
// request before it is known which model is asked.
std::vector<ImageKnob> image_knobs();

// That of a config.json. kUnsupported says which there are.
Result<const Architecture*> architecture_of(const boost::json::object& config);

// Loads the checkpoint in `folder` for `engine`, which must outlive the model. Errors name what is
// missing or wrong; nothing runs before every shape was checked.
Result<std::unique_ptr<const Model>> load_model(const std::filesystem::path& folder,
                                                std::shared_ptr<Engine> engine);

// The same without weights: they need not be there. Errors name file and key.
Result<std::unique_ptr<const Blueprint>> open_blueprint(const std::filesystem::path& folder);

}  // namespace oc
