// The input is Moondream2's config.json.
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/json_text.h"
#include "models/moondream/plan.h"
#include "models/moondream/prompt.h"
#include "models/moondream/synth_config.h"
#include "tests/fuzz/require.h"
#include "text/registry.h"

namespace {

using oc::TokenId;

void check_failure(const oc::Error& error) {
  using oc::ErrorCode;
  require(error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kUnsupported);
  require(error.message.starts_with("config.json"));
}

void check_ids(const std::vector<TokenId>& ids, std::int64_t vocab_size) {
  for (const TokenId id : ids) require(id >= 0 && id < vocab_size);
}

void check_config(const oc::MoondreamConfig& config) {
  require(config.layers >= 1 && config.vocab_size >= 1 && config.intermediate_size >= 1);
  require(config.heads >= 1 && config.hidden_size % config.heads == 0);
  require(config.head_dim() >= 4 && config.rotated() % 2 == 0);
  require(config.prefix == config.image_rows() + 1 && config.prefix < config.max_positions);
  const oc::SiglipConfig& siglip = config.vision;
  require(siglip.layers >= 1 && siglip.hidden_size % siglip.heads == 0 && siglip.grid() >= 1);
  require(config.window() >= siglip.patch_size && config.margin() >= 0);
  require(config.window() + config.margin() == siglip.image_size);
  require(config.projection_size >= 1 && config.region_size >= 1);
  require(config.coord_bins >= 2 && config.size_bins >= 2);
  require(config.coord_features >= 2 && config.coord_features % 2 == 0);
  require(config.size_features >= 2 && config.size_features % 2 == 0);
  const oc::MoondreamPrompts& prompts = config.prompts;
  check_ids({prompts.bos, prompts.eos}, config.vocab_size);
  check_ids(prompts.control_ids, config.vocab_size);
  for (const auto* one : {&prompts.query, &prompts.detect, &prompts.point}) {
    check_ids(one->prefix, config.vocab_size);
    check_ids(one->suffix, config.vocab_size);
  }
  for (const auto& [length, ids] : prompts.captions) check_ids(ids, config.vocab_size);
}

oc::ImagePlan check_plan(const oc::MoondreamConfig& config, int width, int height, int most) {
  const auto plan =
      oc::plan_moondream_image(config, width, height, {.knobs = {{"max_crops", most}}});
  require(plan.ok() && plan->views >= 2 && plan->tokens == config.image_rows());
  const oc::CropPlan crops = oc::moondream_crop_plan(*plan);
  require(crops.rows >= 1 && crops.cols >= 1 && crops.views() == plan->views);
  require(crops.side == config.vision.image_size && crops.window == config.window());
  require(crops.canvas_width >= crops.side && crops.canvas_height >= crops.side);
  // The last crop ends where the canvas does.
  require((crops.cols - 1) * crops.window + crops.side == crops.canvas_width);
  require((crops.rows - 1) * crops.window + crops.side == crops.canvas_height);
  return *plan;
}

const oc::Tokenizer& small_tokenizer() {
  static const std::shared_ptr<const oc::Tokenizer> tokenizer = [] {
    const oc::SynthCheckpoint tiny = oc::synth_moondream(oc::kMoondreamShapes.back(), 0);
    for (const auto& [name, object] : tiny.files)
      if (name == "tokenizer.json")
        return oc::parse_tokenizer_json(oc::json_text(object), name).value();
    std::abort();
  }();
  return *tokenizer;
}

void check_prompts(const oc::MoondreamConfig& config, const oc::ImagePlan& plan) {
  if (plan.tokens > 4096) return;  // for the fuzzer's speed
  const std::array<oc::Task, 6> tasks = {
      oc::QueryTask{"What is it?"},
      oc::CaptionTask{oc::CaptionLength::kShort},
      oc::CaptionTask{oc::CaptionLength::kNormal},
      oc::CaptionTask{oc::CaptionLength::kLong},
      oc::DetectTask{"a dog"},
      oc::PointTask{"a dog"},
  };
  const oc::TaskSupport support = oc::moondream_tasks(config, true);
  for (const oc::Task& task : tasks) {
    const auto prompt = oc::build_moondream_prompt(small_tokenizer(), config, {},
                                                   std::span(&plan, 1), {.task = &task});
    require(prompt.ok() == oc::check_task(support, task).ok());
    if (!prompt.ok()) continue;
    require(std::ssize(prompt->ids) >= config.prefix && prompt->ids[0] == config.prompts.bos);
    require(prompt->blocks.size() == 1 && prompt->blocks[0].begin == 0);
    require(prompt->blocks[0].end == config.prefix);
    for (const TokenId id : prompt->ids) require(id >= -config.image_rows());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = oc::parse_json(as_text(data, size), "config.json");
  if (!value.ok()) {
    check_failure(value.error());
    return 0;
  }
  if (!value->is_object()) return 0;
  const boost::json::value* const sections = value->get_object().if_contains("config");
  static const boost::json::object kNone;
  auto revision = oc::find_moondream_revision(
      "/no such folder",
      sections != nullptr && sections->is_object() ? sections->get_object() : kNone);
  if (!revision.ok()) {
    check_failure(revision.error());
    return 0;
  }
  const auto config = oc::parse_moondream_config(value->get_object(), *std::move(revision));
  if (!config.ok()) {
    check_failure(config.error());
    return 0;
  }
  check_config(*config);
  oc::ImagePlan plan;
  for (const auto& [width, height] : {std::pair{1, 1}, std::pair{50, 9999}, std::pair{9999, 50},
                                      std::pair{1 << 20, 1 << 20}, std::pair{640, 480}})
    for (const int most : {1, config->max_crops}) plan = check_plan(*config, width, height, most);
  check_prompts(*config, plan);
  for (const int runs : {1, 2, 13}) {
    const oc::SampleImage sample = oc::sample_moondream_image(*config, runs);
    require(sample.tower_runs >= 1 && sample.width >= 1 && sample.height >= 1);
  }
  return 0;
}
