#include "models/synth.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "io/json_text.h"
#include "io/safetensors.h"
#include "models/registry.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr float kDeviation = 0.02f;       // of weights
constexpr float kSmallDeviation = 1e-4f;  // of SynthCheckpoint::small_rows
constexpr std::int64_t kGroup = 64;
constexpr std::size_t kBlockBytes = 8u << 20;  // bytes written at once

// A counter-based generator (splitmix64): fast, and the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // Uniform with mean 0 and standard deviation 1.
  float unit() { return (static_cast<float>(next() >> 40) * 0x1p-24f - 0.5f) * 3.4641016f; }

 private:
  std::uint64_t state_;
};

enum class TensorKind { kPacked, kScales, kBiases, kFloats };

// One tensor of the file, and how its values come about.
struct Planned {
  PlannedTensor tensor;
  TensorKind kind = TensorKind::kFloats;
  float mean = 0, deviation = 0;  // of floats
  // Of the head: rows that are small. Views of the SynthCheckpoint's.
  std::span<const std::pair<std::int64_t, std::int64_t>> small_rows = {};

  bool small(std::int64_t row) const {
    return std::ranges::any_of(small_rows,
                               [&](const auto& r) { return row >= r.first && row <= r.second; });
  }
};

// The weight of a norm, by the names that they have.
bool is_norm(std::string_view name) {
  if (!name.ends_with(".weight")) return false;
  if (name.find("norm") != std::string_view::npos) return true;
  for (const char* end : {".ln.weight", ".ln1.weight", ".ln2.weight", ".post_ln.weight"})
    if (name.ends_with(end)) return true;
  return false;
}

std::vector<Planned> plan_tensors(const std::vector<ExpectedTensor>& tensors,
                                  const SynthCheckpoint& checkpoint, int bits) {
  std::vector<Planned> out;
  const DType floats = bits > 0 ? DType::kF16 : DType::kBF16;
  for (const ExpectedTensor& expected : tensors) {
    const std::string& name = expected.name;
    std::span<const std::pair<std::int64_t, std::int64_t>> small_rows;
    if (name == checkpoint.head + ".weight") small_rows = checkpoint.small_rows;
    // As in MLX, a matrix whose rows are no whole groups stays as it is.
    if (expected.matrix && bits > 0 && expected.shape[1] % kGroup == 0) {
      const std::int64_t rows = expected.shape[0], cols = expected.shape[1];
      const std::string prefix = matrix_prefix(name);
      out.push_back(
          {{prefix + ".weight", DType::kU32, Shape{rows, cols * bits / 32}}, TensorKind::kPacked});
      out.push_back({{prefix + ".scales", floats, Shape{rows, cols / kGroup}},
                     TensorKind::kScales,
                     0,
                     0,
                     small_rows});
      out.push_back({{prefix + ".biases", floats, Shape{rows, cols / kGroup}},
                     TensorKind::kBiases,
                     0,
                     0,
                     small_rows});
      continue;
    }
    const Shape shape =
        bits > 0 ? mlx_layout(expected.shape).value_or(expected.shape) : expected.shape;
    const bool norm = is_norm(name);
    out.push_back({{name, floats, shape},
                   TensorKind::kFloats,
                   norm ? 1.0f : 0.0f,
                   norm ? 0.0f : kDeviation,
                   small_rows});
  }
  return out;
}

// Writes one tensor in pieces. Scales and biases are such that uniform codes have mean 0 and the
// wanted deviation: σ = scale · sqrt((n² − 1) / 12), bias = −scale · (n − 1) / 2.
Result<void> write_tensor(SafetensorsWriter& writer, const Planned& planned, int bits,
                          Random& random, std::vector<std::byte>& block,
                          const std::function<void(std::size_t)>& wrote) {
  const auto total = static_cast<std::size_t>(planned.tensor.shape.numel());
  const std::size_t element = size_of(planned.tensor.dtype);
  const auto half = [&](float value) {
    return planned.tensor.dtype == DType::kF16 ? f32_to_f16(value) : f32_to_bf16(value);
  };
  const int codes = 1 << bits;
  const float spread =
      std::sqrt((static_cast<float>(codes) * static_cast<float>(codes) - 1.0f) / 12.0f);
  const std::int64_t rows = planned.tensor.shape[0];
  const std::size_t row_elements = total / static_cast<std::size_t>(rows);
  for (std::size_t first = 0; first < total; first += kBlockBytes / element) {
    const std::size_t count = std::min(kBlockBytes / element, total - first);
    block.resize((count * element + 7) / 8 * 8);
    if (planned.kind == TensorKind::kPacked) {
      auto* words = reinterpret_cast<std::uint64_t*>(block.data());
      for (std::size_t i = 0; i < block.size() / 8; ++i) words[i] = random.next();
    } else {
      auto* values = reinterpret_cast<std::uint16_t*>(block.data());
      for (std::size_t i = 0; i < count; ++i) {
        const auto row = static_cast<std::int64_t>((first + i) / row_elements);
        const float deviation = planned.small(row) ? kSmallDeviation : kDeviation;
        const float scale = f16_to_f32(f32_to_f16(deviation / spread));
        if (planned.kind == TensorKind::kScales)
          values[i] = half(scale);
        else if (planned.kind == TensorKind::kBiases)
          values[i] = half(-scale * static_cast<float>(codes - 1) / 2);
        else
          values[i] =
              half(planned.mean +
                   (planned.small(row) ? kSmallDeviation : planned.deviation) * random.unit());
      }
    }
    OC_RETURN_IF_ERROR(writer.append(std::span(block).first(count * element)));
    wrote(count * element);
  }
  return {};
}

std::size_t bytes_of(const Planned& planned) {
  return static_cast<std::size_t>(planned.tensor.shape.numel()) * size_of(planned.tensor.dtype);
}

Result<void> write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file)
    return Error{ErrorCode::kInternal, fmt::format("{} cannot be written", path.string()),
                 "check the folder, its permissions and the free space"};
  return {};
}

Result<void> copy_tokenizer(const std::filesystem::path& folder, const SynthOptions& options) {
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}) {
    std::error_code error;
    const bool present = std::filesystem::exists(options.tokenizer / name, error);
    if (present)
      std::filesystem::copy_file(options.tokenizer / name, folder / name,
                                 std::filesystem::copy_options::overwrite_existing, error);
    if (error || (!present && std::string_view(name) == "tokenizer.json"))
      return Error{ErrorCode::kNotFound,
                   fmt::format("{} cannot be copied", (options.tokenizer / name).string()),
                   "--tokenizer names a folder with tokenizer.json"};
  }
  return {};
}

// Tensors in files: one, or two of about the same size with an index as Microsoft's.
Result<void> write_tensors(const std::filesystem::path& folder, const std::vector<Planned>& tensors,
                           int bits, const SynthOptions& options) {
  std::size_t total = 0;
  for (const Planned& planned : tensors) total += bytes_of(planned);
  const std::size_t shards = bits > 0 ? 1 : 2;
  Random random(options.seed);
  std::vector<std::byte> block;
  std::size_t done = 0;
  json::object map;
  std::size_t next = 0;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    const std::string name =
        shards == 1 ? "model.safetensors"
                    : fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, shards);
    std::vector<PlannedTensor> plan;
    std::size_t bytes = 0;
    const std::size_t first = next;
    while (next < tensors.size() && (shard + 1 == shards || bytes < total / shards)) {
      bytes += bytes_of(tensors[next]);
      map[tensors[next].tensor.name] = name;
      plan.push_back(tensors[next++].tensor);
    }
    OC_ASSIGN_OR_RETURN(
        const std::unique_ptr<SafetensorsWriter> writer,
        SafetensorsWriter::create(folder / name, plan, {{"format", bits > 0 ? "mlx" : "pt"}}));
    for (std::size_t i = first; i < next; ++i)
      OC_RETURN_IF_ERROR(
          write_tensor(*writer, tensors[i], bits, random, block, [&](std::size_t bytes_now) {
            done += bytes_now;
            if (options.progress) options.progress(done, total);
          }));
    OC_RETURN_IF_ERROR(writer->finish());
  }
  return write_text(folder / "model.safetensors.index.json",
                    json_text(json::object{{"metadata", {{"total_size", total}}},
                                           {"weight_map", std::move(map)}}));
}

const Architecture* architecture_with(std::string_view shape) {
  for (const Architecture& one : architectures())
    if (std::ranges::find(one.shapes, shape) != one.shapes.end()) return &one;
  return nullptr;
}

}  // namespace

std::vector<std::string_view> synth_shapes() {
  std::vector<std::string_view> all;
  for (const Architecture& one : architectures())
    all.insert(all.end(), one.shapes.begin(), one.shapes.end());
  return all;
}

Result<void> write_synth(const std::filesystem::path& folder, const SynthOptions& options) {
  const int bits = options.quant == "mlx4" ? 4 : options.quant == "mlx8" ? 8 : 0;
  if (bits == 0 && options.quant != "bf16")
    return Error{ErrorCode::kInvalidArgument, fmt::format("quant is \"{}\"", options.quant),
                 "it must be mlx4, mlx8 or bf16"};
  const Architecture* const architecture = architecture_with(options.shape);
  if (architecture == nullptr)
    return Error{ErrorCode::kInvalidArgument, fmt::format("shape is \"{}\"", options.shape),
                 fmt::format("it must be one of {}", fmt::join(synth_shapes(), ", "))};
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return Error{ErrorCode::kInternal, fmt::format("{} cannot be made", folder.string()),
                 "check its permissions"};
  const SynthCheckpoint checkpoint = architecture->synth(options.shape, bits);
  for (const auto& [name, object] : checkpoint.files)
    if (name != "tokenizer.json" || options.tokenizer.empty())
      OC_RETURN_IF_ERROR(write_text(folder / name, json_text(object)));
  if (!options.tokenizer.empty()) OC_RETURN_IF_ERROR(copy_tokenizer(folder, options));
  OC_ASSIGN_OR_RETURN(const auto blueprint, architecture->open(folder));
  return write_tensors(folder, plan_tensors(blueprint->tensors(), checkpoint, bits), bits, options);
}

}  // namespace oc
