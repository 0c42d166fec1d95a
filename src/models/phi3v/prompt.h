// The chat template of Phi-3.5-Vision, written by origin: only the template makes control tokens
// and image positions; what people type is encoded as plain text, whatever it contains.
#pragma once

#include <span>

#include "models/model.h"

namespace oc {

// `<|role|>\n` content `<|end|>\n` for each turn, then `<|assistant|>\n` unless the last turn is
// the assistant's. Pictures become runs of negative ids (Prompt); BOS stands at the very start and
// again after every picture, since the reference tokenises each piece between pictures on its own
// (processing_phi3_v.py, _convert_images_texts_to_inputs).
// Errors: a picture that is not shown or shown twice; a picture in another turn than the user's.
// With trusted_text (golden data), tags `<|image_N|>` in the text are pictures and must be 1..K.
Result<Prompt> build_phi3v_prompt(const Tokenizer& tokenizer, std::span<const Message> messages,
                                  std::span<const ImagePlan> images, const PromptOptions& options);

// The ids of "<|end|>", "<|endoftext|>" and "</s>", as far as the tokenizer has them.
std::vector<TokenId> phi3v_stop_ids(const Tokenizer& tokenizer);

}  // namespace oc
