#include "api/timings_json.h"

#include <string_view>
#include <utility>

#include "base/number_text.h"
#include "runtime/request.h"

namespace oc {

boost::json::object timings_json(const Timings& t) {
  boost::json::object out;
  for (const auto& [name, value] : {std::pair<std::string_view, double>{"queue_ms", t.queue_ms},
                                    {"preprocess_ms", t.preprocess_ms},
                                    {"encode_ms", t.encode_ms},
                                    {"prefill_ms", t.prefill_ms},
                                    {"ttft_ms", t.ttft_ms},
                                    {"decode_ms", t.decode_ms},
                                    {"total_ms", t.total_ms},
                                    {"decode_tokens_per_second", t.decode_tokens_per_second}})
    out[name] = three_decimals(value);
  return out;
}

}  // namespace oc
