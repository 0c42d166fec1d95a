#include "engines/mlx/arrays.h"

#include <cstring>
#include <limits>
#include <mutex>

#include "io/checkpoint.h"

namespace oc {
namespace {

struct IdleStreams {
  std::mutex mutex;
  std::vector<mx::Stream> streams;
};
IdleStreams& idle_streams() {
  static IdleStreams idle;
  return idle;
}

mx::Stream take_stream(mx::Device device) {
  IdleStreams& idle = idle_streams();
  const std::lock_guard lock(idle.mutex);
  for (auto it = idle.streams.begin(); it != idle.streams.end(); ++it)
    if (it->device == device) {
      const mx::Stream found = *it;
      idle.streams.erase(it);
      return found;
    }
  return mx::new_thread_unsafe_stream(device);
}

}  // namespace

Tensor to_tensor(mx::array value) {
  OC_CHECK(value.ndim() == 2, "a tensor of {} dimensions", value.ndim());
  const std::int64_t rows = value.shape(0), cols = value.shape(1);
  return {rows, cols, std::make_shared<MlxStorage>(std::move(value))};
}

const mx::array& array_of(const Tensor& tensor) {
  const auto* storage = dynamic_cast<const MlxStorage*>(tensor.storage());
  OC_CHECK(storage != nullptr, "a tensor of another engine, or none");
  return storage->value;
}

mx::ShapeElem dim(std::int64_t size) {
  OC_CHECK(size >= 0 && size <= std::numeric_limits<mx::ShapeElem>::max(), "dimension {}", size);
  return static_cast<mx::ShapeElem>(size);
}

mx::Dtype type_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return mx::float32;
    case DType::kF16:
      return mx::float16;
    case DType::kBF16:
      return mx::bfloat16;
    case DType::kU32:
      return mx::uint32;
    default:
      break;
  }
  OC_CHECK(false, "{} is no type of a weight", to_string(dtype));
  return mx::float32;
}

mx::array copy_array(const TensorView& view, mx::Shape shape) {
  mx::array out(mx::allocator::malloc(view.data.size()), std::move(shape), type_of(view.dtype));
  OC_CHECK(out.nbytes() == view.data.size(), "{}: {} bytes, expected {}", view.name,
           view.data.size(), out.nbytes());
  std::memcpy(out.data<std::byte>(), view.data.data(), view.data.size());
  return out;
}

mx::array convert_array(const TensorView& view, mx::Shape shape, mx::Dtype type) {
  if (type == type_of(view.dtype)) return copy_array(view, std::move(shape));
  return mx::array(to_f32(view).data(), std::move(shape), type);
}

mx::array copy_array(std::span<const float> values, mx::Shape shape) {
  return mx::array(values.data(), std::move(shape), mx::float32);
}

mx::array index_array(std::span<const std::int32_t> values) {
  return mx::array(values.data(), {dim(std::ssize(values))}, mx::int32);
}

StreamLease::StreamLease(mx::Device device) : stream_(take_stream(device)) {}

StreamLease::~StreamLease() {
  IdleStreams& idle = idle_streams();
  const std::lock_guard lock(idle.mutex);
  idle.streams.push_back(stream_);
}

}  // namespace oc
