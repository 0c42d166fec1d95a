// The tokenizers of GPT-2 and its descendants: byte-pair encoding over the bytes of pieces that a
// regular expression cuts, after added tokens have been matched on the raw text. As Hugging Face
// writes it into a tokenizer.json.
#pragma once

#include <memory>

#include "base/result.h"
#include "io/json.h"
#include "text/tokenizer.h"

namespace oc {

// Documents that need a normalizer, or another pre-tokenizer, post-processor, decoder or model, are
// refused.
Result<std::shared_ptr<const Tokenizer>> read_byte_level(const JsonReader& document);

}  // namespace oc
