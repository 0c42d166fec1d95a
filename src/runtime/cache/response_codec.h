// Whole answers as bytes, for a cache that other processes read and write.
//
//   "OCANSW04" | digest [32] | created i64 | the answer
//
// The digest (SHA-256) is over the key and what follows it: a value that was cut, changed, or
// stored under another key is not taken. Timings stay behind: they are of the request that
// computed the answer; and so do the plans of pictures, which only their family understands: a
// request for the answer makes them anew.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/request.h"

namespace oc {

struct StoredAnswer {
  GenerateResult result;
  std::int64_t created = 0;  // Unix seconds
};

std::string seal_answer(const std::string& key, const GenerateResult& result, std::int64_t created);
// kCorrupt, whatever the bytes are.
Result<StoredAnswer> open_answer(const std::string& key, std::string_view bytes);

// The answer alone. decode_result() takes only what encode_result() may have made: enums, counts,
// lengths and UTF-8 are checked, and memory is taken for what is there, not for what is claimed.
std::string encode_result(const GenerateResult& result);
Result<GenerateResult> decode_result(std::string_view bytes);

}  // namespace oc
