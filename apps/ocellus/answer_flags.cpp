#include "answer_flags.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>

#include "answer_progress_line.h"
#include "api/logprobs_json.h"
#include "api/timings_json.h"
#include "base/number_text.h"
#include "base/valid_utf8.h"
#include "image_flags.h"
#include "runtime/serving/generate.h"
#include "terminal.h"
#include "whole_number.h"

namespace oc {
namespace {

namespace json = boost::json;

template <class T>
json::value or_null(const std::optional<T>& value) {
  if (!value) return nullptr;
  return json::value_from(*value);
}

json::object to_json(const ImagePlan& plan, const NamedImage& picture) {
  json::object out{{"file", valid_utf8(picture.file)}};
  for (const auto& [key, value] : image_json(picture, plan)) out[key] = value;
  return out;
}

}  // namespace

void add_answer_flags(CLI::App& verb, AnswerFlags& flags) {
  constexpr const char *kImages = "Pictures", *kAnswer = "Answer", *kOutput = "Output";
  add_image_flags(verb, flags.image, true, kImages);
  verb.add_flag("--keep-order", flags.keep_order,
                "Leave pictures where they stand in a turn (default: pictures first, as trained)")
      ->group(kImages);

  verb.add_option("--system", flags.system, "A system turn before the first question")
      ->group(kAnswer);
  verb.add_option(
          "--max-tokens", flags.max_tokens,
          "Most tokens of an answer (default: the configuration's, else what the context holds)")
      ->group(kAnswer);
  verb.add_option("--draft", flags.draft_tokens,
                  "Tokens that are tried in one step where words repeat; 0: none")
      ->check(CLI::Range(0, 15))
      ->capture_default_str()
      ->group(kAnswer);
  add_setting_flags(verb, flags.config, takers::kAnswer, kAnswer);
  verb.add_option("--seed", flags.seed, "Makes a drawn answer repeatable (default: random)")
      ->check(whole_number())
      ->group(kAnswer);
  verb.add_option("--stop", flags.stop, "End the answer before this text; may be given again")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false)
      ->group(kAnswer);
  CLI::Option* stats =
      verb.add_flag("--stats", flags.stats, "Print token counts and timings on stderr");
  stats->group(kOutput);
  verb.add_flag("-q,--quiet", flags.quiet, "Print nothing on stderr but errors")
      ->excludes(stats)
      ->group(kOutput);
  add_setting_flags(verb, flags.config, takers::kAnswer);
  add_config_flag(verb, flags.config.config);
}

void check_answer_flags(const AnswerFlags& flags) {
  // A client of the API may ask for no token at all; nobody types that.
  if (flags.max_tokens && *flags.max_tokens == 0)
    throw ExitError{2, "--max-tokens must be at least 1, found 0"};
  if (const auto checked = check_request(make_request(flags)); !checked.ok())
    throw ExitError{2, checked.error().message, checked.error().hint};
}

GenerateRequest make_request(const AnswerFlags& flags) {
  GenerateRequest request;
  request.id = "cli";
  request.sampling = flags.defaults.sampling;
  request.sampling.seed = flags.seed;
  request.max_tokens = flags.max_tokens;
  request.draft_tokens = flags.draft_tokens;
  request.stop = flags.stop;
  request.keep_order = flags.keep_order;
  if (!flags.system.empty()) {
    Message& turn = request.messages.emplace_back();
    turn.role = Role::kSystem;
    turn.parts.emplace_back(TextPart{flags.system});
  }
  return request;
}

RequestImage request_image(const AnswerFlags& flags, const NamedImage& picture) {
  const ImageBox& box = flags.defaults.pictures.box;
  if (box.width == 0 && box.height == 0) return {picture.image, flags.image};
  return {std::make_shared<const Image>(fit(Image(*picture.image), box)), flags.image};
}

GenerateResult answer_request(const LoadedModel& model, GenerateRequest request, bool show,
                              const AnswerFlags& flags) {
  const CatchInterrupt interrupt;
  const bool finds = request.task && finds_objects(*request.task);
  AnswerProgressLine line(!flags.quiet, show, finds);
  request.on_progress = [&](const AnswerProgress& progress) { line.update(progress); };
  bool shown = false;
  GenerateHooks hooks{.on_piece = nullptr, .cancelled = &CatchInterrupt::caught};
  if (show)
    hooks.on_piece = [&](const AnswerPiece& piece) {
      show_answer(piece.text);
      shown = true;
    };
  auto result = generate(*model.model, request, hooks);
  line.erase();
  if (shown || (result.ok() && show)) show_answer("\n");
  if (result.ok()) return *std::move(result);
  if (result.error().code == ErrorCode::kCancelled) throw ExitError{130, "interrupted"};
  fail(result.error());
}

json::object to_json(const GenerateResult& result, const LoadedModel& model,
                     const std::vector<NamedImage>& pictures) {
  json::array images;
  for (std::size_t i = 0; i < result.images.size(); ++i)
    images.push_back(to_json(result.images[i], pictures[i]));
  json::object timings = timings_json(result.timings);
  timings["load_ms"] = three_decimals(model.load_ms);
  json::object out{{"text", result.text},
                   {"token_ids", json::value_from(result.ids)},
                   {"finish_reason", to_string(result.finish_reason)},
                   {"stop_cause", to_string(result.stop_cause)},
                   {"stop_token", or_null(result.stop_token)},
                   {"stop_string", or_null(result.stop_string)},
                   {"warning", or_null(result.warning)},
                   {"seed", result.seed},
                   {"images", std::move(images)},
                   {"usage",
                    {{"prompt_tokens", result.prompt_tokens},
                     {"image_tokens", result.image_tokens},
                     {"cached_tokens", result.cached_tokens},
                     {"drafted_tokens", result.drafted_tokens},
                     {"accepted_tokens", result.accepted_tokens},
                     {"completion_tokens", result.completion_tokens},
                     {"total_tokens", result.prompt_tokens + result.completion_tokens}}},
                   {"timings", std::move(timings)},
                   {"model",
                    {{"name", model.name},
                     {"architecture", model.model->info().architecture},
                     {"quantization", to_string(model.model->info().weights)},
                     {"fingerprint", model.model->info().fingerprint}}},
                   {"engine", model.engine->info().text()}};
  if (!result.scores.empty()) out["choices"] = scores_json(result.scores);
  if (!result.logprobs.empty()) {
    json::array content;
    for (const TokenLogprobs& token : result.logprobs) content.push_back(logprobs_json(token));
    out["logprobs"] = json::object{{"content", std::move(content)}, {"refusal", nullptr}};
  }
  return out;
}

void print_summary(const GenerateResult& result, const AnswerFlags& flags, bool finds) {
  if (flags.quiet) return;
  if (result.warning) tell_line("warning: " + *result.warning);
  if (!flags.stats && !stderr_is_terminal()) return;
  std::string prompt = fmt::format("{} prompt tokens", result.prompt_tokens);
  if (result.image_tokens > 0) prompt += fmt::format(" ({} of pictures)", result.image_tokens);
  if (result.cached_tokens > 0) prompt += fmt::format(", {} computed before", result.cached_tokens);
  const char* const unit = finds ? "positions" : "tokens";
  tell_dim(fmt::format("{}, {} answer {}, first after {:.0f} ms, {:.1f} {}/s, {}", prompt,
                       result.completion_tokens, unit, result.timings.ttft_ms,
                       result.timings.decode_tokens_per_second, unit,
                       to_string(result.stop_cause)));
}

}  // namespace oc
