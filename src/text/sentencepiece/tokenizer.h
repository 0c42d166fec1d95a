// The tokenizers of Llama and its descendants: byte-fallback BPE over "▁"-prefixed segments, after
// added tokens have been matched on the raw text. SentencePiece's way, as Hugging Face writes it
// into a tokenizer.json.
#pragma once

#include <memory>

#include "base/result.h"
#include "io/json.h"
#include "text/tokenizer.h"

namespace oc {

// Documents that need another normalizer, pre-tokenizer, post-processor, decoder or model are
// refused.
Result<std::shared_ptr<const Tokenizer>> read_sentencepiece(const JsonReader& document);

}  // namespace oc
