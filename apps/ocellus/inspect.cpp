// ocellus inspect MODEL: what a model folder holds, and what is missing.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <regex>
#include <set>

#include "base/printable.h"
#include "io/checkpoint.h"
#include "io/json_text.h"
#include "models/registry.h"
#include "runtime/library/names.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

namespace json = boost::json;

struct InspectFlags {
  std::string model;
  bool json = false, tensors = false;
};

// What stands where it does not belong, or does not stand where it should.
struct Findings {
  std::vector<std::string> missing, wrong, unexpected;
};

Findings compare(const Checkpoint& checkpoint, const Blueprint& blueprint) {
  Findings found;
  std::set<std::string> known;
  for (const ExpectedTensor& expected : blueprint.tensors()) {
    known.insert(expected.name);
    const TensorView* tensor = checkpoint.find(expected.name);
    if (tensor == nullptr) {
      found.missing.push_back(fmt::format("{} {}", expected.name, expected.shape.str()));
      continue;
    }
    // One without ".weight" is not quantised.
    if (expected.matrix && expected.name.ends_with(".weight")) {
      const std::string prefix = matrix_prefix(expected.name);
      for (const char* part : {".scales", ".biases"}) known.insert(prefix + part);
      const auto matrix = checkpoint.matrix(prefix, expected.shape[0], expected.shape[1],
                                            checkpoint.find(prefix + ".bias") != nullptr);
      if (!matrix.ok()) found.wrong.push_back(matrix.error().message);
      continue;
    }
    const Shape& e = expected.shape;
    const bool mlx_layout = e.rank() == 4 && tensor->shape == Shape{e[0], e[2], e[3], e[1]};
    if (!(tensor->shape == e) && !mlx_layout)
      found.wrong.push_back(fmt::format("{}: tensor \"{}\" is {}, expected {}", tensor->file,
                                        tensor->name, tensor->shape.str(), e.str()));
  }
  for (const TensorView* tensor : checkpoint.tensors())
    if (!known.contains(tensor->name)) found.unexpected.push_back(tensor->name);
  return found;
}

// Tensors whose names differ only in the layer number, counted together.
struct TensorRow {
  std::string name;
  const TensorView* first = nullptr;
  int count = 0;
  std::size_t bytes = 0;
};

std::vector<TensorRow> rows_of(const Checkpoint& checkpoint, bool every) {
  static const std::regex number(R"(layers\.\d+\.)");
  std::vector<TensorRow> rows;
  std::map<std::string, std::size_t> at;
  for (const TensorView* tensor : checkpoint.tensors()) {
    const std::string name =
        every ? tensor->name : std::regex_replace(tensor->name, number, "layers.*.");
    const auto [place, fresh] = at.emplace(name, rows.size());
    if (fresh) rows.push_back({name, tensor, 0, 0});
    TensorRow& row = rows[place->second];
    ++row.count;
    row.bytes += tensor->data.size();
  }
  std::ranges::sort(rows, {}, &TensorRow::name);
  return rows;
}

void print_list(const char* title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  show(fmt::format("\n{} ({}):\n", title, lines.size()));
  for (const std::string& line : lines) show_line("  " + line);
}

json::array to_json(const std::vector<std::string>& lines) {
  return json::array(lines.begin(), lines.end());
}

void print_people(const InspectFlags& flags, const Checkpoint& checkpoint,
                  const Blueprint& blueprint, const Findings& found) {
  show_line(checkpoint.folder().string());
  for (const auto& [what, text] : blueprint.summary())
    show_line(fmt::format("  {:<9} {}", what, text));
  show(fmt::format("  files     {} bytes\n\n", checkpoint.weights_bytes()));
  show_line(
      fmt::format("{:<74} {:>5} {:>6} {:<18} {:>13}", "tensor", "count", "type", "shape", "bytes"));
  for (const TensorRow& row : rows_of(checkpoint, flags.tensors))
    show_line(fmt::format("{:<74} {:>5} {:>6} {:<18} {:>13}", printable(row.name, Lines::kOne),
                          row.count, to_string(row.first->dtype), row.first->shape.str(),
                          row.bytes));
  print_list("missing", found.missing);
  print_list("wrong", found.wrong);
  print_list("not part of the architecture", found.unexpected);
  if (found.missing.empty() && found.wrong.empty()) show("\ncomplete\n");
}

void print_json(const InspectFlags& flags, const Checkpoint& checkpoint, const Blueprint& blueprint,
                const Findings& found) {
  json::array tensors;
  for (const TensorRow& row : rows_of(checkpoint, flags.tensors))
    tensors.push_back(
        {{"name", row.name},
         {"count", row.count},
         {"dtype", to_string(row.first->dtype)},
         {"shape", json::array(row.first->shape.dims().begin(), row.first->shape.dims().end())},
         {"bytes", row.bytes}});
  json::object out{{"architecture", checkpoint.config().at("model_type")}};
  for (const auto& [name, value] : blueprint.sizes()) out[name] = value;
  out["weights_bytes"] = checkpoint.weights_bytes();
  out["tensors"] = std::move(tensors);
  out["missing"] = to_json(found.missing);
  out["wrong"] = to_json(found.wrong);
  out["unexpected"] = to_json(found.unexpected);
  show_line(json_text(out));
}

void run(const InspectFlags& flags) {
  const auto folder = resolve_model(flags.model);
  if (!folder.ok()) fail(folder.error());
  const auto checkpoint = Checkpoint::open(*folder);
  if (!checkpoint.ok()) fail(checkpoint.error());
  const auto blueprint = open_blueprint(*folder);
  if (!blueprint.ok()) fail(blueprint.error());
  const Findings found = compare(**checkpoint, **blueprint);
  (flags.json ? print_json : print_people)(flags, **checkpoint, **blueprint, found);
  if (!found.missing.empty() || !found.wrong.empty()) throw ExitError{1, ""};
}

}  // namespace

void add_inspect(CLI::App& app) {
  const auto flags = std::make_shared<InspectFlags>();
  CLI::App* verb =
      app.add_subcommand("inspect", "Show a model folder: sizes, tensors, what is missing");
  verb->add_option("model", flags->model, "Model name or folder")->required()->option_text("MODEL");
  verb->add_flag("--tensors", flags->tensors, "Every tensor, not one line for all layers")
      ->group("Output");
  verb->add_flag("--json", flags->json, "Print JSON")->group("Output");
  add_examples(*verb, {"ocellus inspect demo --tensors"});
  verb->callback([flags] { run(*flags); });
}

}  // namespace oc
