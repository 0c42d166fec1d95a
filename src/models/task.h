// What some models do with one picture beside conversations: answer a question, caption it, find
// objects in it, each in the model's own prompt.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace oc {

enum class CaptionLength { kShort, kNormal, kLong };
std::string_view to_string(CaptionLength length);  // "short", "normal", "long"
std::optional<CaptionLength> caption_length_from_string(std::string_view name);

inline constexpr int kMaxObjects = 50;    // that detect and point look for, unless told otherwise
inline constexpr int kMostObjects = 150;  // that they may be told to look for

struct QueryTask {
  std::string question;
};
struct CaptionTask {
  CaptionLength length = CaptionLength::kNormal;
};
struct DetectTask {  // boxes
  std::string object;
  int max_objects = kMaxObjects;
};
struct PointTask {
  std::string object;
  int max_objects = kMaxObjects;
};
using Task = std::variant<QueryTask, CaptionTask, DetectTask, PointTask>;

std::string_view name_of(const Task& task);  // "query", "caption", "detect", "point"
// What a person typed in it; empty for a caption.
std::string_view text_of(const Task& task);
// It is answered with objects, not with text.
bool finds_objects(const Task& task);
int max_objects(const Task& task);  // that it looks for; 0: for none

// A thing in a picture, in shares of its sides: x to the right, y down. What a model says is not
// cut to the picture: a box may reach beyond 0 and 1.
struct FoundObject {
  double x = 0, y = 0;                            // its centre
  std::optional<double> width = {}, height = {};  // of a box; nullopt: a point

  double x_min() const { return x - width.value_or(0) / 2; }
  double y_min() const { return y - height.value_or(0) / 2; }
  double x_max() const { return x + width.value_or(0) / 2; }
  double y_max() const { return y + height.value_or(0) / 2; }
  bool operator==(const FoundObject&) const = default;
};

// The tasks that a model has; most have none.
struct TaskSupport {
  bool query = false;
  std::vector<CaptionLength> captions = {};
  bool detect = false, point = false;
  // Why this checkpoint has not those that others of its kind have: "it has no region head".
  std::string without_objects = {};

  bool any() const { return query || !captions.empty() || detect || point; }
};

std::vector<std::string_view> names_of(const TaskSupport& support);  // as name_of() a task

// kUnsupported names what a model without this task has; kInvalidArgument: an object that is empty
// or too many of them.
Result<void> check_task(const TaskSupport& support, const Task& task);

}  // namespace oc
