#include "models/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "io/digest.h"
#include "io/json.h"

namespace oc {

std::string checkpoint_fingerprint(const Checkpoint& checkpoint) {
  constexpr std::size_t kSampleBytes = 1024, kSampleEvery = 16;
  constexpr std::size_t kMaxFile = std::size_t{256} << 20;
  Digest digest;
  // Not json_text(): these bytes are part of what certificates and caches are kept under.
  digest.add(boost::json::serialize(checkpoint.config()));
  std::size_t index = 0;
  for (const TensorView* tensor : checkpoint.tensors()) {
    digest.add(
        fmt::format("\n{} {} {}", tensor->name, to_string(tensor->dtype), tensor->shape.str()));
    if (index++ % kSampleEvery == 0)
      digest.add(tensor->data.first(std::min(kSampleBytes, tensor->data.size())));
  }
  // What stands beside the weights and decides about ids, pixels and ends.
  for (const char* name :
       {"tokenizer.json", "preprocessor_config.json", "generation_config.json"}) {
    // None, or one that is too large to be one: the model's own reading of it says so.
    const Result<std::string> file = read_file(checkpoint.folder() / name, kMaxFile);
    const std::string_view bytes = file.ok() ? std::string_view(*file) : std::string_view();
    digest.add(fmt::format("\n{} {}\n", name, bytes.size()));
    digest.add(bytes);
  }
  return digest.finish_hex();
}

}  // namespace oc
