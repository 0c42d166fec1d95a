#include "io/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/printable.h"
#include "io/affine.h"
#include "io/files.h"
#include "io/json.h"

namespace oc {
namespace {

namespace json = boost::json;
constexpr const char* kIndex = "model.safetensors.index.json";

Error bad_tensor(const TensorView& tensor, std::string text) {
  return {ErrorCode::kCorrupt, fmt::format("{}: tensor \"{}\" {}", tensor.file, tensor.name, text),
          "the file does not belong to this config.json, or is damaged"};
}

// The shards that an index lists, and the tensors that it puts there.
Result<std::map<std::string, std::set<std::string>>> read_index(
    const std::filesystem::path& folder) {
  OC_ASSIGN_OR_RETURN(const json::object index, read_json_object(folder / kIndex));
  OC_ASSIGN_OR_RETURN(const JsonReader map, JsonReader(index, kIndex).object("weight_map"));
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& member : **map.object()) {
    const std::string shard =
        member.value().is_string() ? std::string(member.value().as_string()) : std::string();
    if (shard.empty() || shard.find_first_of("/\\") != std::string::npos ||
        !shard.ends_with(".safetensors"))
      return Error{ErrorCode::kCorrupt,
                   fmt::format("{}: {} is not in a .safetensors file of this folder", kIndex,
                               shown_name(member.key())),
                   ""};
    shards[shard].insert(std::string(member.key()));
  }
  return shards;
}

std::vector<std::string> list_tensor_files(const std::filesystem::path& folder) {
  std::vector<std::string> names = file_names(folder);
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".safetensors"); });
  return names;
}

float element(const TensorView& tensor, std::size_t i) {
  switch (tensor.dtype) {
    case DType::kF32: {
      float value;
      std::memcpy(&value, tensor.data.data() + i * 4, 4);
      return value;
    }
    case DType::kF16:
    case DType::kBF16: {
      std::uint16_t bits;
      std::memcpy(&bits, tensor.data.data() + i * 2, 2);
      return tensor.dtype == DType::kF16 ? f16_to_f32(bits) : bf16_to_f32(bits);
    }
    default:
      break;
  }
  OC_CHECK(false, "{} is {}, not a float type", tensor.name, to_string(tensor.dtype));
  return 0;
}

}  // namespace

Result<std::shared_ptr<const Checkpoint>> Checkpoint::open(const std::filesystem::path& folder) {
  if (!is_folder(folder))
    return Error{ErrorCode::kNotFound, fmt::format("{} is not a folder", folder.string()),
                 "a model is a folder with config.json, *.safetensors and tokenizer.json"};
  auto checkpoint = std::make_shared<Checkpoint>();
  checkpoint->folder_ = folder;
  OC_ASSIGN_OR_RETURN(checkpoint->config_, read_json_object(folder / "config.json"));
  std::map<std::string, std::set<std::string>> expected;
  if (is_file(folder / kIndex)) {
    OC_ASSIGN_OR_RETURN(expected, read_index(folder));
  } else {
    for (const std::string& name : list_tensor_files(folder)) expected[name];
  }
  if (expected.empty())
    return Error{ErrorCode::kNotFound,
                 fmt::format("{} holds no .safetensors file", folder.string()),
                 "the download may not be complete"};
  std::map<std::string, std::string> owner;
  for (const auto& [name, tensors] : expected) {
    if (!is_file(folder / name))
      return Error{ErrorCode::kNotFound, fmt::format("{} is missing, {} lists it", name, kIndex),
                   "the download may not be complete"};
    OC_ASSIGN_OR_RETURN(std::shared_ptr<const SafetensorsFile> file,
                        SafetensorsFile::open(folder / name));
    for (const std::string& tensor : tensors)
      if (file->find(tensor) == nullptr)
        return Error{ErrorCode::kCorrupt,
                     fmt::format("{}: tensor {} is missing, {} puts it there", name,
                                 shown_name(tensor), kIndex),
                     "the download may not be complete"};
    for (const TensorView& tensor : file->tensors()) {
      const auto [other, fresh] = owner.emplace(tensor.name, name);
      if (!fresh)
        return Error{ErrorCode::kCorrupt,
                     fmt::format("tensor {} is in {} and in {}", shown_name(tensor.name),
                                 other->second, name),
                     "remove the file that does not belong to the model"};
    }
    checkpoint->files_.push_back(std::move(file));
    checkpoint->file_names_.push_back(name);
  }
  return std::shared_ptr<const Checkpoint>(std::move(checkpoint));
}

const TensorView* Checkpoint::find(std::string_view name) const {
  for (const auto& file : files_)
    if (const TensorView* found = file->find(name)) return found;
  return nullptr;
}

std::vector<const TensorView*> Checkpoint::tensors() const {
  std::vector<const TensorView*> out;
  for (const auto& file : files_)
    for (const TensorView& tensor : file->tensors()) out.push_back(&tensor);
  return out;
}

std::size_t Checkpoint::weights_bytes() const {
  std::size_t total = 0;
  for (const auto& file : files_) total += file->file_bytes();
  return total;
}

MappedRanges Checkpoint::mapped() const {
  MappedRanges ranges;
  for (const auto& file : files_) ranges.push_back(file->mapped());
  return ranges;
}

Result<void> Checkpoint::intact() const {
  for (const auto& file : files_) OC_RETURN_IF_ERROR(file->intact());
  return {};
}

Error Checkpoint::missing(std::string_view name) const {
  const std::size_t others = file_names_.size() - 1;
  return {
      ErrorCode::kCorrupt,
      fmt::format("{}{}: tensor \"{}\" is missing", file_names_[0],
                  others > 0 ? fmt::format(" and {} other{}", others, others > 1 ? "s" : "") : "",
                  name),
      "`ocellus inspect` lists everything that is missing"};
}

Result<TensorView> Checkpoint::tensor(std::string_view name, const Shape& shape) const {
  const TensorView* found = find(name);
  if (found == nullptr) return missing(name);
  if (!is_float(found->dtype))
    return bad_tensor(*found,
                      fmt::format("is {}, expected F32, F16 or BF16", to_string(found->dtype)));
  if (!(found->shape == shape))
    return bad_tensor(*found, fmt::format("is {}, expected {}", found->shape.str(), shape.str()));
  return *found;
}

Result<RawMatrix> Checkpoint::matrix(std::string_view prefix, std::int64_t rows, std::int64_t cols,
                                     bool with_bias) const {
  RawMatrix out;
  out.name = prefix;
  out.rows = rows;
  out.cols = cols;
  const std::string name(prefix);
  if (with_bias) {
    OC_ASSIGN_OR_RETURN(out.bias, tensor(name + ".bias", Shape{rows}));
  } else if (const TensorView* bias = find(name + ".bias")) {
    return bad_tensor(*bias, "is not part of this architecture");
  }
  const TensorView* scales = find(name + ".scales");
  if (scales == nullptr) {
    if (find(name + ".biases") != nullptr) return missing(name + ".scales");
    OC_ASSIGN_OR_RETURN(out.weight, tensor(name + ".weight", Shape{rows, cols}));
    return out;
  }
  const TensorView* weight = find(name + ".weight");
  if (weight == nullptr) return missing(name + ".weight");
  if (weight->dtype != DType::kU32 || weight->shape.rank() != 2 || weight->shape[0] != rows)
    return bad_tensor(*weight, fmt::format("is {} {}, expected packed U32 with {} rows",
                                           to_string(weight->dtype), weight->shape.str(), rows));
  QuantSpec spec;
  const std::int64_t words = weight->shape[1];
  if (words * 8 == cols)
    spec.bits = 4;
  else if (words * 4 == cols)
    spec.bits = 8;
  else
    return bad_tensor(
        *weight, fmt::format("is {}: neither 4 nor 8 bits for {} columns, expected [{}, {}] or "
                             "[{}, {}]",
                             weight->shape.str(), cols, rows, cols / 8, rows, cols / 4));
  const std::int64_t groups = scales->shape.rank() == 2 ? scales->shape[1] : 0;
  spec.group_size = groups > 0 && cols % groups == 0 ? static_cast<int>(cols / groups) : 0;
  if (spec.group_size != 32 && spec.group_size != 64 && spec.group_size != 128)
    return bad_tensor(*scales, fmt::format("is {}: not groups of 32, 64 or 128 for {} columns",
                                           scales->shape.str(), cols));
  OC_ASSIGN_OR_RETURN(out.scales, tensor(name + ".scales", Shape{rows, groups}));
  OC_ASSIGN_OR_RETURN(out.biases, tensor(name + ".biases", Shape{rows, groups}));
  if (out.biases.dtype != out.scales.dtype)
    return bad_tensor(out.biases,
                      fmt::format("is {}, its scales are {}", to_string(out.biases.dtype),
                                  to_string(out.scales.dtype)));
  out.weight = *weight;
  out.quant = spec;
  return out;
}

std::string to_string(const WeightType& type) {
  return type.quant ? fmt::format("{}-bit", type.quant->bits) : std::string(to_string(type.dtype));
}

std::vector<float> to_f32(const TensorView& tensor) {
  std::vector<float> out(static_cast<std::size_t>(tensor.shape.numel()));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = element(tensor, i);
  return out;
}

void dequantize_row(const RawMatrix& matrix, std::int64_t row, std::span<float> out) {
  OC_CHECK(row >= 0 && row < matrix.rows && static_cast<std::int64_t>(out.size()) == matrix.cols,
           "{}: row {} of {} into {} values", matrix.name, row, matrix.rows, out.size());
  const auto r = static_cast<std::size_t>(row), cols = out.size();
  if (!matrix.quant) {
    for (std::size_t c = 0; c < cols; ++c) out[c] = element(matrix.weight, r * cols + c);
    return;
  }
  const auto bits = static_cast<std::size_t>(matrix.quant->bits);
  const auto group = static_cast<std::size_t>(matrix.quant->group_size);
  const auto* packed =
      reinterpret_cast<const std::uint8_t*>(matrix.weight.data.data()) + r * cols * bits / 8;
  for (std::size_t c = 0; c < cols; ++c) {
    const unsigned q = bits == 8 ? packed[c] : (packed[c / 2] >> (4 * (c % 2))) & 15u;
    const std::size_t g = r * (cols / group) + c / group;
    out[c] = element(matrix.scales, g) * static_cast<float>(q) + element(matrix.biases, g);
  }
}

}  // namespace oc
