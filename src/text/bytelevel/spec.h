// Reads and checks a tokenizer.json of this kind. Everything that the rest of the room relies on is
// established here.
#pragma once

#include <array>
#include <vector>

#include "base/result.h"
#include "io/json.h"
#include "text/bpe_merges.h"
#include "text/vocabulary.h"

namespace oc {

struct ByteLevelSpec {
  Vocabulary vocabulary;           // added tokens included and marked
  std::vector<Merge> merges;       // by rank; none leads to an added token
  std::array<TokenId, 256> bytes;  // the token of every byte, none of them added; -1: none
  std::vector<AddedToken> added;   // distinct contents, 1 to 256 bytes
  bool digits_apart = false;       // PreTokenizer
};

Result<ByteLevelSpec> read_byte_level_spec(const JsonReader& document);

}  // namespace oc
