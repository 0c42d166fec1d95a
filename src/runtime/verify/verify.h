// Recomputes golden reference data (the layout of the golden set's README) and compares every
// stage: token ids, pictures, vision tower, image embeddings, decoder layers, logits, greedy
// tokens.
#pragma once

#include <boost/json/value.hpp>
#include <filesystem>
#include <optional>
#include <span>

#include "models/golden.h"
#include "models/model.h"
#include "runtime/verify/report.h"

namespace oc {

// The coarsest rounding on the way to the logits. With any of it logits are judged by rms over std,
// and decoder layers are only shown; so is the vision tower when activations are rounded.
enum class Rounding {
  kNone,             // float32 throughout
  kHalfCache,        // keys and values in f16
  kF16Activations,   // products and attention in the weights' f16
  kBf16Activations,  // in their bf16: three bits less
  kInt8Cache,        // keys and values in int8
  kInt8Activations,  // and any cache
};

struct VerifyOptions {
  Rounding rounding = Rounding::kNone;
  int max_model_tokens = 0;         // > 0: leaves out model cases with longer prompts
  bool one_case_a_picture = false;  // the first of the first picture, the second of the second, …
  // Called before each case; for progress.
  std::function<void(std::string_view stage, std::string_view name)> progress;
};

// What the model's engine rounds of what it computes.
Rounding rounding_of(const Model& model);
// With rounding: rms of the difference over the logits' standard deviation, of one case and the
// mean. Without: zero, as they are judged otherwise.
struct RmsLimits {
  double one, mean;
};
RmsLimits rms_limits(Rounding rounding);

// Each part is skipped (false) when its folder is not there. Errors: files that cannot be read.
Result<bool> verify_text(const std::filesystem::path& goldens, const Model& model,
                         const VerifyOptions& options, VerifyReport& report);
// What decoders give is the same for every model; how a picture is then cut is its family's.
Result<bool> verify_image(const std::filesystem::path& goldens, const Model& model,
                          const VerifyOptions& options, VerifyReport& report);
Result<bool> verify_model(const std::filesystem::path& goldens, const Model& model,
                          const VerifyOptions& options, VerifyReport& report);

// How a golden case shows its pictures; nullopt: the case is for other checkpoints of the family.
std::optional<ImageOptions> golden_options(const boost::json::object& c, const Model& model);
// What the model's family allows.
GoldenLimits golden_limits(const Model& model);
// Messages of a golden case, whose text holds live tags and control tokens.
Result<std::vector<Message>> golden_messages(const boost::json::value& messages);
// What a golden case asks for, where that is no conversation; detect and point look for so many
// objects. And the model's revision that it is of; empty: the checkpoint's.
std::optional<Task> golden_task(const boost::json::object& c, int max_objects);
std::string_view golden_revision(const boost::json::object& c);
// Ids with each run of image positions written as [-N, count], N counting pictures from 1.
boost::json::array golden_ids(const Prompt& prompt);

}  // namespace oc
