// The engine for every machine: weights in place, int8 activations, SIMD chosen at run time,
// threads.
#pragma once

#include <memory>

#include "base/thread_pool.h"
#include "engines/cpu/kv_cache.h"
#include "engines/cpu/weights.h"
#include "ops/engine.h"

namespace oc {

class CpuEngine final : public Engine {
 public:
  struct Options {
    int threads = 1;
    bool int8_activations = true;                  // on quantised weights
    kernels::Storage kv = kernels::Storage::kF16;  // kF32, kF16 or kQ8
    const kernels::Table* table = nullptr;
  };
  explicit CpuEngine(const Options& options);

  EngineInfo info() const override;
  std::string arithmetic() const override;
  Result<LinearPtr> prepare_linear(std::span<const RawMatrix> parts) override;
  Result<TablePtr> prepare_table(const RawMatrix& matrix) override;
  Result<NormPtr> prepare_norm(NormKind kind, float eps, const TensorView& weight,
                               const TensorView* bias) override;
  std::unique_ptr<KvSequence> make_sequence(const KvSpec& spec) override;
  std::size_t kv_token_bytes(const KvSpec& spec) const override;
  MemoryTraits memory_traits() const override;
  Tensor upload(std::span<const float> values, std::int64_t rows, std::int64_t cols) override;
  void read(const Tensor& tensor, std::span<float> out) override;
  Tensor embed(const TableWeight& table, std::span<const std::int32_t> ids,
               const Tensor& image_rows) override;
  Tensor linear(Tensor x, const LinearWeight& weight, LinearOptions options) override;
  Tensor gated_mlp(Tensor x, const NormWeight& norm, const LinearWeight& gate_up,
                   const LinearWeight& down) override;
  Tensor attend(Tensor qkv, const AttendSpec& spec, const Batch& batch) override;
  Tensor attend_full(Tensor qkv, const AttendSpec& spec, std::int64_t block) override;
  Tensor norm(Tensor x, const NormWeight& weight) override;
  Tensor gather(std::span<const Tensor> sources, std::span<const std::int64_t> rows,
                int group) override;
  Tensor add_table(Tensor x, const TableWeight& table) override;

 private:
  // The rows of a product's input.
  struct InputRows {
    // How one comes about: read, normalised, or a gated pair.
    std::function<const float*(std::int64_t t, float* buffer)> fill;
    bool outliers = false;  // they are looked for: values that int8 would lose the others for
  };

  Tensor make(std::int64_t rows, std::int64_t cols);
  // width: values that a row's work goes over.
  void for_rows(std::int64_t rows, std::int64_t width,
                const std::function<void(std::int64_t row, int thread)>& body);
  // y = act(X · Wᵀ + bias) + add; no act where outliers are looked for.
  void multiply(const InputRows& input, std::int64_t rows, const CpuLinear& weight,
                kernels::Function function, const float* add, std::int64_t add_stride, float* y,
                std::int64_t y_stride);
  Tensor attend_full_int16(const Tensor& qkv, const AttendSpec& spec, std::int64_t block);
  void attend_segments(const float* qkv, std::int64_t row_stride, const AttendSpec& spec,
                       std::span<const Segment> segments, float* out);

  Options options_;
  const kernels::Table& table_;
  ThreadPool pool_;
  std::shared_ptr<BufferPool> buffers_;
};

}  // namespace oc
