#include "runtime/quantize/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "io/affine.h"
#include "models/expected_tensors.h"
#include "models/fingerprint.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVision = "vision";  // all that turns pictures into rows

Error wrong_option(std::string message, std::string hint) {
  return {ErrorCode::kInvalidArgument, std::move(message), std::move(hint)};
}

Result<void> check_options(const QuantizePlanOptions& options) {
  const auto [bits, group] = options.spec;
  if (bits != 4 && bits != 8)
    return wrong_option(fmt::format("bits is {}", bits), "it must be 4 or 8");
  if (group != 32 && group != 64 && group != 128)
    return wrong_option(fmt::format("group is {}", group), "it must be 32, 64 or 128");
  if (options.dtype && !is_float(*options.dtype))
    return wrong_option(fmt::format("dtype is {}", to_string(*options.dtype)),
                        "it must be F16, BF16 or F32");
  if (options.shard_bytes == 0) return wrong_option("the shard size is 0", "the default is 5 GB");
  return {};
}

// Whether `part` stands in `name` between dots or ends: "layers.1" is in "model.layers.1.mlp", not
// in "model.layers.10.mlp".
bool has_part(std::string_view name, std::string_view part) {
  for (std::size_t at = name.find(part); at != std::string_view::npos;
       at = name.find(part, at + 1)) {
    const std::size_t end = at + part.size();
    if ((at == 0 || name[at - 1] == '.') && (end == name.size() || name[end] == '.')) return true;
  }
  return false;
}

// Answers which tensors are to stay float, and whether each of the names meant something.
class Keep {
 public:
  explicit Keep(const std::vector<std::string>& parts) {
    for (const std::string& part : parts) used_[part] = false;
  }
  bool operator()(const ExpectedTensor& tensor) {
    bool kept = false;
    for (auto& [part, used] : used_)
      if (part == kVision ? tensor.vision : has_part(tensor.name, part)) kept = used = true;
    return kept;
  }
  Result<void> check_used() const {
    for (const auto& [part, used] : used_)
      if (!used)
        return wrong_option(fmt::format("keep: no matrix has \"{}\" in its name", part),
                            "vision, lm_head, embed_tokens, or a part of a name that `ocellus "
                            "inspect` shows");
    return {};
  }

 private:
  std::map<std::string, bool> used_;
};

Error bad_tensor(const TensorView& tensor, const Shape& expected) {
  return {ErrorCode::kCorrupt,
          fmt::format("{}: tensor \"{}\" is {} {}, expected {} of a float type", tensor.file,
                      tensor.name, to_string(tensor.dtype), tensor.shape.str(), expected.str()),
          "the file does not belong to this config.json, or is damaged"};
}

Result<TensorPlan> plan_tensor(const TensorView& input, const ExpectedTensor* expected,
                               const QuantizePlanOptions& options, Keep& keep) {
  TensorPlan plan{.input = &input, .dtype = options.dtype.value_or(input.dtype)};
  if (expected == nullptr) {
    plan.outputs = {{input.name, input.dtype, input.shape}};
    return plan;
  }
  const std::optional<Shape> turned = mlx_layout(expected->shape);
  const bool as_expected = input.shape == expected->shape;
  if (!is_float(input.dtype) || !(as_expected || (turned && input.shape == *turned)))
    return bad_tensor(input, expected->shape);
  plan.action = TensorAction::kCast;
  plan.to_mlx_layout = turned && as_expected;
  const std::int64_t group = options.spec.group_size;
  // As in MLX, a matrix whose rows are no whole groups stays as it is.
  const bool kept = expected->matrix && keep(*expected);
  if (!expected->matrix || kept || input.shape[1] % group != 0) {
    plan.outputs = {{input.name, plan.dtype, plan.to_mlx_layout ? *turned : input.shape}};
    return plan;
  }
  plan.action = TensorAction::kQuantize;
  const std::int64_t rows = input.shape[0], cols = input.shape[1];
  const std::string prefix = matrix_prefix(input.name);
  plan.outputs = {{prefix + ".weight", DType::kU32, Shape{rows, cols * options.spec.bits / 32}},
                  {prefix + ".scales", plan.dtype, Shape{rows, cols / group}},
                  {prefix + ".biases", plan.dtype, Shape{rows, cols / group}}};
  return plan;
}

// In the order given, as many to a file as its size allows; what belongs together stays together.
std::vector<ShardPlan> split(std::vector<TensorPlan> tensors, std::size_t shard_bytes) {
  std::vector<ShardPlan> shards;
  std::size_t bytes = 0;
  for (TensorPlan& tensor : tensors) {
    if (shards.empty() || bytes + tensor.bytes() > shard_bytes) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += tensor.bytes();
    shards.back().tensors.push_back(std::move(tensor));
  }
  for (std::size_t i = 0; i < shards.size(); ++i)
    shards[i].file = shards.size() == 1
                         ? "model.safetensors"
                         : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  return shards;
}

// The input's files are told apart by size and time too: a sample of a few tensors does not see a
// repaired download.
std::string fingerprint(const Checkpoint& input, const QuantizePlanOptions& options) {
  std::set<std::string> files{"config.json"};
  for (const TensorView* tensor : input.tensors()) files.insert(tensor->file);
  std::string text =
      fmt::format("{} bits={} group={} dtype={} keep={} shard={}", checkpoint_fingerprint(input),
                  options.spec.bits, options.spec.group_size,
                  options.dtype ? to_string(*options.dtype) : "input",
                  fmt::join(std::set<std::string>(options.keep.begin(), options.keep.end()), ","),
                  options.shard_bytes);
  for (const std::string& file : files) {
    std::error_code error;
    const fs::path path = input.folder() / file;
    text += fmt::format(" {}:{}:{}", file, fs::file_size(path, error),
                        fs::last_write_time(path, error).time_since_epoch().count());
  }
  return text;
}

}  // namespace

std::string_view to_string(TensorAction action) {
  switch (action) {
    case TensorAction::kQuantize:
      return "quantized";
    case TensorAction::kCast:
      return "float";
    case TensorAction::kCopy:
      break;
  }
  return "copied";
}

std::size_t TensorPlan::bytes() const {
  std::size_t total = 0;
  for (const PlannedTensor& output : outputs)
    total += static_cast<std::size_t>(output.shape.numel()) * size_of(output.dtype);
  return total;
}

std::size_t ShardPlan::bytes() const {
  std::size_t total = 0;
  for (const TensorPlan& tensor : tensors) total += tensor.bytes();
  return total;
}

std::size_t QuantizePlan::input_bytes() const {
  std::size_t total = 0;
  for (const ShardPlan& shard : shards)
    for (const TensorPlan& tensor : shard.tensors) total += tensor.input->data.size();
  return total;
}

bool is_quantised(const Checkpoint& input) {
  for (const char* key : {"quantization", "quantization_config"})
    if (input.config().contains(key)) return true;
  return std::ranges::any_of(
      input.tensors(), [](const TensorView* tensor) { return tensor->name.ends_with(".scales"); });
}

Result<QuantizePlan> plan_quantization(std::shared_ptr<const Checkpoint> input,
                                       const QuantizePlanOptions& options) {
  OC_RETURN_IF_ERROR(check_options(options));
  if (is_quantised(*input))
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} is quantised already", input->folder().string()),
                 "start from the checkpoint in full precision"};
  OC_ASSIGN_OR_RETURN(const std::vector<ExpectedTensor> list, expected_tensors(*input));
  std::map<std::string_view, const ExpectedTensor*> expected;
  for (const ExpectedTensor& tensor : list) {
    expected[tensor.name] = &tensor;
    if (input->find(tensor.name) == nullptr)
      return Error{
          ErrorCode::kCorrupt,
          fmt::format("{}: tensor \"{}\" is missing", input->folder().string(), tensor.name),
          "`ocellus inspect` lists everything that is missing"};
  }
  Keep keep(options.keep);
  std::vector<TensorPlan> tensors;
  for (const TensorView* tensor : input->tensors()) {
    const auto found = expected.find(tensor->name);
    OC_ASSIGN_OR_RETURN(
        TensorPlan plan,
        plan_tensor(*tensor, found == expected.end() ? nullptr : found->second, options, keep));
    tensors.push_back(std::move(plan));
  }
  OC_RETURN_IF_ERROR(keep.check_used());
  QuantizePlan plan;
  plan.spec = options.spec;
  plan.shards = split(std::move(tensors), options.shard_bytes);
  plan.fingerprint = fingerprint(*input, options);
  plan.input = std::move(input);
  return plan;
}

}  // namespace oc
