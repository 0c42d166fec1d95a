#include "answerers.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "answer_config.h"
#include "api/chat_request.h"
#include "api/config/picture_settings.h"
#include "api/config/schema.h"
#include "api/offline/local_answerer.h"
#include "base/system/heap.h"
#include "image_flags.h"
#include "io/json.h"
#include "model_plan.h"
#include "runtime/grammar/json_schema.h"
#include "terminal.h"
#include "typed_input.h"
#include "vqa_questions.h"
#include "whole_number.h"

namespace oc {
namespace {

// Of the model, or of its fallback where it cannot be looked at.
ServiceOptions planned_service(const AnswerFlags& flags, Settings& settings,
                               const ManyOptions& options) {
  ServiceOptions service = settings.service;
  service.max_running = settings.service.max_running = static_cast<std::size_t>(options.parallel);
  service.max_queue = (kMaxPrompts + 1) * asking_threads(options.parallel);
  const MemoryRoom room = room_for(settings);
  auto plan = plan_model(flags.model, flags.engine, settings, room);
  if (!plan.ok() && flags.fallback)
    plan = plan_model(flags.fallback->path, flags.fallback->engine, settings, room);
  if (plan.ok()) {  // else loading says why
    if (const auto fits = plan->check(); !fits.ok()) fail(fits.error());
    plan->apply(service);
  }
  service.response_cache_bytes = 0;
  if (options.each_picture_once) service.image_cache_bytes = service.prefix_cache_bytes = 0;
  return service;
}

ChatLimits chat_limits(const Config& config, const LoadedModel& loaded) {
  ChatLimits limits;
  limits.max_images = static_cast<std::size_t>(config.get<std::int64_t>("limits.max_images"));
  limits.max_frames = static_cast<std::size_t>(config.get<std::int64_t>("limits.max_frames"));
  limits.max_image_bytes = config.bytes("limits.max_picture_mb");
  limits.context_length = loaded.model->info().context_length;
  return limits;
}

std::string_view default_length() { return find_key("generation_config.max_new_tokens")->fallback; }

}  // namespace

void add_parallel_flag(CLI::App& verb, int& parallel) {
  verb.add_option("--parallel", parallel, "Questions that are answered together")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
}

void add_many_flags(CLI::App& verb, AnswerFlags& flags, bool drawn) {
  constexpr const char* kAnswer = "Answer";
  verb.add_option("--system", flags.system, "A system turn before each question")->group(kAnswer);
  for (const Key& key : schema())
    if (drawn || key.group != kAnswer)
      add_setting_flags(verb, flags.config, takers::kAnswer, key.group);
  add_config_flag(verb, flags.config.config);
  add_image_flags(verb, flags.image, true, "Pictures");
  verb.add_option("--max-tokens", flags.max_tokens,
                  fmt::format("Most tokens of an answer (default: {})",
                              drawn ? fmt::format("the configuration's, else {}", default_length())
                                    : std::to_string(kShortAnswerTokens)))
      ->group(kAnswer);
  if (!drawn) return;
  verb.add_option("--seed", flags.seed, "Makes drawn answers repeatable (default: random)")
      ->check(whole_number())
      ->group(kAnswer);
  verb.add_option("--stop", flags.stop, "End an answer before this text; may be given again")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false)
      ->group(kAnswer);
}

std::size_t asking_threads(int parallel) {
  const auto cores = std::max(2u, std::thread::hardware_concurrency());
  return static_cast<std::size_t>(parallel) + std::min(cores, 4u);
}

std::unique_ptr<Answerer> load_answerer(const AnswerFlags& flags, const ManyOptions& options) {
  heap::give_back_large_blocks();
  Config config = read_config(flags.config);
  Settings settings = make_settings(config);
  LocalAnswererOptions local;
  local.service = planned_service(flags, settings, options);
  const auto model = load_answering(flags);
  local.defaults = flags.defaults;
  local.limits = chat_limits(settings.config, *model);
  local.alias = flags.model;
  if (options.fetches) {
    PictureSourcesOptions network = picture_sources(settings.config);
    network.media_root.clear();  // a server's
    if (network.remote.fetches()) {
      auto sources = PictureSources::open(std::move(network));
      if (!sources.ok()) fail(sources.error());
      local.sources = *std::move(sources);
    }
  }
  local.stopped = &CatchInterrupt::caught;
  return std::make_unique<LocalAnswerer>(model, std::move(local));
}

QuestionSettings question_settings(const AnswerFlags& flags) {
  QuestionSettings out;
  out.system = flags.system;
  out.max_tokens = flags.max_tokens;
  out.seed = flags.seed;
  out.stop = flags.stop;
  if (flags.image.detail != ImageDetail::kAuto)
    out.detail = flags.image.detail == ImageDetail::kLow ? "low" : "high";
  for (const auto& [name, value] : flags.image.knobs) out.knobs.emplace(name, value);
  return out;
}

std::string read_schema(const std::string& file, bool quiet) {
  constexpr std::size_t kMaxBytes = 1 << 20;
  auto text = read_file_or_pipe(file, kMaxBytes);
  if (!text.ok()) fail(text.error());
  const auto schema = parse_json(*text, file);
  if (!schema.ok()) fail(schema.error());
  auto enforceable = enforceable_schema(*schema, file);
  if (!enforceable.ok()) fail(enforceable.error());
  if (!quiet && !enforceable->not_enforced.empty())
    tell_line("warning: " + not_enforced_note(enforceable->not_enforced));
  return std::move(enforceable->text);
}

}  // namespace oc
