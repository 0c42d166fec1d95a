// How long an answer may become: what a request asks for, by whichever name. Only for .cpp files:
// it pulls in Boost.JSON.
#pragma once

#include <initializer_list>
#include <optional>

#include "api/field_names.h"
#include "api/json_fields.h"
#include "api/no_effect.h"

namespace oc {

// The tokens that the first of these fields with a value asks for; nullopt: none has one, or -1,
// which is how llama.cpp's clients say that there is no limit, and is told of. More than any model
// could give is taken: complete_request() makes it less, and says so by the name of the field that
// counts, else of the first of `fields`. kInvalidArgument: not what its row says, or two of them
// differ.
Result<std::optional<int>> answer_length(const JsonFields& fields,
                                         std::initializer_list<const RequestField*> names,
                                         NoEffect no_effect, FieldNames& told);

}  // namespace oc
