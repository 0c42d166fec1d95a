// The input is up to four texts with NUL bytes between them: config.json,
// preprocessor_config.json, generation_config.json, processor_config.json. Phi's or SmolVLM2's.
#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include "models/phi3v/plan.h"
#include "models/smolvlm/plan.h"
#include "tests/fuzz/require.h"

namespace {

constexpr std::array<std::string_view, 4> kFiles = {
    "config.json", "preprocessor_config.json", "generation_config.json", "processor_config.json"};

void check_failure(const oc::Error& error) {
  using oc::ErrorCode;
  require(error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kUnsupported);
  bool names_a_file = false;
  for (const std::string_view file : kFiles)
    names_a_file = names_a_file || error.message.starts_with(file);
  require(names_a_file);
}

void check_config(const oc::Phi3VConfig& config) {
  require(config.layers >= 1 && config.vocab_size >= 1 && config.intermediate_size >= 1);
  require(config.head_dim >= 2 && config.head_dim % 2 == 0);
  require(std::int64_t{config.head_dim} * config.heads == config.hidden_size);
  require(config.kv_heads >= 1 && config.heads % config.kv_heads == 0);
  require(config.original_max_positions >= 2);
  require(config.original_max_positions <= config.max_positions);
  require(std::isfinite(config.rms_norm_eps) && config.rms_norm_eps >= 0);
  require(std::isfinite(config.rope_theta) && config.rope_theta > 1);
  for (const auto* factors : {&config.short_factor, &config.long_factor}) {
    require(factors->size() == static_cast<std::size_t>(config.head_dim / 2));
    for (const double factor : *factors) require(std::isfinite(factor) && factor > 0);
  }
  for (const oc::TokenId id : config.eos_ids) require(id >= 0);
  const oc::ClipConfig& clip = config.vision;
  require(clip.layers >= 2 && clip.heads >= 1 && clip.hidden_size % clip.heads == 0);
  require(config.merged() >= 1 && config.merged() * 2 * clip.patch_size == clip.image_size);
  require(config.hd.crop_size == clip.image_size);
  require(config.hd.num_crops >= 1 && config.hd.num_crops <= oc::kMaxCrops);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    require(config.hd.std[channel] > 0 && std::isfinite(config.hd.mean[channel]));
    // The darkest and the brightest pixel as the tower will see them.
    for (const float unit : {0.0f, 1.0f})
      require(std::isfinite((unit - config.hd.mean[channel]) / config.hd.std[channel]));
  }
}

void check_plans(const oc::Phi3VConfig& config) {
  for (const auto& [width, height] : {std::pair{1, 1}, std::pair{640, 480}, std::pair{50, 9999}})
    for (const int crops : {config.hd.num_crops, oc::kMaxCrops}) {
      const auto plan =
          oc::plan_phi3v_image(config, width, height, {.knobs = {{"num_crops", crops}}});
      require(plan.ok() || plan.error().code == oc::ErrorCode::kInvalidArgument);
      if (!plan.ok()) continue;
      require(plan->views >= 2 && plan->views - 1 <= crops && plan->tokens >= plan->views);
      const std::int64_t side = config.hd.crop_size;
      require(plan->bytes == static_cast<std::size_t>(12 * plan->views * side * side));
      require(oc::phi3v_hd_params(config, *plan).num_crops == crops);
    }
}

void check_smolvlm(const oc::SmolVlmConfig& config) {
  require(config.layers >= 1 && config.vocab_size >= 1 && config.intermediate_size >= 1);
  require(config.head_dim >= 2 && config.head_dim % 2 == 0);
  require(config.kv_heads >= 1 && config.heads % config.kv_heads == 0);
  require(std::isfinite(config.rms_norm_eps) && config.rms_norm_eps >= 0);
  require(std::isfinite(config.rope_theta) && config.rope_theta > 1);
  for (const oc::TokenId id : config.eos_ids) require(id >= 0);
  const oc::SiglipConfig& siglip = config.vision;
  require(siglip.layers >= 1 && siglip.hidden_size % siglip.heads == 0);
  require(config.view_side() >= 1 && config.view_side() * config.scale_factor == siglip.grid());
  const oc::SmolVlmImageConfig& image = config.image;
  require(image.tile == siglip.image_size);
  require(image.longest_edge >= 1 && image.longest_edge <= oc::kMaxTilesOfSide * image.tile);
  require(image.frame_edge >= 1 && image.frame_edge <= image.tile && image.max_frames >= 1);
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (const float unit : {0.0f, static_cast<float>(255 * image.rescale_factor)})
      require(std::isfinite((unit - image.mean[channel]) / image.std[channel]));
  for (const auto& [width, height] :
       {std::pair{1, 1}, std::pair{640, 480}, std::pair{50, 9999}, std::pair{1 << 20, 1}})
    for (const int edge : {1, image.longest_edge, oc::kMaxTilesOfSide * image.tile}) {
      const auto plan =
          oc::plan_smolvlm_image(config, width, height, {.knobs = {{"longest_edge", edge}}});
      require(plan.ok() && plan->views >= 1 && plan->tokens == plan->views * config.view_tokens());
      const oc::TilePlan tiles = oc::smolvlm_tile_plan(*plan);
      require(tiles.views() == plan->views && tiles.tile == image.tile);
      require(tiles.canvas_width % tiles.tile == 0 && tiles.canvas_height % tiles.tile == 0);
    }
  const oc::FrameRules frames = oc::smolvlm_frames(config);
  const auto frame = oc::plan_smolvlm_image(config, 640, 480, {.knobs = frames.knobs});
  require(frame.ok() && frame->views == 1);
  for (const int runs : {1, 2, 13, 40}) {
    const oc::SampleImage sample = oc::sample_smolvlm_image(config, runs);
    require(sample.tower_runs >= 1 && sample.width >= 1 && sample.height >= 1);
  }
}

void read_smolvlm(const boost::json::object& model, const boost::json::object* preprocessor,
                  const boost::json::object* generation, const boost::json::object* processor) {
  const auto config = oc::parse_smolvlm_config(model, preprocessor, processor, generation);
  if (!config.ok())
    check_failure(config.error());
  else
    check_smolvlm(*config);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = as_text(data, size);
  std::array<std::optional<boost::json::object>, kFiles.size()> objects;
  for (std::size_t i = 0; i < kFiles.size() && !rest.empty(); ++i) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    auto value = oc::parse_json(rest.substr(0, end), kFiles[i]);
    if (!value.ok()) {
      check_failure(value.error());
    } else if (value->is_object()) {
      objects[i] = std::move(value->as_object());
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (!objects[0]) return 0;
  const auto* const preprocessor = objects[1] ? &*objects[1] : nullptr;
  const auto* const generation = objects[2] ? &*objects[2] : nullptr;
  const boost::json::value* const type = objects[0]->if_contains("model_type");
  if (type != nullptr && type->is_string() && type->as_string() == "smolvlm") {
    read_smolvlm(*objects[0], preprocessor, generation, objects[3] ? &*objects[3] : nullptr);
    return 0;
  }
  const auto config = oc::parse_phi3v_config(*objects[0], preprocessor, generation);
  if (!config.ok()) {
    check_failure(config.error());
  } else {
    check_config(*config);
    check_plans(*config);
  }
  return 0;
}
