#include "answer_config.h"

#include <algorithm>
#include <initializer_list>

#include "config_flags.h"
#include "runtime/hosting/model_recipe.h"
#include "serve_models.h"
#include "terminal.h"

namespace oc {
namespace {

bool is_typed(const AnswerFlags& flags, const char* name) {
  return flags.verb->get_option(name)->count() > 0;
}

template <class T>
void take(const AnswerFlags& flags, const char* name, T& value, const T& setting) {
  if (!is_typed(flags, name)) value = setting;
}

// Which model answers: as for serve, the one that a switch has left as active comes first.
void take_model(AnswerFlags& flags, Settings& settings, const ConfigFlags& config) {
  if (is_typed(flags, "--model")) return;
  const ModelRecipe first = first_recipe(settings, config);
  flags.model = first.source;
  settings.model.engine = first.engine;
  if (!first.fallback.empty())
    flags.fallback = {true, first.fallback, first.fallback_engine.value_or(first.engine)};
}

void take_engine(AnswerFlags& flags, const ModelSettings& model) {
  EngineOptions& engine = flags.engine;
  take(flags, "--engine", engine.engine, model.engine.engine);
  take(flags, "--device", engine.device, model.engine.device);
  take(flags, "--threads", engine.threads, model.engine.threads);
  take(flags, "--activations", engine.activations, model.engine.activations);
  take(flags, "--kv", engine.kv, model.engine.kv);
  take(flags, "--isa", engine.isa, model.engine.isa);
  if (model.quantize && !is_typed(flags, "--quantize")) {
    flags.loading.quantize_bits = model.quantize->bits;
    take(flags, "--group", flags.loading.quantize_group, model.quantize->group_size);
  }
  if (!is_typed(flags, "--preload") && !is_typed(flags, "--mlock"))
    flags.loading.weights = model.weights;
}

void take_sampling(AnswerFlags& flags, const SamplingParams& params) {
  SamplingParams& sampling = flags.sampling;
  take(flags, "--temperature", sampling.temperature, params.temperature);
  take(flags, "--top-k", sampling.top_k, params.top_k);
  take(flags, "--top-p", sampling.top_p, params.top_p);
  take(flags, "--min-p", sampling.min_p, params.min_p);
  take(flags, "--repetition-penalty", sampling.repetition_penalty, params.repetition_penalty);
}

bool is_said(const Config& config, std::initializer_list<std::string_view> paths) {
  return std::ranges::any_of(paths, [&](std::string_view path) {
    return config.is_set(path) && config.source(path).origin != Origin::kDefault;
  });
}

// serve's own default length is for clients that forget to say one; here a person sees the answer
// grow, and it is what the context holds.
void take_length(AnswerFlags& flags, const Config& config, const Settings& settings) {
  const bool said =
      is_said(config, {"generation_config.max_new_tokens", "max_tokens", "limits.max_tokens_cap"});
  const int most = settings.service.default_max_tokens;
  if (said && most > 0 && !is_typed(flags, "--max-tokens")) flags.max_tokens = most;
}

}  // namespace

void apply_config(AnswerFlags& flags) {
  const ConfigFlags file{.config = flags.config};
  Config config = read_config(file);
  Settings settings = make_settings(config);
  require_valid(config);
  if (!flags.config.empty())
    for (const Finding& finding : config.findings()) tell_line("warning: " + finding.message);
  take_model(flags, settings, file);
  take_engine(flags, settings.model);
  take_sampling(flags, settings.defaults.sampling);
  take_length(flags, config, settings);
  flags.defaults = settings.defaults;
  // Likewise the time: a person looks on, and can end it.
  if (!is_said(config, {"timeout", "limits.timeout_seconds"})) flags.defaults.time_limit.reset();
}

std::shared_ptr<const LoadedModel> load_answering(const AnswerFlags& flags) {
  ModelRecipe recipe;
  recipe.name = recipe.source = flags.model;
  recipe.engine = flags.engine;
  if (flags.fallback) {
    recipe.fallback = flags.fallback->path;
    recipe.fallback_engine = flags.fallback->engine;
  }
  offer_pull(recipe.source, recipe.fallback);
  LoadOptions loading = flags.loading;
  loading.only_full_precision = flags.fallback.has_value();  // the fallback is what is quantised
  auto cooked = load_recipe(                                 // which warns when it is the fallback
      recipe,
      [&](const std::string& source, const EngineOptions& engine) {
        return load(source, engine, loading);
      },
      [](const std::string&, const EngineOptions&) { return Result<void>(); });
  if (!cooked.ok()) fail(cooked.error());
  return std::move(cooked->model);
}

void finish_request(const AnswerFlags& flags, GenerateRequest& request) {
  apply_defaults(flags.defaults, request);
  const auto limit = flags.defaults.time_limit.value_or(std::chrono::milliseconds(0));
  if (limit.count() > 0) request.deadline = std::chrono::steady_clock::now() + limit;
}

}  // namespace oc
