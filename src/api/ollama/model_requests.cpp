#include "api/ollama/model_requests.h"

#include <array>
#include <boost/json/object.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "api/check_rows.h"
#include "api/json_fields.h"
#include "base/ascii.h"
#include "io/json.h"

namespace oc {
namespace {

namespace json = boost::json;
using enum FieldType;
using namespace field_rows;

constexpr RequestField kModel = within("model", kString, 1, 512, "which one"),
                       kName = within("name", kString, 1, 512, "the same by its older name"),
                       kStream = kept("stream", kBoolean, "lines of JSON; absent: they come");

// What else programs show a model with would change the model that is described.
constexpr std::array kShowFields = {kModel,
                                    kName,
                                    no_effect("verbose", kBoolean),
                                    refused("system", std::string_view("")),
                                    refused("template", std::string_view("")),
                                    refused("options", Empty())};
constexpr std::array kPullFields = {kModel,
                                    kName,
                                    kStream,
                                    refused("insecure", false),
                                    refused("username", std::string_view("")),
                                    refused("password", std::string_view(""))};
constexpr std::array kDeleteFields = {kModel, kName};

Result<std::string> model_of(OllamaModelRoute route, const JsonFields& fields) {
  std::vector<std::string> untold;  // their answers have no place for it
  OC_RETURN_IF_ERROR(check_rows(fields, ollama_model_fields(route), untold));
  OC_ASSIGN_OR_RETURN(const auto model, fields.string(kModel));
  OC_ASSIGN_OR_RETURN(const auto name, fields.string(kName));
  if (model) return std::string(*model);
  if (name) return std::string(*name);
  return Error{ErrorCode::kInvalidArgument, "\"model\" is missing",
               "GET /api/tags lists those that are there", "model"};
}

}  // namespace

std::span<const RequestField> ollama_model_fields(OllamaModelRoute route) {
  switch (route) {
    case OllamaModelRoute::kShow:
      return kShowFields;
    case OllamaModelRoute::kPull:
      return kPullFields;
    case OllamaModelRoute::kDelete:
      break;
  }
  return kDeleteFields;
}

std::string_view without_latest(std::string_view name) {
  constexpr std::string_view kTag = ":latest";
  if (name.size() > kTag.size() &&
      equal_ignoring_case(name.substr(name.size() - kTag.size()), kTag))
    name.remove_suffix(kTag.size());
  return name;
}

Result<std::string> parse_ollama_model(OllamaModelRoute route, std::string_view body) {
  OC_ASSIGN_OR_RETURN(const json::object document, parse_small_body(body));
  return model_of(route, JsonFields(document, ""));
}

Result<OllamaPull> parse_ollama_pull(std::string_view body) {
  OC_ASSIGN_OR_RETURN(const json::object document, parse_small_body(body));
  const JsonFields fields(document, "");
  OC_ASSIGN_OR_RETURN(const std::string model, model_of(OllamaModelRoute::kPull, fields));
  OllamaPull out;
  auto ref = hub::parse_model_ref(std::string(without_latest(model)));
  if (!ref.ok()) {
    Error error = ref.error();
    error.param = "model";
    return error;
  }
  out.pull.ref = *std::move(ref);
  OC_ASSIGN_OR_RETURN(const auto stream, fields.boolean(kStream));
  out.stream = stream.value_or(true);
  return out;
}

}  // namespace oc
