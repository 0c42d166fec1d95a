#include "answer_config.h"

#include <algorithm>
#include <initializer_list>

#include "config_flags.h"
#include "runtime/hosting/model_recipe.h"
#include "serve_models.h"
#include "terminal.h"

namespace oc {
namespace {

// Which model answers: as for serve, the one that a switch has left as active comes first. A model
// that was typed has no fallback.
void take_model(AnswerFlags& flags, const Config& config, const Settings& settings) {
  flags.model = settings.model.path;
  flags.engine = settings.model.engine;
  if (config.source("model_path").origin == SettingOrigin::kFlag) return;
  const ModelRecipe first = first_recipe(settings, flags.config);
  flags.model = first.source;
  flags.engine = first.engine;
  if (!first.fallback.empty())
    flags.fallback = {true, first.fallback, first.fallback_engine.value_or(first.engine)};
}

bool is_said(const Config& config, std::initializer_list<std::string_view> paths) {
  return std::ranges::any_of(paths, [&](std::string_view path) {
    return config.is_set(path) && config.source(path).origin != SettingOrigin::kDefault;
  });
}

// serve's own default length is for clients that forget to say one; here a person sees the answer
// grow, and it is what the context holds.
void take_length(AnswerFlags& flags, const Config& config, const Settings& settings) {
  const bool said =
      is_said(config, {"generation_config.max_new_tokens", "max_tokens", "api.max_tokens",
                       "inference.max_tokens", "limits.max_tokens_cap"});
  const int max_tokens = settings.service.default_max_tokens;
  if (said && max_tokens > 0 && !flags.max_tokens) flags.max_tokens = max_tokens;
}

}  // namespace

void apply_config(AnswerFlags& flags) {
  Config config = read_config(flags.config);
  const Settings settings = make_settings(config);
  require_valid(config);
  if (!flags.config.config.empty())
    for (const Finding& finding : config.findings()) tell_line("warning: " + finding.message);
  take_model(flags, config, settings);
  flags.loading = load_options(settings.model);
  take_length(flags, config, settings);
  flags.defaults = settings.defaults;
  // Likewise the time: a person looks on, and can end it.
  if (!is_said(config, {"timeout", "limits.timeout_seconds", "api.timeout"}))
    flags.defaults.time_limit.reset();
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

void finish_request(const AnswerFlags& flags, const Model& model, GenerateRequest& request) {
  apply_defaults(flags.defaults, model.info().knobs, request);
  const auto limit = flags.defaults.time_limit.value_or(std::chrono::milliseconds(0));
  if (limit.count() > 0) request.deadline = std::chrono::steady_clock::now() + limit;
}

}  // namespace oc
