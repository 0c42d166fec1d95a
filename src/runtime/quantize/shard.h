// One output file: its tensors computed on all threads, written in order with little memory.
#pragma once

#include <functional>

#include "base/thread_pool.h"
#include "runtime/quantize/report.h"

namespace oc {

struct ShardHooks {
  std::function<void(std::size_t input_bytes)> advanced = {};  // since the last call
  std::function<bool()> cancelled = {};
  std::function<Result<void>()> intact = {};  // of the input; asked before any of it is written
};

// Writes `shard` to `folder`, under its name only when it is complete. The bytes and the report do
// not depend on the number of threads. Errors: kCorrupt for values that are not finite,
// kInvalidArgument for those past the range of the type they go to, kCancelled, writing.
Result<std::vector<TensorReport>> write_shard(const std::filesystem::path& folder,
                                              const ShardPlan& shard, const QuantSpec& spec,
                                              ThreadPool& pool, const ShardHooks& hooks);

}  // namespace oc
