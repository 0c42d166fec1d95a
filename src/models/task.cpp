#include "models/task.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "models/registry.h"

namespace oc {
namespace {

constexpr std::array kLengths = {CaptionLength::kShort, CaptionLength::kNormal,
                                 CaptionLength::kLong};

std::string known_tasks(const TaskSupport& support) {
  std::vector<std::string_view> names = names_of(support);
  if (names.empty()) {
    for (const Architecture& one : architectures())
      if (one.tasks) names.emplace_back(one.title);
    return names.empty() ? "ask this model in a chat"
                         : fmt::format("ask this model in a chat, or one that has it: {}",
                                       fmt::join(names, ", "));
  }
  return fmt::format("this model has {}", fmt::join(names, ", "));
}

bool has(const TaskSupport& support, const Task& task) {
  if (std::holds_alternative<QueryTask>(task)) return support.query;
  if (std::holds_alternative<CaptionTask>(task)) return !support.captions.empty();
  return std::holds_alternative<DetectTask>(task) ? support.detect : support.point;
}

Result<void> check_object(const std::string& object, int max_objects) {
  if (object.find_first_not_of(" \t\r\n") == std::string::npos)
    return Error{ErrorCode::kInvalidArgument, "object is empty", "name what is to be found",
                 "object"};
  if (max_objects < 1 || max_objects > kMostObjects)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("max_objects is {}, it must be 1 to {}", max_objects, kMostObjects),
                 "", "max_objects"};
  return {};
}

}  // namespace

std::vector<std::string_view> names_of(const TaskSupport& support) {
  std::vector<std::string_view> names;
  if (support.query) names.emplace_back("query");
  if (!support.captions.empty()) names.emplace_back("caption");
  if (support.detect) names.emplace_back("detect");
  if (support.point) names.emplace_back("point");
  return names;
}

std::string_view to_string(CaptionLength length) {
  switch (length) {
    case CaptionLength::kShort:
      return "short";
    case CaptionLength::kNormal:
      return "normal";
    case CaptionLength::kLong:
      return "long";
  }
  return "normal";
}

std::optional<CaptionLength> caption_length_from_string(std::string_view name) {
  const auto* const found = std::ranges::find_if(
      kLengths, [&](CaptionLength length) { return to_string(length) == name; });
  if (found == kLengths.end()) return std::nullopt;
  return *found;
}

std::string_view name_of(const Task& task) {
  constexpr std::array<std::string_view, 4> kNames = {"query", "caption", "detect", "point"};
  return kNames[task.index()];
}

std::string_view text_of(const Task& task) {
  if (const auto* query = std::get_if<QueryTask>(&task)) return query->question;
  if (const auto* detect = std::get_if<DetectTask>(&task)) return detect->object;
  if (const auto* point = std::get_if<PointTask>(&task)) return point->object;
  return {};
}

int max_objects(const Task& task) {
  if (const auto* detect = std::get_if<DetectTask>(&task)) return detect->max_objects;
  if (const auto* point = std::get_if<PointTask>(&task)) return point->max_objects;
  return 0;
}

bool finds_objects(const Task& task) {
  return std::holds_alternative<DetectTask>(task) || std::holds_alternative<PointTask>(task);
}

Result<void> check_task(const TaskSupport& support, const Task& task) {
  if (!has(support, task))
    return Error{ErrorCode::kUnsupported,
                 fmt::format("this model does not do {}{}", name_of(task),
                             finds_objects(task) && !support.without_objects.empty()
                                 ? ": " + support.without_objects
                                 : ""),
                 known_tasks(support), "model"};
  if (const auto* query = std::get_if<QueryTask>(&task); query && query->question.empty())
    return Error{ErrorCode::kInvalidArgument, "question is empty", "", "question"};
  if (const auto* caption = std::get_if<CaptionTask>(&task)) {
    if (std::ranges::find(support.captions, caption->length) != support.captions.end()) return {};
    std::vector<std::string_view> lengths;
    for (const CaptionLength length : support.captions) lengths.push_back(to_string(length));
    return Error{ErrorCode::kUnsupported,
                 fmt::format("this model has no {} captions", to_string(caption->length)),
                 fmt::format("it has {}", fmt::join(lengths, ", ")), "length"};
  }
  if (const auto* detect = std::get_if<DetectTask>(&task))
    return check_object(detect->object, detect->max_objects);
  if (const auto* point = std::get_if<PointTask>(&task))
    return check_object(point->object, point->max_objects);
  return {};
}

}  // namespace oc
