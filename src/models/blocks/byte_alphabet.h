// GPT-2's way to write any byte as a letter, for synthetic tokenizers.
#pragma once

#include <string>
#include <vector>

namespace oc {

struct ByteLetter {
  int byte = 0;
  std::string letter;  // UTF-8
};
// Of all 256, in the order of the letters' code points.
std::vector<ByteLetter> byte_alphabet();

}  // namespace oc
