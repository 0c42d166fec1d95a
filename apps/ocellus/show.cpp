// ocellus show NAME: one model: what it is, where it lies, where it came from.
#include <fmt/format.h>

#include <memory>

#include "base/units.h"
#include "io/files.h"
#include "io/json_text.h"
#include "runtime/hub/installed.h"
#include "runtime/library/names.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

namespace json = boost::json;

struct ShowModelFlags {
  std::string model;
  bool json = false;
};

void print_json(const hub::InstalledModel& model) {
  json::object out{
      {"name", model.name},
      {"folder", model.folder == embedded_folder() ? json::value(nullptr)
                                                   : json::value(model.folder.string())},
      {"bytes", model.bytes},
      {"architecture", model.architecture},
      {"quantization", model.quantization},
      {"context_length", model.context_length},
      {"problem", model.problem.empty() ? json::value(nullptr) : json::value(model.problem)},
      {"origin", nullptr}};
  if (model.origin)
    out["origin"] = json::object{{"hub", model.origin->hub},
                                 {"repo", model.origin->repo},
                                 {"revision", model.origin->revision},
                                 {"commit", model.origin->commit}};
  show_line(json_text(out));
}

void print_people(const hub::InstalledModel& model) {
  const auto line = [](std::string_view key, std::string_view value) {
    if (!value.empty()) show_line(fmt::format("  {:<13} {}", key, value));
  };
  show_line(model.name);
  line("folder", model.folder == embedded_folder() ? "none: it is part of the program"
                                                   : model.folder.string());
  if (model.in_hf_cache) line("", "the Hugging Face cache's: read there, never changed");
  line("size", human_bytes(model.bytes));
  line("architecture", model.architecture);
  line("weights", model.quantization);
  if (model.context_length > 0) line("context", fmt::format("{} tokens", model.context_length));
  if (model.origin) {
    line("from", model.origin->hub + "/" + model.origin->repo);
    line("revision", fmt::format("{} ({})", model.origin->revision, model.origin->commit));
    for (const hub::HubFile& file : model.origin->files)
      line("", fmt::format("{:>8}  {}", human_bytes(file.size), file.name));
  }
  if (!model.problem.empty()) line("broken", model.problem);
}

void run(const ShowModelFlags& flags) {
  const auto folder = resolve_model(flags.model);
  if (!folder.ok()) fail(folder.error());
  const hub::InstalledModel model = hub::describe_model(model_name(flags.model, *folder), *folder);
  (flags.json ? print_json : print_people)(model);
  if (!model.problem.empty()) throw ExitError{1, ""};
}

}  // namespace

void add_show(CLI::App& app) {
  const auto flags = std::make_shared<ShowModelFlags>();
  CLI::App* verb = app.add_subcommand("show", "Show one model: size, weights, where it came from");
  verb->add_option("model", flags->model, "Model name or folder")->required()->option_text("MODEL");
  verb->add_flag("--json", flags->json, "Print JSON")->group("Output");
  add_examples(*verb, {"ocellus show demo"});
  verb->callback([flags] { run(*flags); });
}

}  // namespace oc
