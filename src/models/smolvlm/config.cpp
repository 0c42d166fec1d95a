#include "models/smolvlm/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "io/files.h"

namespace oc {
namespace {

constexpr std::int64_t kMaxDim = 1 << 20;  // no dimension of a sane checkpoint is larger
constexpr float kMaxScale = 1e6f;          // likewise for what pixels are normalised with
constexpr int kMostFrames = 999;           // that frames.cpp has words for
constexpr int kLanczos = 1;                // PIL's number of the filter

Error config_error(std::string message) {
  return {ErrorCode::kCorrupt, std::move(message), "use the model's files as published", ""};
}
Error unsupported(std::string message, std::string hint) {
  return {ErrorCode::kUnsupported, std::move(message), std::move(hint), ""};
}

// A member that may be left out, and must otherwise have this value.
Result<void> expect_flag(const JsonReader& object, std::string_view key, bool expected) {
  OC_ASSIGN_OR_RETURN(const bool value, object.boolean_or(key, expected));
  if (value == expected) return {};
  return object.at(key)->error(ErrorCode::kUnsupported, fmt::format("is {}", value),
                               fmt::format("ocellus runs SmolVLM2 with {}", expected));
}
Result<void> expect_text(const JsonReader& object, std::string_view key,
                         std::string_view expected) {
  OC_ASSIGN_OR_RETURN(const std::string value, object.string_or(key, std::string(expected)));
  if (value == expected) return {};
  return object.at(key)->error(ErrorCode::kUnsupported, fmt::format("is \"{}\"", value),
                               fmt::format("ocellus runs SmolVLM2 with \"{}\"", expected));
}

// transformers 4 writes rope_theta and rope_scaling, transformers 5 rope_parameters. There is no
// default: published values differ, and a wrong one is not seen at once.
Result<double> parse_rope_theta(const JsonReader& text) {
  if (text.has("rope_scaling"))
    return text.at("rope_scaling")
        ->error(ErrorCode::kUnsupported, "is set", "SmolVLM2 does not scale its rotation");
  if (!text.has("rope_parameters")) return text.number("rope_theta");
  OC_ASSIGN_OR_RETURN(const JsonReader rope, text.object("rope_parameters"));
  OC_RETURN_IF_ERROR(expect_text(rope, "rope_type", "default"));
  return rope.number("rope_theta");
}

// What is left out has Llama's default, where that is of use: every shape is checked later.
Result<void> parse_text(const JsonReader& config, SmolVlmConfig& out) {
  OC_ASSIGN_OR_RETURN(const JsonReader text, config.object("text_config"));
  OC_RETURN_IF_ERROR(expect_text(text, "hidden_act", "silu"));
  for (const char* key : {"attention_bias", "mlp_bias", "qk_layer_norms", "rope_interleaved"})
    OC_RETURN_IF_ERROR(expect_flag(text, key, false));
  OC_ASSIGN_OR_RETURN(out.hidden_size, text.integer("hidden_size", 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(out.layers, text.integer_or("num_hidden_layers", 32, 1, 1024));
  OC_ASSIGN_OR_RETURN(out.heads, text.integer_or("num_attention_heads", 32, 1, 4096));
  OC_ASSIGN_OR_RETURN(out.kv_heads,
                      text.integer_or("num_key_value_heads", out.heads, 1, out.heads));
  if (!text.has("head_dim") && out.hidden_size % out.heads != 0)
    return config_error(
        fmt::format("config.json: text_config: hidden_size {} is not a multiple of "
                    "num_attention_heads {}",
                    out.hidden_size, out.heads));
  OC_ASSIGN_OR_RETURN(out.head_dim,
                      text.integer_or("head_dim", out.hidden_size / out.heads, 1, 4096));
  if (out.head_dim % 2 != 0 || out.heads % out.kv_heads != 0)
    return config_error(fmt::format(
        "config.json: text_config: {} heads of {} with num_key_value_heads {}: the size must be "
        "even, and the heads a multiple",
        out.heads, out.head_dim, out.kv_heads));
  OC_ASSIGN_OR_RETURN(out.intermediate_size, text.integer("intermediate_size", 1, kMaxDim));
  const JsonReader& with_vocabulary = text.has("vocab_size") ? text : config;
  OC_ASSIGN_OR_RETURN(out.vocab_size, with_vocabulary.integer("vocab_size", 1, 1 << 24));
  OC_ASSIGN_OR_RETURN(out.max_positions, text.integer("max_position_embeddings", 2, 1 << 24));
  OC_ASSIGN_OR_RETURN(const double eps, text.number("rms_norm_eps"));
  OC_ASSIGN_OR_RETURN(out.rope_theta, parse_rope_theta(text));
  if (!(out.rope_theta > 1) || !(eps >= 0 && eps <= 1))
    return config_error(
        "config.json: text_config: rope_theta must be above 1 and rms_norm_eps from 0 to 1");
  out.rms_norm_eps = static_cast<float>(eps);
  return {};
}

// The published files leave out what the class has for a default.
Result<void> parse_vision(const JsonReader& config, SmolVlmConfig& out) {
  OC_ASSIGN_OR_RETURN(const JsonReader vision, config.object("vision_config"));
  OC_RETURN_IF_ERROR(expect_text(vision, "hidden_act", "gelu_pytorch_tanh"));
  SiglipConfig& v = out.vision;
  OC_ASSIGN_OR_RETURN(v.hidden_size, vision.integer_or("hidden_size", 1152, 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(v.layers, vision.integer_or("num_hidden_layers", 12, 1, 1024));
  OC_ASSIGN_OR_RETURN(v.heads, vision.integer_or("num_attention_heads", 16, 1, 1024));
  OC_ASSIGN_OR_RETURN(v.intermediate_size,
                      vision.integer_or("intermediate_size", 3072, 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(v.image_size, vision.integer_or("image_size", 224, 4, 4096));
  OC_ASSIGN_OR_RETURN(v.patch_size, vision.integer_or("patch_size", 32, 1, 1024));
  OC_ASSIGN_OR_RETURN([[maybe_unused]] const std::int64_t channels,
                      vision.integer_or("num_channels", 3, 3, 3));
  OC_ASSIGN_OR_RETURN(const double eps, vision.number_or("layer_norm_eps", 1e-6));
  if (!(eps >= 0 && eps <= 1))
    return config_error("config.json: vision_config: layer_norm_eps must be from 0 to 1");
  v.layer_norm_eps = static_cast<float>(eps);
  if (v.hidden_size % v.heads != 0)
    return config_error(
        fmt::format("config.json: vision_config: hidden_size {} is not a multiple of "
                    "num_attention_heads {}",
                    v.hidden_size, v.heads));
  OC_ASSIGN_OR_RETURN(out.scale_factor, config.integer_or("scale_factor", 2, 1, 64));
  if (v.grid() < 1 || v.grid() % out.scale_factor != 0)
    return config_error(
        fmt::format("config.json: scale_factor {} does not divide the {} patches of a side "
                    "(vision_config: image_size {}, patch_size {})",
                    out.scale_factor, v.grid(), v.image_size, v.patch_size));
  return {};
}

// MLX's conversions: which bits a tensor has is told from its shape; here those are refused that no
// shape tells.
Result<void> check_quantization(const JsonReader& config) {
  for (const char* key : {"quantization", "quantization_config"}) {
    if (!config.has(key)) continue;
    OC_ASSIGN_OR_RETURN(const JsonReader quantization, config.object(key));
    OC_RETURN_IF_ERROR(expect_text(quantization, "mode", "affine"));
    OC_ASSIGN_OR_RETURN(const std::int64_t bits, quantization.integer_or("bits", 4, 1, 32));
    if (bits != 4 && bits != 8)
      return unsupported(
          fmt::format("config.json: {}: weights of {} bits are not supported", key, bits),
          "take a conversion of 4 or 8 bits, or the original and --quantize");
  }
  return {};
}

Result<void> parse_numbers(const JsonReader& reader, std::string_view key,
                           std::array<float, 3>& out) {
  if (!reader.has(key)) return {};
  OC_ASSIGN_OR_RETURN(const std::vector<double> values, reader.numbers(key, 3));
  for (std::size_t i = 0; i < 3; ++i) {
    if (!(std::abs(values[i]) <= kMaxScale))
      return config_error(fmt::format("preprocessor_config.json: \"{}\" holds {}", key, values[i]));
    out[i] = static_cast<float>(values[i]);
  }
  return {};
}

Result<void> parse_longest_edge(const JsonReader& reader, std::string_view key, int max, int& out) {
  if (!reader.has(key)) return {};
  OC_ASSIGN_OR_RETURN(const JsonReader size, reader.object(key));
  OC_ASSIGN_OR_RETURN(out, size.integer("longest_edge", 1, max));
  return {};
}

// A frame is one view.
Result<void> parse_video(const JsonReader& reader, SmolVlmImageConfig& image) {
  image.frame_edge = image.tile;
  if (!reader.has("video_sampling")) return {};
  OC_ASSIGN_OR_RETURN(const JsonReader video, reader.object("video_sampling"));
  OC_ASSIGN_OR_RETURN(image.max_frames, video.integer_or("max_frames", 64, 1, kMostFrames));
  OC_RETURN_IF_ERROR(parse_longest_edge(video, "video_size", 4096, image.frame_edge));
  image.frame_edge = std::min(image.frame_edge, image.tile);
  return {};
}

Result<void> parse_preprocessor(const boost::json::object& object, SmolVlmConfig& out) {
  const JsonReader reader(object, "preprocessor_config.json");
  for (const char* key : {"do_convert_rgb", "do_resize", "do_rescale", "do_normalize"})
    OC_RETURN_IF_ERROR(expect_flag(reader, key, true));
  OC_ASSIGN_OR_RETURN(const std::int64_t filter, reader.integer_or("resample", kLanczos, 0, 5));
  if (filter != kLanczos)
    return unsupported(fmt::format("preprocessor_config.json: \"resample\" is {}", filter),
                       "SmolVLM2 resizes with Lanczos (1)");
  SmolVlmImageConfig& image = out.image;
  OC_RETURN_IF_ERROR(parse_longest_edge(reader, "max_image_size", 4096, image.tile));
  if (image.tile != out.vision.image_size)
    return config_error(
        fmt::format("preprocessor_config.json: max_image_size.longest_edge is {}, the vision tower "
                    "takes views of {} (config.json: vision_config.image_size)",
                    image.tile, out.vision.image_size));
  OC_RETURN_IF_ERROR(
      parse_longest_edge(reader, "size", kMaxTilesOfSide * image.tile, image.longest_edge));
  OC_ASSIGN_OR_RETURN(image.do_image_splitting, reader.boolean_or("do_image_splitting", true));
  OC_RETURN_IF_ERROR(parse_video(reader, image));
  OC_ASSIGN_OR_RETURN(image.rescale_factor,
                      reader.number_or("rescale_factor", image.rescale_factor));
  if (!(image.rescale_factor > 0 && image.rescale_factor <= 1))
    return config_error("preprocessor_config.json: \"rescale_factor\" must be above 0, at most 1");
  OC_RETURN_IF_ERROR(parse_numbers(reader, "image_mean", image.mean));
  OC_RETURN_IF_ERROR(parse_numbers(reader, "image_std", image.std));
  for (const float deviation : image.std)
    if (!(deviation >= 1 / kMaxScale))
      return config_error("preprocessor_config.json: \"image_std\" must hold positive numbers");
  return {};
}

Result<void> parse_generation(const boost::json::object& object, SmolVlmConfig& out) {
  const JsonReader reader(object, "generation_config.json");
  if (!reader.has("eos_token_id")) return {};
  OC_ASSIGN_OR_RETURN(const JsonReader eos, reader.at("eos_token_id"));
  const std::size_t count = eos.value().is_array() ? eos.value().get_array().size() : 1;
  for (std::size_t i = 0; i < count; ++i) {
    const JsonReader one = eos.value().is_array() ? eos.element(i) : eos;
    OC_ASSIGN_OR_RETURN(const std::int64_t id, one.integer(0, 1 << 24));
    out.eos_ids.push_back(static_cast<TokenId>(id));
  }
  return {};
}

}  // namespace

Result<SmolVlmConfig> parse_smolvlm_config(const boost::json::object& object,
                                           const boost::json::object* preprocessor,
                                           const boost::json::object* processor,
                                           const boost::json::object* generation) {
  const JsonReader config(object, "config.json");
  SmolVlmConfig out;
  OC_ASSIGN_OR_RETURN(const std::string type, config.string("model_type"));
  if (type != "smolvlm")
    return unsupported(fmt::format("config.json: model_type \"{}\" is not supported", type),
                       "ocellus runs smolvlm (SmolVLM2)");
  OC_RETURN_IF_ERROR(expect_flag(config, "tie_word_embeddings", false));
  OC_RETURN_IF_ERROR(check_quantization(config));
  OC_RETURN_IF_ERROR(parse_text(config, out));
  OC_RETURN_IF_ERROR(parse_vision(config, out));
  OC_ASSIGN_OR_RETURN(out.image_token_id, config.integer_or("image_token_id", -1, 0, 1 << 24));
  out.image.tile = out.vision.image_size;
  out.image.longest_edge = 4 * out.image.tile;
  out.image.frame_edge = out.image.tile;
  if (preprocessor != nullptr) OC_RETURN_IF_ERROR(parse_preprocessor(*preprocessor, out));
  if (processor != nullptr) {
    OC_ASSIGN_OR_RETURN(const std::int64_t tokens,
                        JsonReader(*processor, "processor_config.json")
                            .integer_or("image_seq_len", out.view_tokens(), 1, kMaxDim));
    if (tokens != out.view_tokens())
      return config_error(
          fmt::format("processor_config.json: image_seq_len is {}, config.json gives {} tokens a "
                      "view",
                      tokens, out.view_tokens()));
  }
  if (generation != nullptr) OC_RETURN_IF_ERROR(parse_generation(*generation, out));
  return out;
}

Result<SmolVlmConfig> load_smolvlm_config(const std::filesystem::path& folder) {
  OC_ASSIGN_OR_RETURN(const boost::json::object config, read_json_object(folder / "config.json"));
  std::optional<boost::json::object> preprocessor, processor, generation;
  for (auto [name, out] : {std::pair{"preprocessor_config.json", &preprocessor},
                           std::pair{"processor_config.json", &processor},
                           std::pair{"generation_config.json", &generation}}) {
    if (!is_file(folder / name)) continue;
    OC_ASSIGN_OR_RETURN(*out, read_json_object(folder / name));
  }
  return parse_smolvlm_config(config, preprocessor ? &*preprocessor : nullptr,
                              processor ? &*processor : nullptr,
                              generation ? &*generation : nullptr);
}

}  // namespace oc
