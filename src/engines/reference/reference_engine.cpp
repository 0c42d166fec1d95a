#include "engines/reference/reference_engine.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "ops/composition.h"

namespace oc {
namespace {

struct HostStorage final : TensorStorage {
  explicit HostStorage(std::size_t count) : values(count) {}
  std::vector<float> values;
};

struct ReferenceLinear final : LinearWeight {
  std::vector<float> transposed;  // [K, N]: the inner loop runs over outputs and vectorises
  std::vector<float> bias;        // [N] or empty
};

struct ReferenceTable final : TableWeight {
  std::vector<float> values;  // [N, D]
};

struct ReferenceNorm final : NormWeight {
  std::vector<float> weight, bias;  // [D]; bias empty for kRms
};

class ReferenceSequence final : public KvSequence {
 public:
  explicit ReferenceSequence(const KvSpec& spec)
      : width_(static_cast<std::size_t>(spec.kv_heads) * static_cast<std::size_t>(spec.head_dim)),
        keys(static_cast<std::size_t>(spec.layers)),
        values(static_cast<std::size_t>(spec.layers)) {}

  std::int64_t length() const override { return length_; }
  void advance(std::int64_t tokens) override { length_ += tokens; }
  void truncate(std::int64_t tokens) override {
    OC_CHECK(tokens >= 0 && tokens <= length_, "truncate {} to {}", length_, tokens);
    length_ = tokens;
    for (auto* side : {&keys, &values})
      for (std::vector<float>& layer : *side)
        layer.resize(static_cast<std::size_t>(tokens) * width_);
  }
  std::unique_ptr<KvSequence> fork(std::int64_t tokens) const override {
    auto copy = std::make_unique<ReferenceSequence>(*this);
    copy->truncate(tokens);
    return copy;
  }
  std::size_t bytes() const override {
    std::size_t total = 0;
    for (const auto* side : {&keys, &values})
      for (const std::vector<float>& layer : *side) total += layer.capacity() * sizeof(float);
    return total;
  }

 private:
  std::size_t width_;
  std::int64_t length_ = 0;

 public:
  std::vector<std::vector<float>> keys, values;  // per layer [tokens, G·d], keys rotated
};

const std::vector<float>& in(const Tensor& tensor) {
  const auto* storage = dynamic_cast<const HostStorage*>(tensor.storage());
  OC_CHECK(storage != nullptr, "a tensor of another engine, or none");
  return storage->values;
}
Tensor make(std::int64_t rows, std::int64_t cols) {
  return {rows, cols, std::make_shared<HostStorage>(static_cast<std::size_t>(rows * cols))};
}
std::vector<float>& out(const Tensor& tensor) {
  return static_cast<HostStorage*>(tensor.storage())->values;
}
const float* row(const Tensor& tensor, std::int64_t r) {
  return in(tensor).data() + r * tensor.cols();
}
float* row_out(const Tensor& tensor, std::int64_t r) {
  return out(tensor).data() + r * tensor.cols();
}

float apply(Activation activation, float x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kQuickGelu:
      return x / (1.0f + std::exp(-1.702f * x));
    case Activation::kGelu:
      return 0.5f * x * (1.0f + std::erf(x * 0.70710678118654752f));
    case Activation::kGeluTanh:
      return 0.5f * x * (1.0f + std::tanh(0.79788456080286536f * (x + 0.044715f * x * x * x)));
    case Activation::kSilu:
      return x / (1.0f + std::exp(-x));
  }
  return x;
}

class ReferenceEngine final : public Engine, private Primitives {
 public:
  EngineInfo info() const override {
    return {.name = "reference", .backend = "plain f32 loops", .threads = 1, .one_precision = true};
  }

  Result<LinearPtr> prepare_linear(std::span<const RawMatrix> parts) override {
    OC_CHECK(!parts.empty(), "prepare_linear without a matrix");
    auto made = std::make_shared<ReferenceLinear>();
    made->cols = parts[0].cols;
    for (const RawMatrix& part : parts) {
      OC_CHECK(part.cols == made->cols, "{}: {} columns beside {}", part.name, part.cols,
               made->cols);
      made->rows += part.rows;
    }
    const auto n = static_cast<std::size_t>(made->rows), k = static_cast<std::size_t>(made->cols);
    made->transposed.resize(n * k);
    std::vector<float> values(k);
    std::size_t r = 0;
    for (const RawMatrix& part : parts) {
      for (std::int64_t i = 0; i < part.rows; ++i, ++r) {
        dequantize_row(part, i, values);
        for (std::size_t c = 0; c < k; ++c) made->transposed[c * n + r] = values[c];
      }
      OC_CHECK(part.bias.has_value() == parts[0].bias.has_value(), "{}: bias beside none",
               part.name);
      if (part.bias) {
        const std::vector<float> bias = to_f32(*part.bias);
        made->bias.insert(made->bias.end(), bias.begin(), bias.end());
      }
    }
    return LinearPtr(std::move(made));
  }

  Result<TablePtr> prepare_table(const RawMatrix& matrix) override {
    auto made = std::make_shared<ReferenceTable>();
    made->rows = matrix.rows;
    made->cols = matrix.cols;
    const auto width = static_cast<std::size_t>(matrix.cols);
    made->values.resize(static_cast<std::size_t>(matrix.rows) * width);
    for (std::int64_t r = 0; r < matrix.rows; ++r)
      dequantize_row(matrix, r,
                     std::span(made->values).subspan(static_cast<std::size_t>(r) * width, width));
    return TablePtr(std::move(made));
  }

  Result<NormPtr> prepare_norm(NormKind kind, float eps, const TensorView& weight,
                               const TensorView* bias) override {
    auto made = std::make_shared<ReferenceNorm>();
    made->kind = kind;
    made->eps = eps;
    made->weight = to_f32(weight);
    made->width = static_cast<std::int64_t>(made->weight.size());
    if (bias != nullptr) made->bias = to_f32(*bias);
    return NormPtr(std::move(made));
  }

  std::unique_ptr<KvSequence> make_sequence(const KvSpec& spec) override {
    return std::make_unique<ReferenceSequence>(spec);
  }
  Tensor upload(std::span<const float> values, std::int64_t rows, std::int64_t cols) override {
    OC_CHECK(static_cast<std::int64_t>(values.size()) == rows * cols,
             "upload: {} values for [{}, {}]", values.size(), rows, cols);
    Tensor tensor = make(rows, cols);
    std::ranges::copy(values, out(tensor).begin());
    return tensor;
  }
  void read(const Tensor& tensor, std::span<float> target) override {
    OC_CHECK(target.size() == in(tensor).size(), "read: {} values into {}", in(tensor).size(),
             target.size());
    std::ranges::copy(in(tensor), target.begin());
  }

  Tensor embed(const TableWeight& table, std::span<const std::int32_t> ids,
               const Tensor& image_rows) override {
    const auto& values = static_cast<const ReferenceTable&>(table).values;
    Tensor x = make(static_cast<std::int64_t>(ids.size()), table.cols);
    for (std::size_t t = 0; t < ids.size(); ++t) {
      const std::int64_t id = ids[t];
      OC_CHECK(id < table.rows && (id >= 0 || -1 - id < image_rows.rows()), "embed: id {} of {}",
               id, table.rows);
      const float* from = id >= 0 ? values.data() + id * table.cols : row(image_rows, -1 - id);
      std::copy_n(from, table.cols, row_out(x, static_cast<std::int64_t>(t)));
    }
    return x;
  }

  Tensor linear(Tensor x, const LinearWeight& weight, LinearOptions options) override {
    return compose::linear(*this, x, weight, options);
  }
  Tensor gated_mlp(Tensor x, const NormWeight& norm_weight, const LinearWeight& gate_up,
                   const LinearWeight& down) override {
    return compose::gated_mlp(*this, x, norm_weight, gate_up, down);
  }
  Tensor attend(Tensor qkv, const AttendSpec& spec, const Batch& batch) override {
    return compose::attend(*this, qkv, spec, batch);
  }
  Tensor attend_full(Tensor qkv, const AttendSpec& spec, std::int64_t block) override {
    return compose::attend_full(*this, qkv, spec, block);
  }
  Tensor norm(Tensor x, const NormWeight& weight) override { return normalize(x, weight); }

  Tensor gather(std::span<const Tensor> sources, std::span<const std::int64_t> rows_wanted,
                int group) override {
    std::vector<const float*> all;
    for (const Tensor& source : sources)
      for (std::int64_t r = 0; r < source.rows(); ++r) all.push_back(row(source, r));
    const std::int64_t cols = sources[0].cols();
    Tensor y = make(static_cast<std::int64_t>(rows_wanted.size()) / group, cols * group);
    float* to = out(y).data();
    for (const std::int64_t r : rows_wanted) {
      OC_CHECK(r >= 0 && static_cast<std::size_t>(r) < all.size(), "gather: row {} of {}", r,
               all.size());
      to = std::copy_n(all[static_cast<std::size_t>(r)], cols, to);
    }
    return y;
  }

  Tensor add_table(Tensor x, const TableWeight& table) override {
    const auto& values = static_cast<const ReferenceTable&>(table).values;
    Tensor y = make(x.rows(), x.cols());
    for (std::int64_t r = 0; r < x.rows(); ++r)
      for (std::int64_t c = 0; c < x.cols(); ++c)
        row_out(y, r)[c] =
            row(x, r)[c] + values[static_cast<std::size_t>((r % table.rows) * table.cols + c)];
    return y;
  }

 private:
  // --- Primitives
  Tensor matmul(const Tensor& x, const LinearWeight& weight) override {
    const auto& w = static_cast<const ReferenceLinear&>(weight);
    OC_CHECK(x.cols() == w.cols, "matmul: [{}, {}] x [{}, {}]", x.rows(), x.cols(), w.rows, w.cols);
    Tensor y = make(x.rows(), w.rows);
    for (std::int64_t t = 0; t < x.rows(); ++t) {
      float* to = row_out(y, t);
      if (!w.bias.empty()) std::ranges::copy(w.bias, to);
      for (std::int64_t k = 0; k < w.cols; ++k) {
        const float value = row(x, t)[k];
        const float* column = w.transposed.data() + k * w.rows;
        for (std::int64_t n = 0; n < w.rows; ++n) to[n] += value * column[n];
      }
    }
    return y;
  }

  Tensor normalize(const Tensor& x, const NormWeight& weight) override {
    const auto& w = static_cast<const ReferenceNorm&>(weight);
    OC_CHECK(x.cols() == w.width, "norm: [{}, {}] with [{}]", x.rows(), x.cols(), w.width);
    Tensor y = make(x.rows(), x.cols());
    const auto width = static_cast<double>(w.width);
    for (std::int64_t t = 0; t < x.rows(); ++t) {
      const float* from = row(x, t);
      double mean = 0, square = 0;
      if (w.kind == NormKind::kLayer) {
        for (std::int64_t c = 0; c < w.width; ++c) mean += from[c];
        mean /= width;
      }
      for (std::int64_t c = 0; c < w.width; ++c) square += (from[c] - mean) * (from[c] - mean);
      const auto inverse = static_cast<float>(1.0 / std::sqrt(square / width + w.eps));
      for (std::int64_t c = 0; c < w.width; ++c) {
        const auto i = static_cast<std::size_t>(c);
        row_out(y, t)[c] = (from[c] - static_cast<float>(mean)) * inverse * w.weight[i] +
                           (w.bias.empty() ? 0.0f : w.bias[i]);
      }
    }
    return y;
  }

  Tensor activate(const Tensor& x, Activation activation) override {
    Tensor y = make(x.rows(), x.cols());
    std::ranges::transform(in(x), out(y).begin(), [&](float v) { return apply(activation, v); });
    return y;
  }
  Tensor add(const Tensor& a, const Tensor& b) override {
    Tensor y = make(a.rows(), a.cols());
    std::ranges::transform(in(a), in(b), out(y).begin(), std::plus<float>());
    return y;
  }
  Tensor multiply(const Tensor& a, const Tensor& b) override {
    Tensor y = make(a.rows(), a.cols());
    std::ranges::transform(in(a), in(b), out(y).begin(), std::multiplies<float>());
    return y;
  }
  Tensor columns(const Tensor& x, std::int64_t first, std::int64_t count) override {
    OC_CHECK(first + count <= x.cols(), "columns {}..{} of {}", first, first + count, x.cols());
    Tensor y = make(x.rows(), count);
    for (std::int64_t t = 0; t < x.rows(); ++t)
      std::copy_n(row(x, t) + first, count, row_out(y, t));
    return y;
  }
  Tensor rows(const Tensor& x, std::int64_t first, std::int64_t count) override {
    OC_CHECK(first + count <= x.rows(), "rows {}..{} of {}", first, first + count, x.rows());
    Tensor y = make(count, x.cols());
    std::copy_n(row(x, first), count * x.cols(), out(y).data());
    return y;
  }
  Tensor stack(std::span<const Tensor> parts) override {
    std::int64_t total = 0;
    for (const Tensor& part : parts) total += part.rows();
    Tensor y = make(total, parts[0].cols());
    float* to = out(y).data();
    for (const Tensor& part : parts) to = std::ranges::copy(in(part), to).out;
    return y;
  }

  Tensor rotate(const Tensor& x, int head_dim, int turning, std::span<const float> cos,
                std::span<const float> sin) override {
    Tensor y = make(x.rows(), x.cols());
    out(y) = in(x);
    const std::int64_t half = turning / 2;
    for (std::int64_t t = 0; t < x.rows(); ++t)
      for (std::int64_t head = 0; head < x.cols(); head += head_dim)
        for (std::int64_t i = 0; i < half; ++i) {
          const float c = cos[static_cast<std::size_t>(t * half + i)];
          const float s = sin[static_cast<std::size_t>(t * half + i)];
          const float a = row(x, t)[head + i], b = row(x, t)[head + half + i];
          row_out(y, t)[head + i] = a * c - b * s;
          row_out(y, t)[head + half + i] = b * c + a * s;
        }
    return y;
  }

  void append(KvSequence& sequence, int layer, std::int64_t position, const Tensor& k,
              const Tensor& v) override {
    auto& kv = static_cast<ReferenceSequence&>(sequence);
    for (auto [side, rows_in] : {std::pair{&kv.keys, &k}, std::pair{&kv.values, &v}}) {
      std::vector<float>& stored = (*side)[static_cast<std::size_t>(layer)];
      stored.resize(static_cast<std::size_t>(position * k.cols()));
      stored.insert(stored.end(), in(*rows_in).begin(), in(*rows_in).end());
    }
  }
  static Tensor first_rows(const std::vector<float>& stored, std::int64_t count) {
    Tensor y = make(count, static_cast<std::int64_t>(stored.size()) / count);
    out(y) = stored;
    return y;
  }
  Tensor cached_keys(KvSequence& sequence, int layer, std::int64_t count) override {
    return first_rows(
        static_cast<ReferenceSequence&>(sequence).keys[static_cast<std::size_t>(layer)], count);
  }
  Tensor cached_values(KvSequence& sequence, int layer, std::int64_t count) override {
    return first_rows(
        static_cast<ReferenceSequence&>(sequence).values[static_cast<std::size_t>(layer)], count);
  }

  Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttendSpec& spec,
                   std::int64_t first_visible) override {
    const std::int64_t d = spec.head_dim, m = k.rows();
    Tensor y = make(q.rows(), q.cols());
    std::vector<float> keys(static_cast<std::size_t>(d * m));  // [d, m] of one head
    std::vector<float> scores(static_cast<std::size_t>(m));
    for (std::int64_t head = 0; head < spec.heads; ++head) {
      const std::int64_t at = head / (spec.heads / spec.kv_heads) * d;  // columns of its kv head
      for (std::int64_t j = 0; j < m; ++j)
        for (std::int64_t c = 0; c < d; ++c)
          keys[static_cast<std::size_t>(c * m + j)] = row(k, j)[at + c];
      for (std::int64_t t = 0; t < q.rows(); ++t) {
        const std::int64_t visible = std::min(m, first_visible + t);
        const float* query = row(q, t) + head * d;
        std::fill_n(scores.begin(), visible, 0.0f);
        for (std::int64_t c = 0; c < d; ++c) {
          const float value = query[c] * spec.scale;
          const float* key = keys.data() + c * m;
          for (std::int64_t j = 0; j < visible; ++j)
            scores[static_cast<std::size_t>(j)] += value * key[j];
        }
        const float largest = *std::max_element(scores.begin(), scores.begin() + visible);
        double total = 0;
        for (std::int64_t j = 0; j < visible; ++j) {
          float& score = scores[static_cast<std::size_t>(j)];
          score = std::exp(score - largest);
          total += score;
        }
        float* to = row_out(y, t) + head * d;
        for (std::int64_t j = 0; j < visible; ++j) {
          const auto weight = static_cast<float>(scores[static_cast<std::size_t>(j)] / total);
          const float* value = row(v, j) + at;
          for (std::int64_t c = 0; c < d; ++c) to[c] += weight * value[c];
        }
      }
    }
    return y;
  }
};

}  // namespace

std::shared_ptr<Engine> make_reference_engine() { return std::make_shared<ReferenceEngine>(); }

}  // namespace oc
