#include "api/timings_json.h"

#include <gtest/gtest.h>

#include <limits>

#include "io/json_text.h"
#include "runtime/request.h"

namespace oc {
namespace {

TEST(TimingsJson, EveryTimeToThreeDecimals) {
  Timings t;
  t.queue_ms = 1;
  t.preprocess_ms = 2.00049;
  t.encode_ms = 3.5;
  t.prefill_ms = 4;
  t.ttft_ms = 5;
  t.decode_ms = 6;
  t.total_ms = 7;
  t.decode_tokens_per_second = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(json_text(timings_json(t)),
            R"({"queue_ms":1.0,"preprocess_ms":2.0,"encode_ms":3.5,"prefill_ms":4.0,"ttft_ms":5.0,)"
            R"("decode_ms":6.0,"total_ms":7.0,"decode_tokens_per_second":0.0})");
}

}  // namespace
}  // namespace oc
