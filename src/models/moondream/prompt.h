// The prompts of Moondream2, written by origin: token ids of the checkpoint's revision around what
// people type, which is encoded as plain text by itself.
#pragma once

#include <span>

#include "models/model.h"
#include "models/moondream/config.h"

namespace oc {

// BOS, the rows of one picture, and a task: `options.task`, or what the messages ask for. The model
// has no conversations: the last turn, which is a user's, is a question about the newest picture of
// all turns; a picture alone, or one of the model's own words "Caption:", "Short caption:", "Long
// caption:", is captioned. All that is left out is told in Prompt::warning. Errors: two pictures in
// one turn, no picture, no text where it is needed, a caption of a length that the revision lacks.
// With trusted_text (golden data) the last turn is `<|image_1|>` and its text.
Result<Prompt> build_moondream_prompt(const Tokenizer& tokenizer, const MoondreamConfig& config,
                                      std::span<const Message> messages,
                                      std::span<const ImagePlan> images,
                                      const PromptOptions& options);

// What the checkpoint's revision has; detect and point need a region head.
TaskSupport moondream_tasks(const MoondreamConfig& config, bool has_region);

}  // namespace oc
