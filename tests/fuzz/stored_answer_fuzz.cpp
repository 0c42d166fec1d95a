// A value of the shared response cache: whatever the bytes, an answer that says exactly these
// bytes, or none.
#include <string>
#include <string_view>

#include "runtime/cache/response_codec.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = as_text(data, size);
  // As it is: nobody guesses a SHA-256.
  require(!oc::open_answer("key", bytes).ok());
  // As whoever knows the format could make it.
  const auto read = oc::decode_result(bytes);
  if (!read.ok()) return 0;
  require(oc::encode_result(*read) == bytes);
  const auto again = oc::open_answer("key", oc::seal_answer("key", *read, 7));
  require(again.ok() && again->created == 7 && again->result.text == read->text);
  require(!oc::open_answer("other", oc::seal_answer("key", *read, 7)).ok());
  return 0;
}
