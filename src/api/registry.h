// Every wire dialect, and the paths that speak it. A new one is a row here; docs/add-a-dialect.md.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/dialect.h"
#include "runtime/serving/request_plan.h"

namespace oc {

// Where questions are asked: POST.
struct ChatPath {
  std::string_view path;
  const Dialect& dialect;
  bool any_type = false;  // what is no web page may call its JSON something else
};
std::span<const ChatPath> chat_paths();

// How what a question would take is told: the model's name, its plan, and warning_of() the request.
using PlanWriter = std::string (*)(const std::string& model, const RequestPlan& plan,
                                   std::string_view warning);

// Where questions are planned, and not asked: POST, with the body of a question.
struct PlanPath {
  std::string_view path;
  const Dialect& dialect;
  PlanWriter writer;
};
std::span<const PlanPath> plan_paths();

// Whose errors are told below a prefix where no route says it. The longest that fits counts.
struct DialectPrefix {
  std::string_view prefix;
  const Dialect& dialect;
};
std::span<const DialectPrefix> dialect_prefixes();

// What clients may look for, and this program does not do: why there is nothing below a prefix, and
// below one of /v1/ without it.
struct AbsentPath {
  std::string_view prefix, why;
};
std::span<const AbsentPath> absent_paths();

// Of all other paths, and where there is no path to be read.
const Dialect& default_dialect();

}  // namespace oc
