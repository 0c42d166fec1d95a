#include "api/pulls.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <vector>

#include "api/json_fields.h"
#include "io/json.h"
#include "io/json_text.h"
#include "runtime/library/known_models.h"

namespace oc {
namespace {

namespace json = boost::json;
using enum FieldType;
using namespace field_rows;

constexpr RequestField kModel =
    within("model", kString, 1, 512, "a known model's name, or ORG/REPO; with @REVISION");
constexpr RequestField kConnections =
    within("connections", kInteger, 1, 32, "ranges loaded at the same time; absent: 8");
constexpr RequestField kRetries = within(
    "retries", kInteger, 0, 1000, "tries again, of one file, without any progress; absent: 6");
constexpr RequestField kTimeout =
    within("timeout", kInteger, 1, 3600, "seconds below 1 KiB/s that end a connection; absent: 30");
constexpr RequestField kReplace =
    kept("replace", kBoolean, "also over files that no pull has put there");
constexpr std::array kFields = {kModel, kConnections, kRetries, kTimeout, kReplace};

Result<std::string> model_of(const JsonFields& fields) {
  OC_ASSIGN_OR_RETURN(const auto model, fields.string(kModel));
  if (model) return std::string(*model);
  return Error{ErrorCode::kInvalidArgument, "\"model\" is missing", std::string(kModel.meaning),
               "model"};
}

json::object event_of(const hub::ModelRef& ref, std::string_view phase) {
  json::object out;
  out["object"] = "model.pull";
  out["model"] = ref.repo;
  out["revision"] = ref.revision;
  out["phase"] = phase;
  return out;
}

json::object progress_of(const hub::ModelRef& ref, const hub::PullProgress& progress) {
  const bool checking = progress.phase == hub::PullProgress::Phase::kChecking;
  json::object out = event_of(ref, checking ? "checking" : "loading");
  out["done_bytes"] = std::min(progress.done, progress.total);
  out["total_bytes"] = progress.total;
  if (progress.file.empty()) {
    out["file"] = nullptr;
    return out;
  }
  json::object file;
  file["name"] = progress.file;
  file["done_bytes"] = progress.file_done;
  file["total_bytes"] = progress.file_total;
  out["file"] = std::move(file);
  return out;
}

}  // namespace

std::span<const RequestField> pull_fields() { return kFields; }

Result<PullRequest> parse_pull(std::string_view body) {
  OC_ASSIGN_OR_RETURN(const json::object document, parse_small_body(body));
  const JsonFields fields(document, "");
  std::vector<std::string_view> names;
  for (const RequestField& field : kFields) names.push_back(field.name);
  OC_RETURN_IF_ERROR(fields.only(names));
  PullRequest out;
  OC_ASSIGN_OR_RETURN(const std::string model, model_of(fields));
  auto ref = hub::parse_model_ref(model);
  if (!ref.ok()) {
    Error error = ref.error();
    error.param = "model";
    return error;
  }
  out.ref = *std::move(ref);
  OC_ASSIGN_OR_RETURN(const auto connections, fields.integer(kConnections));
  OC_ASSIGN_OR_RETURN(const auto retries, fields.integer(kRetries));
  OC_ASSIGN_OR_RETURN(const auto timeout, fields.integer(kTimeout));
  OC_ASSIGN_OR_RETURN(const auto replace, fields.boolean(kReplace));
  if (connections) out.options.connections = static_cast<int>(*connections);
  if (retries) out.options.patience.retries = static_cast<int>(*retries);
  if (timeout) out.options.patience.stall_s = static_cast<int>(*timeout);
  out.options.replace = replace.value_or(false);
  return out;
}

Result<std::string> parse_load(std::string_view body) {
  OC_ASSIGN_OR_RETURN(const json::object document, parse_small_body(body));
  const JsonFields fields(document, "");
  OC_RETURN_IF_ERROR(fields.only(std::array{kModel.name}));
  return model_of(fields);
}

std::string pull_progress_json(const hub::ModelRef& ref, const hub::PullProgress& progress,
                               double bytes_per_s) {
  json::object out = progress_of(ref, progress);
  out["bytes_per_s"] = std::llround(bytes_per_s);
  return json_text(out);
}

std::string pull_note_json(const hub::ModelRef& ref, std::string_view note) {
  json::object out = event_of(ref, "loading");
  out["note"] = note;
  return json_text(out);
}

std::string pull_done_json(const hub::ModelRef& ref, const hub::PullReport& report) {
  json::object out = event_of(ref, "done");
  out["id"] = report.name;
  out["commit"] = report.commit;
  out["files"] = report.files;
  out["total_bytes"] = report.bytes;
  out["fetched_bytes"] = report.fetched;
  return json_text(out);
}

std::string pull_stopped_json(const hub::ModelRef& ref) {
  return json_text(event_of(ref, "stopped"));
}

std::string pull_catalogue_json(const PullCatalogue& catalogue) {
  const auto is_here = [&](std::string_view name) {
    return std::ranges::find(catalogue.installed, name, &hub::InstalledModel::name) !=
           catalogue.installed.end();
  };
  json::array data, installed, unfinished;
  for (const KnownModel& model : known_models()) {
    json::object one;
    one["id"] = model.name;
    one["repo"] = model.repo;
    one["revision"] = model.revision;
    one["bytes"] = model.bytes;
    one["arch"] = model.architecture;
    one["installed"] = is_here(model.repo);
    data.push_back(std::move(one));
  }
  for (const hub::InstalledModel& model : catalogue.installed) {
    json::object one;
    one["id"] = model.name;
    one["bytes"] = model.bytes;
    one["arch"] = model.architecture;
    one["quantization"] = model.quantization;
    one["whole"] = model.problem.empty();
    installed.push_back(std::move(one));
  }
  for (const hub::UnfinishedPull& pull : catalogue.unfinished)
    unfinished.push_back(json::object{{"id", pull.name}, {"bytes", pull.bytes}});
  json::object out;
  out["object"] = "model.catalogue";
  out["allowed"] = catalogue.allowed;
  if (catalogue.allowed && !catalogue.hub.empty()) out["hub"] = catalogue.hub;
  if (catalogue.under_way)
    out["under_way"] = progress_of(catalogue.under_way->ref, catalogue.under_way->progress);
  else
    out["under_way"] = nullptr;
  out["data"] = std::move(data);
  out["installed"] = std::move(installed);
  out["unfinished"] = std::move(unfinished);
  return json_text(out);
}

}  // namespace oc
