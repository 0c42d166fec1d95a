// The chat template of SmolVLM2, written by origin: only the template makes control tokens and
// image positions; what people type is encoded as plain text, whatever it contains.
#pragma once

#include <span>
#include <vector>

#include "models/model.h"

namespace oc {

// `<|im_start|>` once; each turn is `User:` or `User: `, its parts one behind the other,
// `<end_of_utterance>` and a newline; then `Assistant:` unless the last turn is the assistant's.
// The colon has no space behind it where the turn begins with a picture. A picture becomes its
// tiles, row by row, and the global view, each behind its markers, `view_tokens` positions each.
// Frames of a video have words around them (frames.h); they are no picture for the colon.
// Errors: a picture that is not shown or shown twice; a picture in another turn than the user's.
// With trusted_text (golden data), tags `<|image_N|>` in the text are pictures and must be 1..K.
Result<Prompt> build_smolvlm_prompt(const Tokenizer& tokenizer, int view_tokens,
                                    std::span<const Message> messages,
                                    std::span<const ImagePlan> images,
                                    const PromptOptions& options);

// The id of "<end_of_utterance>", if the tokenizer has it.
std::vector<TokenId> smolvlm_stop_ids(const Tokenizer& tokenizer);

// Markers of pictures and reserved tokens, which no answer holds: those marked special that stand
// behind the words of the vocabulary, stop ids left out.
std::vector<TokenId> smolvlm_marker_ids(const Tokenizer& tokenizer);

}  // namespace oc
