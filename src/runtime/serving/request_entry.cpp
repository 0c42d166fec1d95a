#include "runtime/serving/request_entry.h"

#include <fmt/format.h>

namespace oc {

// A part that is too small to matter is not counted: what few words take is always there.
Result<void> RequestEntry::count_answer(const AnswerMemory& answer, bool known) {
  constexpr std::size_t kStep = 64u << 10;
  // What is sent piece by piece is not kept as JSON.
  const bool json = known || !hooks.on_piece;
  const std::size_t bytes = (answer.values + (json ? answer.json : 0)) / kStep * kStep;
  if (memory.grow_to(prepared_bytes + bytes)) return {};
  const std::size_t limit = memory.limit();
  if (prepared_bytes + bytes > limit)
    return Error{ErrorCode::kTooLarge,
                 fmt::format("the answer takes more than the {} MB that are set aside for all "
                             "requests",
                             limit >> 20),
                 "ask for fewer answers, tokens or top_logprobs, or give the server more "
                 "(--max-memory-mb)"};
  return Error{ErrorCode::kMemoryFull,
               fmt::format("the answer takes {} MB, more than other requests leave of {} MB",
                           bytes >> 20, limit >> 20),
               "try again later, ask for fewer answers, tokens or top_logprobs, or give the server "
               "more (--max-memory-mb)"};
}

}  // namespace oc
