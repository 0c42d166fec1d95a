// POST /tokenize and /detokenize: from a text to a model's tokens and back, as llama.cpp's and
// vLLM's servers have it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/field.h"
#include "base/memory_budget.h"
#include "base/result.h"
#include "text/tokenizer.h"

namespace oc {

// Rows of their bodies.
std::span<const RequestField> tokenize_fields();
std::span<const RequestField> detokenize_fields();

struct TokenizeRequest {
  std::string model;  // as the client wrote it; empty when absent
  std::string text;
  bool begin = false;   // with what the model's texts begin with ("<s>")
  bool control = true;  // "<|end|>" and the like in the text are control tokens
  bool pieces = false;  // llama.cpp's with_pieces
  bool texts = false;   // vLLM's return_token_strs
};

struct DetokenizeRequest {
  std::string model;
  std::vector<TokenId> ids;
};

// The body is freed as soon as it is read; `memory` holds what it takes. Errors: kInvalidArgument
// and kUnsupported with the field in param, kMemoryFull.
Result<TokenizeRequest> parse_tokenize(std::string&& body, Reservation& memory);
Result<DetokenizeRequest> parse_detokenize(std::string&& body, Reservation& memory);

// {"tokens": […], "count", "max_model_len"}. kMemoryFull where `memory` cannot hold what it takes.
Result<std::string> tokens_json(const TokenizeRequest& request, const Tokenizer& tokenizer,
                                std::int64_t context_length, Reservation& memory);
// {"content", "prompt"}: the same text by both servers' names. kInvalidArgument: an id that the
// model does not have.
Result<std::string> text_json(const DetokenizeRequest& request, const Tokenizer& tokenizer);

}  // namespace oc
