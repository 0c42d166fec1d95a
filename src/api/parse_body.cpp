#include "api/parse_body.h"

#include <utility>

#include "base/memory_full.h"
#include "io/counted_memory.h"
#include "io/json.h"

namespace oc {
namespace {

namespace json = boost::json;

JsonLimits json_limits(const ChatLimits& limits) {
  return {.depth = limits.json_depth, .values = limits.max_values};
}

Result<ChatRequest> read_document(const json::value& document, const ReadFields& read) {
  if (document.is_object()) return read(JsonFields(document.get_object(), ""));
  Error error = wrong_value("body", "a JSON object", document);
  error.param.clear();
  return error;
}

}  // namespace

Result<ChatRequest> parse_body(std::string_view body, const ChatLimits& limits,
                               const ReadFields& read) {
  OC_ASSIGN_OR_RETURN(const json::value document,
                      parse_json(body, "body", json_limits(limits), nullptr));
  return read_document(document, read);
}

Result<ChatRequest> parse_body(std::string&& body, const ChatLimits& limits, Reservation& memory,
                               const ReadFields& read) {
  Result<ChatRequest> request = [&]() -> Result<ChatRequest> {
    CountedMemory counted(memory);
    OC_ASSIGN_OR_RETURN(const json::value document,
                        parse_json(body, "body", json_limits(limits), &counted));
    // Its share stays: what is copied out of the document came from here.
    std::string().swap(body);
    return read_document(document, read);
  }();
  if (!request.ok()) return request;
  const std::size_t held = held_bytes(*request);
  memory.shrink_to(held);
  // Sentences that are made of tools' calls and results are longer than what they are made of.
  if (!memory.grow_to(held)) return memory_full();
  return request;
}

}  // namespace oc
