// config.json of a quantised model: one member more, all else byte for byte.
#include "runtime/quantize/folder.h"

#include "io/json.h"
#include "tests/io/fixtures.h"

namespace oc {
namespace {

using test::error_of;
using test::has;

TEST(QuantizedConfig, KeepsTheTextAndItsIndent) {
  EXPECT_EQ(
      with_quantization("{\n  \"a\": 7.879999999999876,\n  \"b\": [1e-05]\n}\n", {4, 64}).value(),
      "{\n  \"a\": 7.879999999999876,\n  \"b\": [1e-05],\n  \"quantization\": {\n"
      "    \"group_size\": 64,\n    \"bits\": 4\n  }\n}\n");
  EXPECT_EQ(with_quantization("{\"a\": {\"b\": \"}\"}}", {8, 32}).value(),
            "{\"a\": {\"b\": \"}\"},\"quantization\": {\"group_size\": 32,\"bits\": 8}}");
  EXPECT_EQ(with_quantization("{ }", {8, 32}).value(),
            "{\"quantization\": {\"group_size\": 32,\"bits\": 8}}");
}

TEST(QuantizedConfig, RefusesWhatIsNoObjectOrHasOne) {
  for (const char* text : {"[]", "{", "{\"quantization\": null}"})
    EXPECT_EQ(error_of(with_quantization(text, {})).code, ErrorCode::kCorrupt) << text;
}

}  // namespace
}  // namespace oc
