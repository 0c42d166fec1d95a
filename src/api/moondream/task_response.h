// What Moondream's clients read: {"request_id", "answer" | "caption" | "objects" | "points", …}.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/moondream/fields.h"
#include "runtime/request.h"

namespace oc {

// A whole answer. `warning`: about the request.
std::string task_answer_json(MoondreamRoute route, std::string_view id,
                             const GenerateResult& result, std::string_view warning);

// Some of a text: {"chunk", "completed": false, "request_id"}.
std::string task_chunk_json(std::string_view id, std::string_view text);
// The last event of a stream: "completed" is true, and what is to be said of the answer beside its
// text.
std::string task_end_json(std::string_view id, const GenerateResult& result,
                          std::string_view warning);

}  // namespace oc
