#include "runtime/quantize/shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace oc {
namespace {

constexpr std::size_t kSlabBytes = 16u << 20;    // of input, between two writes
constexpr std::size_t kBlockBytes = 256u << 10;  // of input, one thread's work

using Bytes = std::vector<std::byte>;

// [C, 3, p, p] to [C, p, p, 3].
Bytes to_mlx_layout(const TensorView& in) {
  const auto c = static_cast<std::size_t>(in.shape[0]), p = static_cast<std::size_t>(in.shape[2]);
  const std::size_t size = size_of(in.dtype);
  Bytes out(in.data.size());
  std::byte* to = out.data();
  for (std::size_t o = 0; o < c; ++o)
    for (std::size_t pixel = 0; pixel < p * p; ++pixel)
      for (std::size_t channel = 0; channel < 3; ++channel) {
        const std::byte* from = in.data.data() + ((o * 3 + channel) * p * p + pixel) * size;
        to = std::copy_n(from, size, to);
      }
  return out;
}

class ShardJob {
 public:
  ShardJob(const ShardPlan& shard, const QuantSpec& spec, ThreadPool& pool, const ShardHooks& hooks)
      : shard_(shard), spec_(spec), pool_(pool), hooks_(hooks) {}

  Result<std::vector<TensorReport>> run(const std::filesystem::path& folder) {
    std::vector<PlannedTensor> outputs;
    for (const TensorPlan& tensor : shard_.tensors)
      outputs.insert(outputs.end(), tensor.outputs.begin(), tensor.outputs.end());
    OC_ASSIGN_OR_RETURN(
        writer_, SafetensorsWriter::create(folder / shard_.file, outputs, {{"format", "mlx"}}));
    std::vector<TensorReport> reports;
    for (const TensorPlan& tensor : shard_.tensors) {
      OC_ASSIGN_OR_RETURN(const Deviation deviation, write(tensor));
      reports.push_back({tensor.input->name, tensor.action,
                         static_cast<std::size_t>(tensor.input->shape.numel()), deviation});
    }
    OC_RETURN_IF_ERROR(writer_->finish());
    return reports;
  }

 private:
  Result<Deviation> write(const TensorPlan& tensor) {
    switch (tensor.action) {
      case TensorAction::kQuantize:
        return write_quantized(tensor);
      case TensorAction::kCast:
        return write_cast(tensor);
      case TensorAction::kCopy:
        break;
    }
    return write_copy(tensor);
  }

  // The slabs of `in`, in order: `work(first, count)` on each block of a slab, elements counted in
  // whole units; then `flush(first, count)` of the slab.
  template <class Work, class Flush>
  Result<Deviation> in_slabs(const TensorPlan& tensor, std::span<const std::byte> in,
                             std::size_t unit_bytes, const Work& work, const Flush& flush) {
    const std::size_t units = in.size() / unit_bytes;
    const std::size_t slab = std::max<std::size_t>(kSlabBytes / unit_bytes, 1);
    const std::size_t block = std::max<std::size_t>(kBlockBytes / unit_bytes, 1);
    Deviation total;
    for (std::size_t first = 0; first < units; first += slab) {
      if (hooks_.cancelled && hooks_.cancelled())
        return Error{ErrorCode::kCancelled, "interrupted",
                     "the same command goes on from the last finished file"};
      const std::size_t count = std::min(slab, units - first);
      std::vector<Deviation> parts((count + block - 1) / block);
      pool_.run(std::ssize(parts), [&](std::int64_t item, int) {
        const auto i = static_cast<std::size_t>(item);
        parts[i] = work(first, i * block, std::min(block, count - i * block));
      });
      if (hooks_.intact) OC_RETURN_IF_ERROR(hooks_.intact());
      for (const Deviation& part : parts) total += part;  // in order: the same on any threads
      if (!total.input_finite || !total.in_range) return not_finite(tensor, total);
      OC_RETURN_IF_ERROR(flush(first, count));
      if (hooks_.advanced) hooks_.advanced(count * unit_bytes);
    }
    return total;
  }

  Result<Deviation> write_quantized(const TensorPlan& tensor) {
    const TensorView& in = *tensor.input;
    const AffineQuantizer& quantizer = quantizer_for(in.dtype, tensor.dtype);
    const auto group = static_cast<std::size_t>(spec_.group_size);
    const std::size_t unit = group * size_of(in.dtype), meta = size_of(tensor.dtype);
    const std::size_t packed = group * static_cast<std::size_t>(spec_.bits) / 8;
    const std::size_t groups = in.data.size() / unit;
    Bytes codes(std::min(groups, std::max<std::size_t>(kSlabBytes / unit, 1)) * packed);
    Bytes scales(groups * meta), biases(groups * meta);  // they follow all of the codes
    OC_ASSIGN_OR_RETURN(const Deviation total,
                        in_slabs(
                            tensor, in.data, unit,
                            [&](std::size_t first, std::size_t at, std::size_t count) {
                              return quantizer.quantize(
                                  in.data.subspan((first + at) * unit, count * unit), spec_,
                                  std::span(codes).subspan(at * packed, count * packed),
                                  std::span(scales).subspan((first + at) * meta, count * meta),
                                  std::span(biases).subspan((first + at) * meta, count * meta));
                            },
                            [&](std::size_t, std::size_t count) {
                              return writer_->append(std::span(codes).first(count * packed));
                            }));
    OC_RETURN_IF_ERROR(writer_->append(scales));
    OC_RETURN_IF_ERROR(writer_->append(biases));
    return total;
  }

  Result<Deviation> write_cast(const TensorPlan& tensor) {
    const TensorView& view = *tensor.input;
    const AffineQuantizer& quantizer = quantizer_for(view.dtype, tensor.dtype);
    const Bytes turned = tensor.to_mlx_layout ? to_mlx_layout(view) : Bytes();
    const std::span<const std::byte> in = tensor.to_mlx_layout ? turned : view.data;
    const std::size_t from = size_of(view.dtype), to = size_of(tensor.dtype);
    Bytes out(std::min(in.size() / from, kSlabBytes / from) * to);
    return in_slabs(
        tensor, in, from,
        [&](std::size_t first, std::size_t at, std::size_t count) {
          return quantizer.cast(in.subspan((first + at) * from, count * from),
                                std::span(out).subspan(at * to, count * to));
        },
        [&](std::size_t, std::size_t count) {
          return writer_->append(std::span(out).first(count * to));
        });
  }

  Result<Deviation> write_copy(const TensorPlan& tensor) {
    const std::span<const std::byte> in = tensor.input->data;
    return in_slabs(
        tensor, in, 1, [](std::size_t, std::size_t, std::size_t) { return Deviation{}; },
        [&](std::size_t first, std::size_t count) {
          return writer_->append(in.subspan(first, count));
        });
  }

  Error not_finite(const TensorPlan& tensor, const Deviation& found) const {
    const TensorView& in = *tensor.input;
    if (!found.input_finite)
      return {ErrorCode::kCorrupt,
              fmt::format("{}: tensor \"{}\" holds NaN or infinity", in.file, in.name),
              "the file is damaged, or was saved after a training run that diverged"};
    return {ErrorCode::kInvalidArgument,
            fmt::format("{}: tensor \"{}\" holds values past the range of {}", in.file, in.name,
                        to_string(tensor.dtype)),
            "use --dtype bf16 or f32"};
  }

  const AffineQuantizer& quantizer_for(DType from, DType to) {
    return quantizers_.try_emplace({from, to}, from, to).first->second;
  }

  const ShardPlan& shard_;
  const QuantSpec& spec_;
  ThreadPool& pool_;
  const ShardHooks& hooks_;
  std::unique_ptr<SafetensorsWriter> writer_;
  std::map<std::pair<DType, DType>, AffineQuantizer> quantizers_;
};

}  // namespace

Result<std::vector<TensorReport>> write_shard(const std::filesystem::path& folder,
                                              const ShardPlan& shard, const QuantSpec& spec,
                                              ThreadPool& pool, const ShardHooks& hooks) {
  return ShardJob(shard, spec, pool, hooks).run(folder);
}

}  // namespace oc
