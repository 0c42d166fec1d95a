#include "engines/mlx/mlx_engine.h"

#include <fmt/format.h>
#include <mlx/compile.h>
#include <mlx/device.h>
#include <mlx/fast.h>
#include <mlx/ops.h>
#include <mlx/version.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "engines/mlx/arrays.h"
#include "engines/mlx/fused.h"
#include "engines/mlx/kv_cache.h"
#include "engines/mlx/weights.h"

namespace oc {
namespace {

mx::Device device_of(const MlxOptions& options) {
  return options.gpu ? mx::Device::gpu : mx::Device::cpu;
}

// Weights are made by any thread and loading reports errors as values; MLX throws.
template <class F>
auto caught(std::string_view name, const F& make) -> Result<decltype(make())> {
  try {
    return make();
  } catch (const CheckFailure&) {
    throw;
  } catch (const std::exception& e) {
    return Error{ErrorCode::kUnavailable, fmt::format("MLX could not take {}: {}", name, e.what()),
                 "free memory, or use --engine cpu"};
  }
}

// rows[0], rows[0] + 1, …
template <class T>
bool is_run(std::span<const T> rows) {
  for (std::size_t i = 1; i < rows.size(); ++i)
    if (rows[i] != rows[0] + static_cast<T>(i)) return false;
  return true;
}

class MlxEngine final : public Engine {
 public:
  explicit MlxEngine(const MlxOptions& options)
      : options_(options),
        lease_(device_of(options)),
        stream_(lease_.get()),
        fused_(stream_, options.fuse) {}

  EngineInfo info() const override {
    const bool f32_cache = options_.f32_activations || options_.f32_kv;
    return {.name = "mlx",
            .backend = fmt::format("MLX {} on its {}", mx::version(), options_.gpu ? "gpu" : "cpu"),
            .precision = {.activations = options_.f32_activations ? Precision::Activations::kF32
                                                                  : Precision::Activations::kHalf,
                          .cache = f32_cache ? Precision::Cache::kF32 : Precision::Cache::kHalf}};
  }

  // --- Weights: nothing is computed here, so that any thread may do it.

  Result<LinearPtr> prepare_linear(std::span<const RawMatrix> parts) override {
    OC_CHECK(!parts.empty(), "prepare_linear without a matrix");
    return caught(parts[0].name, [&] {
      auto made = std::make_shared<MlxLinear>();
      made->cols = parts[0].cols;
      for (const RawMatrix& raw : parts) {
        OC_CHECK(raw.cols == made->cols, "{}: {} columns beside {}", raw.name, raw.cols,
                 made->cols);
        OC_CHECK(raw.bias.has_value() == parts[0].bias.has_value(), "{}: bias beside none",
                 raw.name);
        made->parts.push_back(mlx_matrix(raw, options_.f32_activations));
        made->rows += raw.rows;
      }
      return LinearPtr(std::move(made));
    });
  }

  Result<TablePtr> prepare_table(const RawMatrix& raw) override {
    return caught(raw.name, [&] {
      auto made = std::make_shared<MlxTable>(mlx_matrix(raw, false));
      made->rows = raw.rows;
      made->cols = raw.cols;
      return TablePtr(std::move(made));
    });
  }

  Result<NormPtr> prepare_norm(NormKind kind, float eps, const TensorView& weight,
                               const TensorView* bias) override {
    OC_CHECK((kind == NormKind::kLayer) == (bias != nullptr), "{}: bias or none", weight.name);
    return caught(weight.name, [&] {
      const std::int64_t width = weight.shape[0];
      auto made = std::make_shared<MlxNorm>(convert_array(weight, {dim(width)}, mx::float32));
      if (bias != nullptr) made->bias = convert_array(*bias, {dim(width)}, mx::float32);
      made->kind = kind;
      made->eps = eps;
      made->width = width;
      return NormPtr(std::move(made));
    });
  }

  // --- Memory

  std::unique_ptr<KvSequence> make_sequence(const KvSpec& spec) override {
    return std::make_unique<MlxSequence>(spec, stream_);
  }
  std::size_t kv_token_bytes(const KvSpec& spec) const override {
    const std::size_t f32 = Engine::kv_token_bytes(spec);
    return options_.f32_activations || options_.f32_kv ? f32 : f32 / 2;
  }

  MemoryTraits memory_traits() const override {
    using enum MemoryTraits::Weights;
    return {.weights = options_.f32_activations ? kWide : kOwnType,
            .number_bytes = options_.f32_activations ? sizeof(float) : sizeof(float) / 2,
            .whole_scores = !options_.gpu};
  }

  Tensor upload(std::span<const float> values, std::int64_t rows, std::int64_t cols) override {
    OC_CHECK(std::ssize(values) == rows * cols, "upload: {} values for [{}, {}]", values.size(),
             rows, cols);
    return to_tensor(copy_array(values, {dim(rows), dim(cols)}));
  }

  void read(const Tensor& tensor, std::span<float> out) override {
    OC_CHECK(std::ssize(out) == tensor.rows() * tensor.cols(), "read: [{}, {}] into {} values",
             tensor.rows(), tensor.cols(), out.size());
    mx::array value =
        mx::contiguous(mx::astype(array_of(tensor), mx::float32, stream_), false, stream_);
    value.eval();
    std::memcpy(out.data(), value.data<float>(), out.size_bytes());
  }

  void settle(const Tensor& tensor) override {
    mx::array value = array_of(tensor);
    value.eval();
  }

  // --- Ops that move rows

  Tensor embed(const TableWeight& table, std::span<const std::int32_t> ids,
               const Tensor& image_rows) override {
    const auto& t = static_cast<const MlxTable&>(table);
    OC_CHECK(image_rows.empty() || image_rows.cols() == table.cols,
             "embed: image rows of {} columns", image_rows.cols());
    // Text rows of this call first, then the used part of the picture's: order says which.
    std::vector<std::int32_t> text, order;
    std::int64_t first = image_rows.rows(), end = 0;
    for (const std::int64_t id : ids) {
      OC_CHECK(id < table.rows && (id >= 0 || -1 - id < image_rows.rows()), "embed: id {} of {}",
               id, table.rows);
      if (id >= 0) text.push_back(static_cast<std::int32_t>(id));
      if (id < 0) first = std::min(first, -1 - id), end = std::max(end, -id);
    }
    std::int32_t next = 0;
    for (const std::int64_t id : ids)
      order.push_back(id >= 0 ? next++
                              : static_cast<std::int32_t>(std::ssize(text) - 1 - id - first));
    std::vector<mx::array> parts;
    if (!text.empty()) parts.push_back(lookup(t, text));
    if (end > first)
      parts.push_back(mx::astype(rows_of(array_of(image_rows), first, end), mx::float32, stream_));
    return to_tensor(pick(joined(std::move(parts), 0), order));
  }

  Tensor gather(std::span<const Tensor> sources, std::span<const std::int64_t> rows,
                int group) override {
    OC_CHECK(!sources.empty() && group > 0 && rows.size() % static_cast<std::size_t>(group) == 0,
             "gather: {} rows in groups of {}", rows.size(), group);
    const std::int64_t cols = sources[0].cols();
    std::vector<mx::array> parts;
    std::int64_t total = 0;
    for (const Tensor& source : sources) {
      OC_CHECK(source.cols() == cols, "gather: {} columns beside {}", source.cols(), cols);
      parts.push_back(array_of(source));
      total += source.rows();
    }
    std::vector<std::int32_t> wanted;
    for (const std::int64_t row : rows) {
      OC_CHECK(row >= 0 && row < total, "gather: row {} of {}", row, total);
      wanted.push_back(dim(row));
    }
    return to_tensor(mx::reshape(pick(joined(std::move(parts), 0), wanted),
                                 {dim(std::ssize(rows) / group), dim(cols * group)}, stream_));
  }

  Tensor add_table(Tensor x, const TableWeight& table) override {
    OC_CHECK(x.cols() == table.cols, "add_table: {} columns, {}", x.cols(), table.cols);
    std::vector<std::int32_t> rows;
    for (std::int64_t r = 0; r < x.rows(); ++r) rows.push_back(dim(r % table.rows));
    return to_tensor(
        mx::add(array_of(x), lookup(static_cast<const MlxTable&>(table), rows), stream_));
  }

  Tensor norm(Tensor x, const NormWeight& weight) override {
    return to_tensor(normalized(array_of(x), weight));
  }

  // --- Products

  Tensor linear(Tensor x, const LinearWeight& weight, LinearOptions options) override {
    const auto& w = static_cast<const MlxLinear&>(weight);
    OC_CHECK(x.cols() == w.cols, "linear: [{}, {}] x [{}, {}]", x.rows(), x.cols(), w.rows, w.cols);
    mx::array y = array_of(x);
    if (options.norm != nullptr) y = normalized(y, *options.norm);
    y = fused_.activate(product(y, w), options.activation);
    if (!options.add.empty()) {
      OC_CHECK(options.add.rows() == x.rows() && options.add.cols() == w.rows,
               "linear: adds [{}, {}] to [{}, {}]", options.add.rows(), options.add.cols(),
               x.rows(), w.rows);
      y = mx::add(y, array_of(options.add), stream_);
    }
    return to_tensor(std::move(y));
  }

  Tensor gated_mlp(Tensor x, const NormWeight& norm_weight, const LinearWeight& gate_up,
                   const LinearWeight& down) override {
    OC_CHECK(x.cols() == gate_up.cols && gate_up.rows == 2 * down.cols && down.rows == x.cols(),
             "gated_mlp: [{}, {}], [{}, {}], [{}, {}]", x.rows(), x.cols(), gate_up.rows,
             gate_up.cols, down.rows, down.cols);
    const mx::array both = product(normalized(array_of(x), norm_weight),  // [T, 2F]
                                   static_cast<const MlxLinear&>(gate_up));
    const std::int64_t f = down.cols;
    const mx::array hidden = fused_.gate(columns(both, 0, f), columns(both, f, 2 * f));  // [T, F]
    return to_tensor(
        mx::add(array_of(x), product(hidden, static_cast<const MlxLinear&>(down)), stream_));
  }

  // --- Attention

  Tensor attend(Tensor qkv, const AttendSpec& spec, const Batch& batch) override {
    const std::int64_t tokens = qkv.rows(), d = spec.head_dim, kv_end = spec.heads + spec.kv_heads;
    OC_CHECK(batch.rows() == tokens && qkv.cols() == (kv_end + spec.kv_heads) * d,
             "attend: [{}, {}] for {} rows of {} and {} heads", tokens, qkv.cols(), batch.rows(),
             spec.heads, spec.kv_heads);
    mx::array all = mx::reshape(array_of(qkv), {dim(tokens), -1, dim(d)}, stream_);
    if (options_.f32_kv) all = mx::astype(all, mx::float32, stream_);
    const auto heads = [&](std::int64_t first, std::int64_t end) {  // [T, n, d]
      return mx::slice(all, {0, dim(first), 0}, {dim(tokens), dim(end), dim(d)}, stream_);
    };
    const std::int64_t turning = spec.turning();
    const Angles& angles = angles_of(batch, turning / 2);
    // Queries and keys turn alike: one call for both.
    const auto numbers = [&](std::int64_t begin, std::int64_t end) {  // [T, n, end - begin]
      return mx::slice(all, {0, 0, dim(begin)}, {dim(tokens), dim(kv_end), dim(end)}, stream_);
    };
    mx::array turned = fused_.rotate(numbers(0, turning), angles.cos, angles.sin);
    if (turning < d) turned = joined({turned, numbers(turning, d)}, 2);
    const mx::array v = heads(kv_end, kv_end + spec.kv_heads);
    std::vector<mx::array> outputs;
    std::int64_t first = 0;
    for (const Segment& segment : batch.segments) {
      const std::int64_t end = first + segment.length;
      // [T, n, d] → [1, n, rows, d]
      const auto part = [&](const mx::array& from, std::int64_t begin_head, std::int64_t end_head) {
        const mx::array rows = mx::slice(from, {dim(first), dim(begin_head), 0},
                                         {dim(end), dim(end_head), dim(d)}, stream_);
        return mx::expand_dims(mx::transpose(rows, {1, 0, 2}, stream_), 0, stream_);
      };
      const MlxSequence::Pair kv =
          dynamic_cast<MlxSequence&>(*segment.kv)
              .append(spec.layer, segment.position, part(turned, spec.heads, kv_end),
                      part(v, 0, spec.kv_heads));
      // "causal" lines the last query up with the last key, which is what a cache needs.
      const mx::array y = mx::fast::scaled_dot_product_attention(
          part(turned, 0, spec.heads), kv.keys, kv.values, spec.scale,
          segment.causal && segment.length > 1 ? "causal" : "", {}, {}, false,
          stream_);  // [1, H, rows, d]
      outputs.push_back(rows_from_heads(y));
      first = end;
    }
    return to_tensor(joined(std::move(outputs), 0));
  }

  Tensor attend_full(Tensor qkv, const AttendSpec& spec, std::int64_t block) override {
    OC_CHECK(block > 0 && qkv.rows() % block == 0, "attend_full: {} rows in blocks of {}",
             qkv.rows(), block);
    const std::int64_t blocks = qkv.rows() / block;
    const mx::array all = mx::transpose(  // [3, B, H, block, d]
        mx::reshape(array_of(qkv),
                    {dim(blocks), dim(block), 3, dim(spec.heads), dim(spec.head_dim)}, stream_),
        {2, 0, 3, 1, 4}, stream_);
    const auto side = [&](int which) { return mx::take(all, which, 0, stream_); };
    return to_tensor(rows_from_heads(mx::fast::scaled_dot_product_attention(
        side(0), side(1), side(2), spec.scale, "", {}, {}, false, stream_)));
  }

 private:
  // Of a step's rows: [T, 1, r/2].
  struct Angles {
    std::vector<float> cos_values, sin_values;
    mx::array cos, sin;
  };

  mx::array rows_of(const mx::array& x, std::int64_t first, std::int64_t end) const {
    return mx::slice(x, {dim(first), 0}, {dim(end), x.shape(1)}, stream_);
  }
  mx::array columns(const mx::array& x, std::int64_t first, std::int64_t end) const {
    return mx::slice(x, {0, dim(first)}, {x.shape(0), dim(end)}, stream_);
  }
  mx::array joined(std::vector<mx::array> parts, int axis) const {
    return parts.size() == 1 ? parts[0] : mx::concatenate(std::move(parts), axis, stream_);
  }
  // Rows by number; a run of them is a view.
  mx::array pick(const mx::array& x, std::span<const std::int32_t> rows) const {
    if (!rows.empty() && is_run(rows)) return rows_of(x, rows.front(), rows.back() + 1);
    return mx::take(x, index_array(rows), 0, stream_);
  }
  // [B, H, n, d] → [B·n, H·d]
  mx::array rows_from_heads(const mx::array& y) const {
    return mx::reshape(mx::transpose(y, {0, 2, 1, 3}, stream_),
                       {y.shape(0) * y.shape(2), y.shape(1) * y.shape(3)}, stream_);
  }

  // Always f32: the residual stream, which grows beyond f16 in large models, begins here.
  mx::array lookup(const MlxTable& table, std::span<const std::int32_t> rows) const {
    const mx::array index = index_array(rows);
    const auto taken = [&](const mx::array& from) { return mx::take(from, index, 0, stream_); };
    const auto wide = [&](const mx::array& from) {
      return mx::astype(taken(from), mx::float32, stream_);
    };
    const MlxMatrix& m = table.matrix;
    if (!m.scales) return wide(m.weight);
    return mx::dequantize(taken(m.weight), wide(*m.scales), wide(*m.biases), m.quant.group_size,
                          m.quant.bits, "affine", std::nullopt, std::nullopt, stream_);
  }

  mx::array normalized(const mx::array& x, const NormWeight& weight) const {
    const auto& w = static_cast<const MlxNorm&>(weight);
    OC_CHECK(x.shape(1) == w.width, "norm: [{}, {}] with [{}]", x.shape(0), x.shape(1), w.width);
    return w.kind == NormKind::kRms ? mx::fast::rms_norm(x, w.weight, w.eps, stream_)
                                    : mx::fast::layer_norm(x, w.weight, w.bias, w.eps, stream_);
  }

  // X · Wᵀ + bias, [T, rows]
  mx::array product(const mx::array& x, const MlxLinear& weight) const {
    std::vector<mx::array> parts;
    for (const MlxMatrix& part : weight.parts) parts.push_back(product(x, part));
    return joined(std::move(parts), 1);
  }
  mx::array product(const mx::array& x, const MlxMatrix& m) const {
    const mx::array in = mx::astype(x, m.type, stream_);
    if (m.scales) {
      const mx::array y = mx::quantized_matmul(in, m.weight, *m.scales, *m.biases, true,
                                               m.quant.group_size, m.quant.bits, "affine", stream_);
      return m.bias ? mx::add(y, *m.bias, stream_) : y;
    }
    const mx::array columns_first = mx::transpose(m.weight, stream_);
    return m.bias ? mx::addmm(*m.bias, in, columns_first, 1.0f, 1.0f, stream_)
                  : mx::matmul(in, columns_first, stream_);
  }

  // The same for every layer of a step, so made once.
  const Angles& angles_of(const Batch& batch, std::int64_t half) {
    OC_CHECK(std::ssize(batch.rope_cos) == batch.rows() * half, "attend: {} angles for {} rows",
             batch.rope_cos.size(), batch.rows());
    if (!angles_ || angles_->cos_values != batch.rope_cos ||
        angles_->sin_values != batch.rope_sin) {
      const mx::Shape shape = {dim(batch.rows()), 1, dim(half)};
      angles_ = Angles{batch.rope_cos, batch.rope_sin, copy_array(batch.rope_cos, shape),
                       copy_array(batch.rope_sin, shape)};
    }
    return *angles_;
  }

  MlxOptions options_;
  StreamLease lease_;
  mx::Stream stream_;
  Fused fused_;
  std::optional<Angles> angles_;
};

}  // namespace

Result<std::shared_ptr<Engine>> make_mlx_engine(const MlxOptions& options) {
  if (options.gpu && !mlx_has_gpu())
    return Error{ErrorCode::kUnavailable, "MLX has no GPU here (neither Metal nor CUDA)",
                 "--device cpu, or an MLX that was built for the GPU", "device"};
  return caught("its device",
                [&]() -> std::shared_ptr<Engine> { return std::make_shared<MlxEngine>(options); });
}

bool mlx_has_gpu() {
  try {
    return mx::is_available(mx::Device::gpu);
  } catch (const std::exception&) {  // a driver that is there and does not work
    return false;
  }
}

}  // namespace oc
