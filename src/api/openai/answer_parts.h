// What answers of chat completions and of text completions have in common, as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/served_model.h"
#include "runtime/request.h"

namespace oc {

// What is the same in every part of one answer.
struct AnswerHead {
  std::string id;  // "chatcmpl-…"
  std::int64_t created = 0;
  std::string model;
  std::string system_fingerprint;
  std::string warning = {};  // about the request (warning_of); stands before the answer's own
};
AnswerHead make_answer_head(const ServedModel& model, std::string id, std::int64_t created);

// {"id", "object", "created", "model", "system_fingerprint"}
std::string head_json(const AnswerHead& head, std::string_view object);
// {"prompt_tokens", …}
std::string completion_usage_json(const GenerateResult& result);
// Our own field: what the model saw, and where the time went.
std::string completion_details_json(const GenerateResult& result);
// The last chunk of a stream that tells its usage: without choices.
std::string usage_chunk_json(const AnswerHead& head, std::string_view object,
                             const GenerateResult& result);
// One more field at the end of a serialized object that has some already.
std::string with_field(std::string object, std::string_view name, std::string_view json);

}  // namespace oc
