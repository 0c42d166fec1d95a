// Between our types and MLX's: tensors, bytes of a checkpoint, streams.
#pragma once

#include <mlx/array.h>
#include <mlx/stream.h>

#include <span>
#include <vector>

#include "io/safetensors.h"
#include "ops/tensor.h"

namespace oc {

namespace mx = mlx::core;

// A node of MLX's graph, computed or not.
struct MlxStorage final : TensorStorage {
  explicit MlxStorage(mx::array v) : value(std::move(v)) {}
  mx::array value;  // [rows, cols]
};

Tensor to_tensor(mx::array value);                // [rows, cols]
const mx::array& array_of(const Tensor& tensor);  // OC_CHECK: a tensor of this engine

// Int32, as MLX counts. OC_CHECK: it fits.
mx::ShapeElem dim(std::int64_t size);
mx::Dtype type_of(DType dtype);  // f32, f16, bf16, u32

// The tensor's bytes in MLX's memory, in the same type. Copied: MLX takes over foreign memory on
// Metal only, by whole pages, while a checkpoint's tensors lie at any address.
mx::array copy_array(const TensorView& view, mx::Shape shape);
// The same numbers in another float type.
mx::array convert_array(const TensorView& view, mx::Shape shape, mx::Dtype type);
mx::array copy_array(std::span<const float> values, mx::Shape shape);
mx::array index_array(std::span<const std::int32_t> values);

// A stream that any thread may use, one at a time. MLX's default streams belong to the thread that
// first asked for them, and a graph made on one cannot be evaluated by another; models are loaded
// and run by different threads. MLX keeps a stream and its worker thread for good, so a used one
// is kept for the next engine.
class StreamLease {
 public:
  explicit StreamLease(mx::Device device);
  ~StreamLease();
  StreamLease(const StreamLease&) = delete;
  StreamLease& operator=(const StreamLease&) = delete;
  mx::Stream get() const { return stream_; }

 private:
  mx::Stream stream_;
};

}  // namespace oc
