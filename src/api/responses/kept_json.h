// Answers of the Responses API that are kept, as their clients are told of them.
#pragma once

#include <string>
#include <string_view>

#include "api/answer_store.h"
#include "base/result.h"

namespace oc {

// What an answer was made of: the items of its turn and of those before it, a page of them. `query`
// as it was sent: limit, order, after. kInvalidArgument names one of these. Only where `memory` has
// room for it; else kMemoryFull.
Result<std::string> input_items_json(const KeptTurn& turn, std::string_view query,
                                     Reservation& memory);

std::string deleted_json(std::string_view id);

// kUnsupported: what a stored answer is not told as. Of GET /v1/responses/ID.
Result<void> check_retrieve(std::string_view query);

}  // namespace oc
