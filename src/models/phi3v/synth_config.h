// The JSON files of a synthetic checkpoint (synth.h).
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

namespace oc {

// "phi-3.5-vision" (the published sizes) or "tiny"; bits 0 for unquantised. nullopt: unknown shape.
std::optional<boost::json::object> synth_config(std::string_view shape, int bits);
boost::json::object synth_preprocessor();
// Byte tokens, ASCII characters and filler words, no merges; the real special tokens.
boost::json::object synth_tokenizer(std::int64_t vocab_size);

}  // namespace oc
