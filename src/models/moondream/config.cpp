#include "models/moondream/config.h"

#include <fmt/format.h>

#include <string>

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMaxDim = 1 << 20;  // no dimension of a sane checkpoint is larger
constexpr float kEps = 1e-5f;              // of every LayerNorm

Error config_error(std::string message) {
  return {ErrorCode::kCorrupt, std::move(message), "use the model's files as published", ""};
}
Error unsupported(std::string message, std::string hint) {
  return {ErrorCode::kUnsupported, std::move(message), std::move(hint), ""};
}

// Sections of "config"; what they leave out, and all that is null, has the code's default.
// (moondream/torch/config.py)
Result<void> parse_text(const JsonReader& text, MoondreamConfig& out) {
  OC_ASSIGN_OR_RETURN(out.hidden_size, text.integer_or("dim", 2048, 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(out.intermediate_size, text.integer_or("ff_dim", 8192, 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(out.layers, text.integer_or("n_layers", 24, 1, 1024));
  OC_ASSIGN_OR_RETURN(out.heads, text.integer_or("n_heads", 32, 1, 4096));
  OC_ASSIGN_OR_RETURN(const int kv_heads, text.integer_or("n_kv_heads", out.heads, 1, 4096));
  OC_ASSIGN_OR_RETURN(out.vocab_size, text.integer_or("vocab_size", 51200, 1, 1 << 24));
  OC_ASSIGN_OR_RETURN(out.max_positions, text.integer_or("max_context", 2048, 2, 1 << 24));
  OC_ASSIGN_OR_RETURN(out.prefix, text.integer_or("prefix_attn", 730, 1, 1 << 24));
  if (kv_heads != out.heads)
    return unsupported(
        fmt::format("config.json: config.text: n_kv_heads is {}, n_heads {}", kv_heads, out.heads),
        "Moondream2 has as many of both");
  if (out.hidden_size % out.heads != 0 || out.head_dim() % 4 != 0)
    return config_error(
        fmt::format("config.json: config.text: dim {} in n_heads {}: the size of a head must be a "
                    "multiple of 4",
                    out.hidden_size, out.heads));
  return {};
}

Result<void> parse_vision(const JsonReader& vision, MoondreamConfig& out) {
  SiglipConfig& v = out.vision;
  v.layer_norm_eps = kEps;
  OC_ASSIGN_OR_RETURN(v.hidden_size, vision.integer_or("enc_dim", 1152, 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(v.layers, vision.integer_or("enc_n_layers", 27, 1, 1024));
  OC_ASSIGN_OR_RETURN(v.heads, vision.integer_or("enc_n_heads", 16, 1, 1024));
  OC_ASSIGN_OR_RETURN(v.intermediate_size, vision.integer_or("enc_ff_dim", 4304, 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(v.image_size, vision.integer_or("crop_size", 378, 4, 4096));
  OC_ASSIGN_OR_RETURN(v.patch_size, vision.integer_or("enc_patch_size", 14, 1, 1024));
  OC_ASSIGN_OR_RETURN([[maybe_unused]] const std::int64_t channels,
                      vision.integer_or("in_channels", 3, 3, 3));
  OC_ASSIGN_OR_RETURN(out.projection_size, vision.integer_or("proj_inner_dim", 8192, 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(const std::int64_t width,
                      vision.integer_or("proj_out_dim", out.hidden_size, 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(out.max_crops, vision.integer_or("max_crops", 12, 1, 64));
  OC_ASSIGN_OR_RETURN(out.overlap_margin, vision.integer_or("overlap_margin", 4, 0, 1024));
  if (v.hidden_size % v.heads != 0)
    return config_error(
        fmt::format("config.json: config.vision: enc_dim {} is not a multiple of enc_n_heads {}",
                    v.hidden_size, v.heads));
  if (width != out.hidden_size)
    return config_error(
        fmt::format("config.json: config.vision: proj_out_dim is {}, dim of config.text {}", width,
                    out.hidden_size));
  if (v.image_size % v.patch_size != 0 || v.grid() <= 2 * out.overlap_margin)
    return config_error(fmt::format(
        "config.json: config.vision: crop_size {}, enc_patch_size {} and overlap_margin {} leave "
        "no crop",
        v.image_size, v.patch_size, out.overlap_margin));
  if (out.prefix != out.image_rows() + 1)
    return config_error(
        fmt::format("config.json: config.text: prefix_attn is {}, a picture takes {} positions "
                    "behind the first",
                    out.prefix, out.image_rows()));
  if (out.max_positions <= out.prefix)
    return config_error(fmt::format("config.json: config.text: max_context {} holds no picture",
                                    out.max_positions));
  return {};
}

Result<void> parse_region(const JsonReader& region, MoondreamConfig& out) {
  OC_ASSIGN_OR_RETURN(const std::int64_t width,
                      region.integer_or("dim", out.hidden_size, 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(out.coord_features, region.integer_or("coord_feat_dim", 256, 2, kMaxDim));
  OC_ASSIGN_OR_RETURN(out.coord_bins, region.integer_or("coord_out_dim", 1024, 2, kMaxDim));
  OC_ASSIGN_OR_RETURN(out.size_features, region.integer_or("size_feat_dim", 512, 2, kMaxDim));
  OC_ASSIGN_OR_RETURN(const std::int64_t sizes,
                      region.integer_or("size_out_dim", 2048, 4, kMaxDim));
  OC_ASSIGN_OR_RETURN(out.region_size, region.integer_or("inner_dim", 8192, 1, kMaxDim));
  out.size_bins = sizes / 2;
  if (width != out.hidden_size || out.coord_features % 2 != 0 || out.size_features % 2 != 0 ||
      sizes % 2 != 0)
    return config_error(
        "config.json: config.region: dim must be that of config.text, and coord_feat_dim, "
        "size_feat_dim and size_out_dim even");
  return {};
}

Result<void> read_ids(const JsonReader& object, std::string_view key, std::vector<TokenId>& out) {
  if (!object.has(key)) return {};
  OC_ASSIGN_OR_RETURN(const JsonReader list, object.at(key));
  OC_ASSIGN_OR_RETURN(const json::array* const ids, list.array());
  out.clear();
  for (std::size_t i = 0; i < ids->size(); ++i) {
    OC_ASSIGN_OR_RETURN(const std::int64_t id, list.element(i).integer(0, 1 << 24));
    out.push_back(static_cast<TokenId>(id));
  }
  return {};
}

// The code's own; nothing of them stands in a published checkpoint.
MoondreamPrompts default_prompts(const MoondreamRevision& revision) {
  MoondreamPrompts p;
  if (revision.starmie) {
    p.captions = {{CaptionLength::kShort, {1, 32708, 2, 12492, 3}},
                  {CaptionLength::kNormal, {1, 32708, 2, 6382, 3}},
                  {CaptionLength::kLong, {1, 32708, 2, 4059, 3}}};
    // The reference appends the suffix of a query twice.
    p.query = {{1, 15381, 2}, {3, 3}};
    p.detect = {{1, 7235, 476, 2}, {3}};
    p.point = {{1, 2581, 2}, {3}};
    p.control_ids = {3};
    return p;
  }
  p.bos = p.eos = 50256;
  p.captions = {{CaptionLength::kShort, {198, 198, 16438, 8305, 25}},
                {CaptionLength::kNormal, {198, 198, 24334, 1159, 25}}};
  if (revision.long_captions) p.captions[CaptionLength::kLong] = {198, 198, 14617, 8305, 25};
  p.query = {{198, 198, 24361, 25}, {198, 198, 33706, 25}};
  p.detect = {{198, 198, 47504, 25}, {628}};
  p.point = {{198, 198, 12727, 25}, {628}};
  return p;
}

Result<void> parse_tokenizer(const JsonReader& tokenizer, MoondreamPrompts& out) {
  OC_ASSIGN_OR_RETURN(out.bos, tokenizer.integer_or("bos_id", out.bos, 0, 1 << 24));
  OC_ASSIGN_OR_RETURN(out.eos, tokenizer.integer_or("eos_id", out.eos, 0, 1 << 24));
  if (!tokenizer.has("templates")) return {};
  OC_ASSIGN_OR_RETURN(const JsonReader templates, tokenizer.object("templates"));
  for (auto [name, to] :
       {std::pair{"query", &out.query}, {"detect", &out.detect}, {"point", &out.point}}) {
    if (!templates.has(name)) continue;
    OC_ASSIGN_OR_RETURN(const JsonReader one, templates.object(name));
    OC_RETURN_IF_ERROR(read_ids(one, "prefix", to->prefix));
    OC_RETURN_IF_ERROR(read_ids(one, "suffix", to->suffix));
  }
  if (!templates.has("caption")) return {};
  OC_ASSIGN_OR_RETURN(const JsonReader captions, templates.object("caption"));
  for (const CaptionLength length :
       {CaptionLength::kShort, CaptionLength::kNormal, CaptionLength::kLong}) {
    if (!captions.has(to_string(length))) continue;
    OC_RETURN_IF_ERROR(read_ids(captions, to_string(length), out.captions[length]));
  }
  return {};
}

Result<void> check_ids(const MoondreamConfig& config) {
  const MoondreamPrompts& p = config.prompts;
  std::vector<TokenId> all = {p.bos, p.eos};
  for (const auto* ids : {&p.query.prefix, &p.query.suffix, &p.detect.prefix, &p.detect.suffix,
                          &p.point.prefix, &p.point.suffix, &p.control_ids})
    all.insert(all.end(), ids->begin(), ids->end());
  for (const auto& [length, ids] : p.captions) all.insert(all.end(), ids.begin(), ids.end());
  for (const TokenId id : all)
    if (id >= config.vocab_size)
      return config_error(
          fmt::format("config.json: config.tokenizer: token {} of a prompt, but vocab_size is {}",
                      id, config.vocab_size));
  return {};
}

// Text decoders and pictures of 2024 are others, under the same model_type.
Result<void> refuse_older(const JsonReader& config) {
  for (const char* key : {"text_config", "phi_config", "text_model"})
    if (config.has(key))
      return unsupported(
          fmt::format("config.json: \"{}\": this is Moondream of 2024-08-26 or older", key),
          "ocellus runs Moondream2 from 2025-01-09 on");
  return {};
}

// Which bits a tensor has is told from its shape; here those are refused that no shape tells.
Result<void> check_quantization(const JsonReader& config) {
  for (const char* key : {"quantization", "quantization_config"}) {
    if (!config.has(key)) continue;
    OC_ASSIGN_OR_RETURN(const JsonReader quantization, config.object(key));
    OC_ASSIGN_OR_RETURN(const std::int64_t bits, quantization.integer_or("bits", 4, 1, 32));
    if (bits != 4 && bits != 8)
      return unsupported(
          fmt::format("config.json: {}: weights of {} bits are not supported", key, bits),
          "take a conversion of 4 or 8 bits, or the original and --quantize");
  }
  return {};
}

const json::object kEmpty;

}  // namespace

Result<MoondreamConfig> parse_moondream_config(const json::object& object, FoundRevision revision) {
  const JsonReader config(object, "config.json");
  OC_ASSIGN_OR_RETURN(const std::string type, config.string("model_type"));
  if (type != "moondream1" && type != "moondream2")
    return unsupported(fmt::format("config.json: model_type \"{}\" is not supported", type),
                       "ocellus runs moondream1 and moondream2 (Moondream2)");
  OC_RETURN_IF_ERROR(refuse_older(config));
  OC_RETURN_IF_ERROR(check_quantization(config));
  const JsonReader empty(kEmpty, "config.json");
  OC_ASSIGN_OR_RETURN(const JsonReader sections,
                      config.has("config") ? config.object("config") : Result<JsonReader>(empty));
  const auto section = [&](std::string_view name) {
    return sections.has(name) ? sections.object(name) : Result<JsonReader>(empty);
  };
  MoondreamConfig out;
  out.revision = std::move(revision);
  OC_ASSIGN_OR_RETURN(const JsonReader text, section("text"));
  OC_RETURN_IF_ERROR(parse_text(text, out));
  OC_ASSIGN_OR_RETURN(const JsonReader vision, section("vision"));
  OC_RETURN_IF_ERROR(parse_vision(vision, out));
  OC_ASSIGN_OR_RETURN(const JsonReader region, section("region"));
  OC_RETURN_IF_ERROR(parse_region(region, out));
  out.prompts = default_prompts(*out.revision.revision);
  OC_ASSIGN_OR_RETURN(const JsonReader tokenizer, section("tokenizer"));
  OC_RETURN_IF_ERROR(parse_tokenizer(tokenizer, out.prompts));
  OC_RETURN_IF_ERROR(check_ids(out));
  return out;
}

Result<MoondreamConfig> load_moondream_config(const std::filesystem::path& folder) {
  OC_ASSIGN_OR_RETURN(const json::object config, read_json_object(folder / "config.json"));
  const json::value* const sections = config.if_contains("config");
  const bool has_settings = sections != nullptr && sections->is_object();
  OC_ASSIGN_OR_RETURN(
      FoundRevision revision,
      find_moondream_revision(folder, has_settings ? sections->get_object() : kEmpty));
  return parse_moondream_config(config, std::move(revision));
}

}  // namespace oc
