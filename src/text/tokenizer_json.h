// Reads and checks a tokenizer.json. Everything that the rest of text/ relies on is established
// here.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/bpe.h"
#include "text/vocabulary.h"

namespace oc {

struct TokenizerSpec {
  Vocabulary vocabulary;           // added tokens included and marked
  std::vector<Merge> merges;       // by rank; none leads to an added token
  std::array<TokenId, 256> bytes;  // the token "<0xNN>" of every byte, none of them added
  std::vector<AddedToken> added;   // distinct contents, 1 to 256 bytes
  TokenId bos = 0;
};

// `what` names the document in errors.
Result<TokenizerSpec> parse_tokenizer_json(std::string_view json, std::string_view what);

}  // namespace oc
