#include "models/phi3v/config.h"

#include <fmt/format.h>

#include <cmath>

#include "io/files.h"

namespace oc {
namespace {

constexpr std::int64_t kMaxDim = 1 << 20;  // no dimension of a sane checkpoint is larger
constexpr float kMaxScale = 1e6f;          // likewise for what pixels are normalised with

Error config_error(std::string message) {
  return {ErrorCode::kCorrupt, std::move(message), "use the model's files as published", ""};
}

Result<ClipConfig> parse_vision(const JsonReader& config) {
  OC_ASSIGN_OR_RETURN(const ClipConfig clip, parse_clip_config(config, kClipL336));
  if (clip.image_size % (2 * clip.patch_size) != 0)
    return config_error(
        fmt::format("config.json: vision_config: image_size {} is not an even number of patches "
                    "of {} pixels",
                    clip.image_size, clip.patch_size));
  return clip;
}

Result<void> parse_rope(const JsonReader& config, Phi3VConfig& out) {
  const auto half = static_cast<std::size_t>(out.head_dim / 2);
  if (!config.has("rope_scaling")) {
    out.short_factor.assign(half, 1.0);
    out.long_factor.assign(half, 1.0);
    return {};
  }
  OC_ASSIGN_OR_RETURN(const JsonReader rope, config.object("rope_scaling"));
  OC_ASSIGN_OR_RETURN(const std::string type, rope.string("type"));
  if (type != "su" && type != "longrope")
    return Error{ErrorCode::kUnsupported,
                 fmt::format("config.json: rope_scaling.type \"{}\" is not supported", type),
                 "su (also called longrope) is what Phi-3.5-Vision uses"};
  OC_ASSIGN_OR_RETURN(out.short_factor, rope.numbers("short_factor", half));
  OC_ASSIGN_OR_RETURN(out.long_factor, rope.numbers("long_factor", half));
  for (const auto* list : {&out.short_factor, &out.long_factor})
    for (const double factor : *list)
      if (!(factor > 0) || !std::isfinite(factor))
        return config_error(fmt::format(
            "config.json: rope_scaling holds the factor {}, not a positive number", factor));
  return {};
}

// eos_token_id: a number or a list of numbers.
Result<void> add_eos(const boost::json::object& object, std::string_view file,
                     std::vector<TokenId>& out) {
  const boost::json::value* found = object.if_contains("eos_token_id");
  if (found == nullptr || found->is_null()) return {};
  const auto add = [&](const boost::json::value& value) {
    const auto* id = value.if_int64();
    if (id == nullptr || *id < 0 || *id > kMaxDim * 64) return false;
    out.push_back(static_cast<TokenId>(*id));
    return true;
  };
  bool good = true;
  if (const auto* list = found->if_array()) {
    for (const boost::json::value& value : *list) good = good && add(value);
  } else {
    good = add(*found);
  }
  if (!good)
    return config_error(
        fmt::format("{}: \"eos_token_id\" must be a token id or a list of them", file));
  return {};
}

Result<void> parse_preprocessor(const boost::json::object& object, Phi3VConfig& out) {
  const JsonReader reader(object, "preprocessor_config.json");
  OC_ASSIGN_OR_RETURN(out.hd.num_crops,
                      reader.integer_or("num_crops", out.hd.num_crops, 1, kMaxCrops));
  for (auto [key, target] :
       {std::pair{"image_mean", &out.hd.mean}, std::pair{"image_std", &out.hd.std}}) {
    if (!reader.has(key)) continue;
    OC_ASSIGN_OR_RETURN(const std::vector<double> values, reader.numbers(key, 3));
    for (std::size_t i = 0; i < 3; ++i) {
      if (!(std::abs(values[i]) <= kMaxScale))
        return config_error(
            fmt::format("preprocessor_config.json: \"{}\" holds {}", key, values[i]));
      (*target)[i] = static_cast<float>(values[i]);
    }
  }
  for (const float deviation : out.hd.std)
    if (!(deviation >= 1 / kMaxScale))
      return config_error("preprocessor_config.json: \"image_std\" must hold positive numbers");
  return {};
}

}  // namespace

Result<Phi3VConfig> parse_phi3v_config(const boost::json::object& object,
                                       const boost::json::object* preprocessor,
                                       const boost::json::object* generation) {
  const JsonReader config(object, "config.json");
  Phi3VConfig out;
  OC_ASSIGN_OR_RETURN(const std::string type, config.string("model_type"));
  if (type != "phi3_v")
    return Error{ErrorCode::kUnsupported,
                 fmt::format("config.json: model_type \"{}\" is not supported", type),
                 "ocellus runs phi3_v (Phi-3.5-Vision)"};
  OC_ASSIGN_OR_RETURN(out.hidden_size, config.integer("hidden_size", 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(out.layers, config.integer("num_hidden_layers", 1, 1024));
  OC_ASSIGN_OR_RETURN(out.heads, config.integer("num_attention_heads", 1, 4096));
  OC_ASSIGN_OR_RETURN(out.kv_heads,
                      config.integer_or("num_key_value_heads", out.heads, 1, out.heads));
  OC_ASSIGN_OR_RETURN(out.intermediate_size, config.integer("intermediate_size", 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(out.vocab_size, config.integer("vocab_size", 1, 1 << 24));
  OC_ASSIGN_OR_RETURN(const double eps, config.number_or("rms_norm_eps", 1e-5));
  OC_ASSIGN_OR_RETURN(out.rope_theta, config.number_or("rope_theta", 10000.0));
  OC_ASSIGN_OR_RETURN(out.max_positions, config.integer("max_position_embeddings", 2, 1 << 24));
  OC_ASSIGN_OR_RETURN(out.original_max_positions,
                      config.integer_or("original_max_position_embeddings", out.max_positions, 2,
                                        out.max_positions));
  if (out.hidden_size % out.heads != 0 || (out.hidden_size / out.heads) % 2 != 0)
    return config_error(fmt::format(
        "config.json: hidden_size {} does not give num_attention_heads {} heads of even size",
        out.hidden_size, out.heads));
  if (out.heads % out.kv_heads != 0)
    return config_error(
        fmt::format("config.json: num_attention_heads {} is not a multiple of "
                    "num_key_value_heads {}",
                    out.heads, out.kv_heads));
  if (!(out.rope_theta > 1) || !(eps >= 0 && eps <= 1))
    return config_error("config.json: rope_theta must be above 1 and rms_norm_eps from 0 to 1");
  out.rms_norm_eps = static_cast<float>(eps);
  out.head_dim = static_cast<int>(out.hidden_size / out.heads);
  OC_RETURN_IF_ERROR(parse_rope(config, out));
  OC_ASSIGN_OR_RETURN(out.vision, parse_vision(config));
  out.hd.crop_size = out.vision.image_size;
  if (preprocessor != nullptr) OC_RETURN_IF_ERROR(parse_preprocessor(*preprocessor, out));
  OC_RETURN_IF_ERROR(add_eos(object, "config.json", out.eos_ids));
  if (generation != nullptr)
    OC_RETURN_IF_ERROR(add_eos(*generation, "generation_config.json", out.eos_ids));
  return out;
}

Result<Phi3VConfig> load_phi3v_config(const std::filesystem::path& folder) {
  OC_ASSIGN_OR_RETURN(const boost::json::object config, read_json_object(folder / "config.json"));
  std::optional<boost::json::object> preprocessor, generation;
  const auto read_optional = [&](const char* name,
                                 std::optional<boost::json::object>& out) -> Result<void> {
    if (!is_file(folder / name)) return {};
    OC_ASSIGN_OR_RETURN(out, read_json_object(folder / name));
    return {};
  };
  OC_RETURN_IF_ERROR(read_optional("preprocessor_config.json", preprocessor));
  OC_RETURN_IF_ERROR(read_optional("generation_config.json", generation));
  return parse_phi3v_config(config, preprocessor ? &*preprocessor : nullptr,
                            generation ? &*generation : nullptr);
}

}  // namespace oc
