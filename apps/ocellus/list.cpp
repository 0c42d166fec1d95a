// ocellus list: the models that are here.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <memory>

#include "base/units.h"
#include "io/json_text.h"
#include "runtime/hub/installed.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

namespace json = boost::json;

json::object to_json(const hub::InstalledModel& model) {
  return {{"name", model.name},
          {"bytes", model.bytes},
          {"quantization", model.quantization},
          {"architecture", model.architecture},
          {"built_in", model.built_in},
          {"in_hf_cache", model.in_hf_cache},
          {"problem", model.problem.empty() ? json::value(nullptr) : json::value(model.problem)}};
}

void print_json(const std::vector<hub::InstalledModel>& models,
                const std::vector<hub::UnfinishedPull>& unfinished) {
  json::array whole, parts;
  for (const hub::InstalledModel& model : models) whole.push_back(to_json(model));
  for (const hub::UnfinishedPull& pull : unfinished)
    parts.push_back({{"name", pull.name}, {"bytes", pull.bytes}});
  const json::object out{{"models", std::move(whole)}, {"unfinished", std::move(parts)}};
  show_line(json_text(out));
}

// removable: those alone that `ocellus rm` removes.
void print_names(bool removable) {
  for (const hub::InstalledModel& model : hub::installed_models())
    if (!removable || (!model.built_in && !model.in_hf_cache)) show_line(model.name);
  if (!removable) return;
  for (const hub::UnfinishedPull& pull : hub::unfinished_pulls()) show_line(pull.name);
}

void run(bool as_json) {
  const std::vector<hub::InstalledModel> models = hub::installed_models();
  const std::vector<hub::UnfinishedPull> unfinished = hub::unfinished_pulls();
  if (as_json) return print_json(models, unfinished);
  std::size_t width = 4;
  for (const auto& model : models) width = std::max(width, model.name.size());
  for (const auto& pull : unfinished) width = std::max(width, pull.name.size());
  const auto row = [&](std::string_view name, std::string_view size, std::string_view weights,
                       std::string_view architecture, std::string_view remark) {
    std::string line = fmt::format("{:<{}}  {:>8}  {:<9}  {:<12}  {}", name, width, size, weights,
                                   architecture, remark);
    line.erase(line.find_last_not_of(' ') + 1);
    show_line(line);
  };
  const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
  row("NAME", "SIZE", "WEIGHTS", "ARCHITECTURE", "");
  for (const auto& model : models)
    row(model.name, human_bytes(model.bytes), or_dash(model.quantization),
        or_dash(model.architecture),
        !model.problem.empty() ? "broken: " + model.problem
        : model.built_in       ? "built in"
        : model.in_hf_cache    ? "in the Hugging Face cache"
                               : "");
  for (const auto& pull : unfinished)
    row(pull.name, human_bytes(pull.bytes), "-", "-",
        "not finished: `ocellus pull " + pull.name + "` goes on");
}

}  // namespace

void add_list(CLI::App& app) {
  const auto as_json = std::make_shared<bool>(false), names = std::make_shared<bool>(false),
             removable = std::make_shared<bool>(false);
  CLI::App* verb = app.add_subcommand("list", "List the models that are here");
  CLI::Option* json = verb->add_flag("--json", *as_json, "Print JSON");
  json->group("Output");
  CLI::Option* only = verb->add_flag("--names", *names, "Print the names alone, one a line");
  only->excludes(json)->group("Output");
  verb->add_flag("--removable", *removable, "Of these, only what `ocellus rm` can remove")
      ->needs(only)
      ->group("Output");
  add_examples(*verb, {"ocellus list"});
  verb->callback([as_json, names, removable] { *names ? print_names(*removable) : run(*as_json); });
}

}  // namespace oc
