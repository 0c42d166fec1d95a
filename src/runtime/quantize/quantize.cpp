#include "runtime/quantize/quantize.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/system/processor.h"
#include "base/thread_pool.h"
#include "io/whole_file.h"
#include "runtime/quantize/folder.h"
#include "runtime/quantize/shard.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

std::size_t input_bytes(const ShardPlan& shard) {
  std::size_t total = 0;
  for (const TensorPlan& tensor : shard.tensors) total += tensor.input->data.size();
  return total;
}

// The record of a planned shard that an earlier run finished, if its file is still as it was.
const FinishedShard* finished(const OutputFolder& folder, const ShardPlan& shard) {
  if (!folder.earlier()) return nullptr;
  for (const FinishedShard& candidate : folder.earlier()->shards)
    if (candidate.file == shard.file && candidate.tensors.size() == shard.tensors.size() &&
        is_intact(folder.path(), candidate))
      return &candidate;
  return nullptr;
}

Result<void> check_same_work(const OutputFolder& folder, const QuantizePlan& plan) {
  if (!folder.earlier() || folder.earlier()->fingerprint == plan.fingerprint) return {};
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("{} holds a quantisation with other options or of another input",
                           folder.path().string()),
               "name another folder, or begin again with --restart"};
}

Result<FinishedShard> make_shard(const fs::path& folder, const ShardPlan& shard,
                                 const QuantSpec& spec, ThreadPool& pool, const ShardHooks& hooks) {
  FinishedShard out{.file = shard.file};
  OC_ASSIGN_OR_RETURN(out.tensors, write_shard(folder, shard, spec, pool, hooks));
  OC_ASSIGN_OR_RETURN(out.sha256, file_sha256(folder / shard.file));
  std::error_code error;
  out.bytes = fs::file_size(folder / shard.file, error);
  return out;
}

}  // namespace

Result<Quantized> quantize(const fs::path& input, const fs::path& output,
                           const QuantizePlanOptions& options, const QuantizeRun& run) {
  OC_ASSIGN_OR_RETURN(std::shared_ptr<const Checkpoint> checkpoint, Checkpoint::open(input));
  OC_ASSIGN_OR_RETURN(const QuantizePlan plan, plan_quantization(std::move(checkpoint), options));
  OC_RETURN_IF_ERROR(plan.input->intact());
  OC_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFolder> folder,
                      OutputFolder::open(output, input));
  if (run.restart) OC_RETURN_IF_ERROR(folder->clear());
  OC_RETURN_IF_ERROR(check_same_work(*folder, plan));

  QuantizeState state{.fingerprint = plan.fingerprint};
  QuantizeProgress progress{.total = plan.input_bytes()};
  std::vector<const ShardPlan*> missing;
  std::size_t missing_bytes = 0;
  for (const ShardPlan& shard : plan.shards) {
    if (const FinishedShard* found = finished(*folder, shard)) {
      state.shards.push_back(*found);
      progress.resumed += input_bytes(shard);
    } else {
      missing.push_back(&shard);
      missing_bytes += shard.bytes();
    }
  }
  progress.done = progress.resumed;
  OC_RETURN_IF_ERROR(folder->check_space(missing_bytes));
  std::error_code ignored;  // no model until it is whole
  if (!missing.empty()) fs::remove(output / "config.json", ignored);
  OC_RETURN_IF_ERROR(write_state(output, state));
  if (run.progress) run.progress(progress);

  ThreadPool pool(run.threads > 0 ? run.threads : usable_cores());
  const ShardHooks hooks{.advanced =
                             [&](std::size_t bytes) {
                               progress.done += bytes;
                               if (run.progress) run.progress(progress);
                             },
                         .cancelled = run.cancelled,
                         .intact = [&] { return plan.input->intact(); }};
  for (const ShardPlan* shard : missing) {
    OC_ASSIGN_OR_RETURN(FinishedShard made, make_shard(output, *shard, plan.spec, pool, hooks));
    state.shards.push_back(std::move(made));
    OC_RETURN_IF_ERROR(write_state(output, state));
  }
  std::ranges::sort(state.shards, {}, &FinishedShard::file);
  OC_RETURN_IF_ERROR(write_companions(output, plan));
  state.complete = true;
  OC_RETURN_IF_ERROR(write_state(output, state));

  Quantized out{.shards = plan.shards.size(),
                .resumed_shards = plan.shards.size() - missing.size()};
  out.report.input_bytes = progress.total;
  for (const ShardPlan& shard : plan.shards) out.report.output_bytes += shard.bytes();
  for (const FinishedShard& shard : state.shards)
    out.report.tensors.insert(out.report.tensors.end(), shard.tensors.begin(), shard.tensors.end());
  return out;
}

}  // namespace oc
