// POST /v1/images/plan, the answer: RequestPlan → JSON.
#pragma once

#include <string>
#include <string_view>

#include "runtime/serving/request_plan.h"

namespace oc {

// model: the name that clients know; warning: warning_of() the request.
std::string plan_response_json(const std::string& model, const RequestPlan& plan,
                               std::string_view warning);

}  // namespace oc
