#include "engines/cpu/cpu_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engines/cpu/outliers.h"

namespace oc {
namespace {

// Raised whenever the bits of a result change, so that nothing kept by an older program is taken
// for this one's. 2: full attention in int16. 3: floats of quantised towers in 8 bits.
// 4: outliers in float32.
constexpr int kArithmetic = 4;
constexpr std::size_t kPoolBytes = 256u << 20;  // freed buffers that are kept for the next op

kernels::Function function_of(Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return kernels::Function::kNone;
    case Activation::kQuickGelu:
      return kernels::Function::kQuickGelu;
    case Activation::kGelu:
      return kernels::Function::kGelu;
    case Activation::kGeluTanh:
      return kernels::Function::kGeluTanh;
    case Activation::kSilu:
      return kernels::Function::kSilu;
  }
  return kernels::Function::kNone;
}

}  // namespace

CpuEngine::CpuEngine(const Options& options)
    : options_(options),
      table_(*options.table),
      pool_(options.threads),
      buffers_(std::make_shared<BufferPool>(kPoolBytes)) {}

EngineInfo CpuEngine::info() const {
  using enum kernels::Storage;
  return {.name = "cpu",
          .backend = std::string(table_.name),
          .threads = pool_.threads(),
          .precision = {.activations = options_.int8_activations ? Precision::Activations::kInt8
                                                                 : Precision::Activations::kF32,
                        .cache = options_.kv == kQ8    ? Precision::Cache::kInt8
                                 : options_.kv == kF16 ? Precision::Cache::kF16
                                                       : Precision::Cache::kF32}};
}

// Any number of threads gives the same bits.
std::string CpuEngine::arithmetic() const {
  return fmt::format("cpu {}: {}, {} activations, kv {}", kArithmetic, table_.name,
                     options_.int8_activations ? "int8" : "f32", static_cast<int>(options_.kv));
}

// --- Weights and memory

Result<LinearPtr> CpuEngine::prepare_linear(std::span<const RawMatrix> parts) {
  OC_CHECK(!parts.empty(), "prepare_linear without a matrix");
  auto made = std::make_shared<CpuLinear>();
  made->cols = parts[0].cols;
  const bool round =
      options_.int8_activations &&
      std::ranges::all_of(parts, [](const RawMatrix& m) { return !m.quant && m.may_round; });
  for (const RawMatrix& raw : parts) {
    OC_CHECK(raw.cols == made->cols, "{}: {} columns beside {}", raw.name, raw.cols, made->cols);
    OC_CHECK(raw.bias.has_value() == parts[0].bias.has_value(), "{}: bias beside none", raw.name);
    OC_ASSIGN_OR_RETURN(CpuMatrix matrix, prepare_matrix(raw, round));
    made->rows += matrix.rows;
    made->parts.push_back(std::move(matrix));
    if (raw.bias) {
      const std::vector<float> bias = to_f32(*raw.bias);
      made->bias.insert(made->bias.end(), bias.begin(), bias.end());
    }
  }
  made->rounds_input = options_.int8_activations && made->common_quant() != nullptr;
  return LinearPtr(std::move(made));
}

Result<TablePtr> CpuEngine::prepare_table(const RawMatrix& matrix) {
  auto made = std::make_shared<CpuTable>();
  made->rows = matrix.rows;
  made->cols = matrix.cols;
  made->raw = matrix;
  return TablePtr(std::move(made));
}

Result<NormPtr> CpuEngine::prepare_norm(NormKind kind, float eps, const TensorView& weight,
                                        const TensorView* bias) {
  OC_CHECK((kind == NormKind::kLayer) == (bias != nullptr), "{}: bias or none", weight.name);
  auto made = std::make_shared<CpuNorm>();
  made->kind = kind;
  made->eps = eps;
  made->weight = to_f32(weight);
  made->width = static_cast<std::int64_t>(made->weight.size());
  if (bias != nullptr) made->bias = to_f32(*bias);
  return NormPtr(std::move(made));
}

std::unique_ptr<KvSequence> CpuEngine::make_sequence(const KvSpec& spec) {
  return std::make_unique<CpuSequence>(spec, options_.kv, buffers_);
}

std::size_t CpuEngine::kv_token_bytes(const KvSpec& spec) const {
  return CpuSequence(spec, options_.kv, buffers_).block_bytes() / kernels::kKvBlock;
}

MemoryTraits CpuEngine::memory_traits() const {
  return {.weights = MemoryTraits::Weights::kInPlace,
          .int8_rows = options_.int8_activations,
          .kept_bytes = kPoolBytes};
}

Tensor CpuEngine::make(std::int64_t rows, std::int64_t cols) {
  const auto bytes = static_cast<std::size_t>(rows * cols) * sizeof(float);
  return {rows, cols, std::make_shared<CpuStorage>(buffers_->take(bytes))};
}

Tensor CpuEngine::upload(std::span<const float> values, std::int64_t rows, std::int64_t cols) {
  OC_CHECK(static_cast<std::int64_t>(values.size()) == rows * cols,
           "upload: {} values for [{}, {}]", values.size(), rows, cols);
  Tensor tensor = make(rows, cols);
  std::ranges::copy(values, cpu_data(tensor));
  return tensor;
}

void CpuEngine::read(const Tensor& tensor, std::span<float> out) {
  OC_CHECK(static_cast<std::int64_t>(out.size()) == tensor.rows() * tensor.cols(),
           "read: [{}, {}] into {} values", tensor.rows(), tensor.cols(), out.size());
  std::copy_n(cpu_data(tensor), out.size(), out.begin());
}

void CpuEngine::for_rows(std::int64_t rows, std::int64_t width,
                         const std::function<void(std::int64_t row, int thread)>& body) {
  constexpr std::int64_t kValues = 2048;  // enough work to be worth handing out
  const std::int64_t few = std::clamp<std::int64_t>((kValues + width - 1) / width, 1, 8);
  const std::int64_t item_rows =
      std::clamp<std::int64_t>(rows / (4 * std::int64_t{pool_.threads()}), few, 8);
  pool_.run((rows + item_rows - 1) / item_rows, [&](std::int64_t item, int thread) {
    for (std::int64_t row = item * item_rows; row < std::min(rows, (item + 1) * item_rows); ++row)
      body(row, thread);
  });
}

// --- Ops that move rows

Tensor CpuEngine::embed(const TableWeight& table, std::span<const std::int32_t> ids,
                        const Tensor& image_rows) {
  const RawMatrix& raw = static_cast<const CpuTable&>(table).raw;
  Tensor x = make(static_cast<std::int64_t>(ids.size()), table.cols);
  OC_CHECK(image_rows.empty() || image_rows.cols() == table.cols, "embed: image rows of {} columns",
           image_rows.cols());
  float* to = cpu_data(x);
  for (const std::int64_t id : ids) {
    OC_CHECK(id < table.rows && (id >= 0 || -1 - id < image_rows.rows()), "embed: id {} of {}", id,
             table.rows);
    if (id >= 0)
      dequantize_row(raw, id, std::span(to, static_cast<std::size_t>(table.cols)));
    else
      std::copy_n(cpu_data(image_rows) + (-1 - id) * table.cols, table.cols, to);
    to += table.cols;
  }
  return x;
}

Tensor CpuEngine::gather(std::span<const Tensor> sources, std::span<const std::int64_t> rows,
                         int group) {
  OC_CHECK(!sources.empty() && group > 0 && rows.size() % static_cast<std::size_t>(group) == 0,
           "gather: {} rows in groups of {}", rows.size(), group);
  const std::int64_t cols = sources[0].cols();
  std::vector<const float*> all;
  for (const Tensor& source : sources) {
    OC_CHECK(source.cols() == cols, "gather: {} columns beside {}", source.cols(), cols);
    for (std::int64_t r = 0; r < source.rows(); ++r) all.push_back(cpu_data(source) + r * cols);
  }
  Tensor y = make(static_cast<std::int64_t>(rows.size()) / group, cols * group);
  float* to = cpu_data(y);
  for (const std::int64_t row : rows) {
    OC_CHECK(row >= 0 && static_cast<std::size_t>(row) < all.size(), "gather: row {} of {}", row,
             all.size());
    to = std::copy_n(all[static_cast<std::size_t>(row)], cols, to);
  }
  return y;
}

Tensor CpuEngine::add_table(Tensor x, const TableWeight& table) {
  const RawMatrix& raw = static_cast<const CpuTable&>(table).raw;
  OC_CHECK(x.cols() == table.cols, "add_table: {} columns, {}", x.cols(), table.cols);
  Tensor y = x.unique() ? x : make(x.rows(), x.cols());
  std::vector<float> row(static_cast<std::size_t>(table.cols));
  for (std::int64_t position = 0; position < std::min(table.rows, x.rows()); ++position) {
    dequantize_row(raw, position, row);
    for (std::int64_t r = position; r < x.rows(); r += table.rows)
      for (std::int64_t c = 0; c < x.cols(); ++c)
        cpu_data(y)[r * x.cols() + c] =
            cpu_data(x)[r * x.cols() + c] + row[static_cast<std::size_t>(c)];
  }
  return y;
}

Tensor CpuEngine::norm(Tensor x, const NormWeight& weight) {
  const auto& w = static_cast<const CpuNorm&>(weight);
  OC_CHECK(x.cols() == w.width, "norm: [{}, {}] with [{}]", x.rows(), x.cols(), w.width);
  Tensor y = x.unique() ? x : make(x.rows(), x.cols());
  const float* from = cpu_data(x);
  float* to = cpu_data(y);
  for_rows(x.rows(), w.width, [&](std::int64_t row, int) {
    table_.normalize(from + row * w.width, w.width, w.weight.data(),
                     w.bias.empty() ? nullptr : w.bias.data(), w.eps, to + row * w.width);
  });
  return y;
}

// --- Products

void CpuEngine::multiply(const InputRows& input, std::int64_t rows, const CpuLinear& weight,
                         kernels::Function function, const float* add, std::int64_t add_stride,
                         float* y, std::int64_t y_stride) {
  const kernels::QuantMatrix* quant = weight.rounds_input ? weight.common_quant() : nullptr;
  const std::int64_t cols = quant != nullptr ? quant->cols : weight.cols;  // whole groups
  const std::int64_t units = quant != nullptr ? cols / kernels::unit_of(quant->group) : 0;
  const std::int64_t groups = quant != nullptr ? cols / quant->group : 0;

  // Input rows, as the kernels want them: int8 ones in panels, the last of them filled up.
  const int panel = kernels::panel_of(rows, table_.widest_panel);
  const std::int64_t slots = quant != nullptr ? (rows + panel - 1) / panel * panel : rows;
  Buffer floats, values, scales, sums;
  const auto count = static_cast<std::size_t>(slots);
  const auto width = static_cast<std::size_t>(cols);
  if (quant != nullptr) {
    values = buffers_->take(count * width);
    scales = buffers_->take(count * static_cast<std::size_t>(units) * 4);
    sums = buffers_->take(count * static_cast<std::size_t>(groups) * 4);
    floats = buffers_->take(static_cast<std::size_t>(pool_.threads()) * width * 4);  // one a thread
  } else {
    floats = buffers_->take(count * width * 4);
  }
  // Floats that are rounded are a tower's, and their rows may be pixels.
  const bool look = quant != nullptr && quant->float_cols == 0 && input.outliers;
  std::vector<std::vector<Outlier>> outliers(look ? static_cast<std::size_t>(rows) : 0);
  for_rows(slots, cols, [&](std::int64_t row, int thread) {
    float* buffer = floats.as<float>() + (quant != nullptr ? thread : row) * cols;
    const float* from = input.fill(std::min(row, rows - 1), buffer);
    const auto into_buffer = [&] {
      if (from != buffer) std::copy_n(from, weight.cols, buffer);
      from = buffer;
    };
    if (quant == nullptr) return into_buffer();
    if (cols != weight.cols) {
      into_buffer();
      std::fill_n(buffer + weight.cols, cols - weight.cols, 0.0f);
    }
    const std::int64_t first = row / panel * panel, slot = row - first;
    float* row_scales = scales.as<float>() + first * units + slot;
    const auto quantize = [&](const float* x) {
      table_.quantize_row(
          x, cols, quant->bits, quant->group, panel,
          values.as<std::int8_t>() + first * cols + kernels::values_slot(panel, quant->group, slot),
          row_scales, sums.as<float>() + first * groups + slot);
    };
    quantize(from);
    const float limit = look ? outlier_limit(row_scales, units, panel) : INFINITY;
    if (limit == INFINITY) return;  // as nearly every row
    into_buffer();
    std::vector<Outlier> taken = take_outliers({buffer, width}, limit);
    quantize(buffer);
    if (row < rows) outliers[static_cast<std::size_t>(row)] = std::move(taken);
  });

  // Items: a strip of outputs × as many tokens as stay in a core's second-level cache beside the
  // strip's unpacked weights (docs/kernels.md), fewer where items would not go round.
  // Few rows: long streams of weights, as long as there are enough of them for every thread.
  std::int64_t strip = 2 * table_.lanes * (rows <= 4 ? 16 : 2);
  while (strip > 4 * table_.lanes && weight.rows < 4 * strip * pool_.threads()) strip /= 2;
  const std::int64_t all_strips = (weight.rows + strip - 1) / strip;
  const std::int64_t parts_of_rows = (4 * pool_.threads() + all_strips - 1) / all_strips;
  const std::int64_t token_bytes = quant != nullptr ? cols : cols * 4;
  const std::int64_t max_tokens =
      quant != nullptr ? kernels::kKeptTokens : (512 << 10) / token_bytes;
  // Whole panels, so that no few tokens are left over for an item of their own.
  const std::int64_t token_tile = std::clamp<std::int64_t>(
      (std::min(max_tokens, (rows + parts_of_rows - 1) / parts_of_rows) + 15) / 16 * 16, 64,
      1 << 20);
  const std::size_t scratch_bytes =
      quant != nullptr ? kernels::int8_scratch_bytes(cols) : kernels::f32_scratch_bytes(cols);
  const std::size_t scratch_stride = (scratch_bytes + 63) / 64 * 64;
  const Buffer scratch = buffers_->take(scratch_stride * static_cast<std::size_t>(pool_.threads()));

  // One region for all parts: a thread that is done with one goes on with the next.
  const std::int64_t tiles = (rows + token_tile - 1) / token_tile;
  const auto strips_of = [&](const CpuMatrix& part) { return (part.rows + strip - 1) / strip; };
  std::int64_t items = 0;
  for (const CpuMatrix& part : weight.parts) items += strips_of(part) * tiles;
  pool_.run(items, [&](std::int64_t item, int thread) {
    std::int64_t first_row = 0;
    auto at = weight.parts.begin();
    for (; item >= strips_of(*at) * tiles; ++at) {
      item -= strips_of(*at) * tiles;
      first_row += at->rows;
    }
    const CpuMatrix& part = *at;
    const std::int64_t begin = item % strips_of(part) * strip;
    const std::int64_t end = std::min(begin + strip, part.rows);
    const std::int64_t t0 = item / strips_of(part) * token_tile;
    const std::int64_t tokens = std::min(token_tile, rows - t0);
    std::byte* thread_scratch = scratch.data() + scratch_stride * static_cast<std::size_t>(thread);
    const kernels::Epilogue epilogue{
        .bias = weight.bias.empty() ? nullptr : weight.bias.data() + first_row,
        .function = function,
        .add = add != nullptr ? add + t0 * add_stride + first_row : nullptr,
        .add_stride = add_stride};
    float* to = y + t0 * y_stride + first_row;
    if (quant != nullptr) {
      const kernels::Int8Rows x{.values = values.as<std::int8_t>() + t0 * cols,
                                .scales = scales.as<float>() + t0 * units,
                                .sums = sums.as<float>() + t0 * groups,
                                .panel = panel};
      table_.matmul_int8(*part.quant(), begin, end, x, tokens, to, y_stride, epilogue,
                         thread_scratch);
      for (std::int64_t t = 0; look && t < tokens; ++t)
        if (const auto& found = outliers[static_cast<std::size_t>(t0 + t)]; !found.empty())
          add_outliers(*part.quant(), begin, end, found, to + t * y_stride + begin);
      return;
    }
    const float* x = floats.as<float>() + t0 * cols;
    if (part.quant() != nullptr)
      table_.matmul_quant_f32(*part.quant(), begin, end, x, cols, tokens, to, y_stride, epilogue,
                              thread_scratch);
    else
      table_.matmul_f32(*part.floats(), begin, end, x, cols, tokens, to, y_stride, epilogue,
                        thread_scratch);
  });
}

Tensor CpuEngine::linear(Tensor x, const LinearWeight& weight, LinearOptions options) {
  const auto& w = static_cast<const CpuLinear&>(weight);
  OC_CHECK(x.cols() == w.cols, "linear: [{}, {}] x [{}, {}]", x.rows(), x.cols(), w.rows, w.cols);
  OC_CHECK(options.add.empty() || (options.add.rows() == x.rows() && options.add.cols() == w.rows),
           "linear: adding [{}, {}] to [{}, {}]", options.add.rows(), options.add.cols(), x.rows(),
           w.rows);
  const auto* norm = static_cast<const CpuNorm*>(options.norm);
  OC_CHECK(norm == nullptr || norm->width == w.cols, "linear: norm of another width");
  // The residual is overwritten where nobody else holds it: each value is read before it is
  // written.
  Tensor y = !options.add.empty() && options.add.unique() ? options.add : make(x.rows(), w.rows);
  const float* from = cpu_data(x);
  const auto fill = [&](std::int64_t t, float* buffer) -> const float* {
    const float* row = from + t * w.cols;
    if (norm == nullptr) return row;
    table_.normalize(row, w.cols, norm->weight.data(),
                     norm->bias.empty() ? nullptr : norm->bias.data(), norm->eps, buffer);
    return buffer;
  };
  // Behind a norm the rest is small beside its outliers, and what int8 loses of it does no harm.
  const bool outliers = norm == nullptr && options.activation == Activation::kNone;
  multiply({fill, outliers}, x.rows(), w, function_of(options.activation),
           options.add.empty() ? nullptr : cpu_data(options.add), w.rows, cpu_data(y), w.rows);
  return y;
}

Tensor CpuEngine::gated_mlp(Tensor x, const NormWeight& norm, const LinearWeight& gate_up,
                            const LinearWeight& down) {
  const auto& d = static_cast<const CpuLinear&>(down);
  const std::int64_t f = d.cols;
  OC_CHECK(gate_up.rows == 2 * f && d.rows == x.cols(), "gated_mlp: [{}, {}], [{}, {}]",
           gate_up.rows, gate_up.cols, d.rows, d.cols);
  const Tensor both = linear(x, gate_up, {.norm = &norm});  // [T, 2F]
  const float* from = cpu_data(both);
  Tensor y = x.unique() ? x : make(x.rows(), x.cols());
  const auto fill = [&](std::int64_t t, float* buffer) -> const float* {
    const float* row = from + t * 2 * f;
    table_.silu_multiply(row, row + f, f, buffer);
    return buffer;
  };
  multiply({fill, true}, x.rows(), d, kernels::Function::kNone, cpu_data(x), x.cols(), cpu_data(y),
           x.cols());
  return y;
}

}  // namespace oc
