#include "api/moondream/fields.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"
#include "models/task.h"

namespace oc {
namespace {

using enum FieldType;
using namespace field_rows;

constexpr std::array<std::string_view, 3> kLengths = {"short", "normal", "long"};

// Its type and bounds are checked all the same: a client that is wrong is told.
constexpr RequestField without_effect(RequestField field) {
  field.use = FieldUse::kNoEffect;
  field.meaning = "without effect";
  return field;
}

constexpr RequestField kTemperature =
    within("settings.temperature", kNumber, 0, 2,
           "how freely tokens are drawn; 0, and absent: the likeliest");
constexpr RequestField kTopP = within("settings.top_p", kNumber, 0, 1,
                                      "tokens that make up this much of the probability; 1: all");
constexpr RequestField kObjectCount = within("settings.max_objects", kInteger, 1, kMostObjects,
                                             "so many objects at most; absent: 50");

// Of every route: adapters (`variant`) are others' weights.
constexpr std::array kCommon = {
    within("model", kString, 0, 4096, "which model answers; absent or empty: the active one"),
    kept("image_url", kString, "the picture, as a `data:` URL"),
    kept("settings", kObject, "how it is answered"),
    within("settings.max_tokens", kInteger, 1, kMaxInt,
           "the longest answer; more than the model's context is as much as that"),
    refused("settings.variant"),
    refused("variant"),
};
// Of answers that are text.
constexpr std::array kText = {
    kept("stream", kBoolean, "the answer comes in pieces"),
    kTemperature,
    kTopP,
    without_effect(kObjectCount),
};
// Of answers that are objects.
constexpr std::array kObjects = {
    within("object", kString, 1, 4096, "what is to be found"),
    kObjectCount,
    without_effect(kTemperature),
    without_effect(kTopP),
    refused("stream", false),
    refused("spatial_refs", Empty()),
};
constexpr std::array kQuestion = {
    within("question", kString, 1, 65536, "what is asked about the picture"),
    refused("reasoning", false),
    refused("spatial_refs", Empty()),
};
constexpr std::array kCaption = {
    RequestField{.name = "length",
                 .type = kString,
                 .one_of = kLengths,
                 .meaning = "how long the caption is; absent: `normal`"},
};

template <class... Rows>
std::vector<RequestField> joined(const Rows&... rows) {
  std::vector<RequestField> out;
  (out.insert(out.end(), rows.begin(), rows.end()), ...);
  return out;
}

}  // namespace

std::string_view name_of(MoondreamRoute route) {
  switch (route) {
    case MoondreamRoute::kQuery:
      return "query";
    case MoondreamRoute::kCaption:
      return "caption";
    case MoondreamRoute::kDetect:
      return "detect";
    case MoondreamRoute::kPoint:
      return "point";
  }
  return "query";
}

std::span<const RequestField> moondream_fields(MoondreamRoute route) {
  static const std::vector<RequestField> kOfQuery = joined(kCommon, kText, kQuestion),
                                         kOfCaption = joined(kCommon, kText, kCaption),
                                         kOfObjects = joined(kCommon, kObjects);
  if (route == MoondreamRoute::kQuery) return kOfQuery;
  return route == MoondreamRoute::kCaption ? kOfCaption : kOfObjects;
}

const RequestField& moondream_field(MoondreamRoute route, std::string_view name) {
  const auto rows = moondream_fields(route);
  const auto found = std::ranges::find(rows, name, &RequestField::name);
  OC_CHECK(found != rows.end(), "{} has no field {}", name_of(route), name);
  return *found;
}

}  // namespace oc
