// What the document says of each route beyond its method and path: what it is for, the rows that
// its body is checked by, and the shapes of its answers.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "api/field.h"

namespace oc {

// A field whose parser is not a row: its name, and the component that describes it. "messages[]":
// the entries of messages.
struct FieldShape {
  std::string_view name, component;
};

struct Operation {
  std::string_view method, path;  // as the route's: "/v1/models/*"
  std::string_view group = {}, summary = {};
  std::string_view detail = {};
  std::vector<RequestField> fields = {};  // of the body; none: `body`
  std::vector<FieldShape> shapes = {};
  std::vector<std::string_view> required = {};
  std::string_view body = {};    // the component of a body that is no rows
  std::string_view answer = {};  // the component of the answer
  std::string_view answer_type = "application/json";
  std::string_view stream_type = {};  // where a body with "stream": true is answered in pieces
  std::string_view error = "OpenAiError";
  std::string_view parameter = {};  // what "*" at the end of the path stands for
  bool refuses = false;             // says no to everybody, in words; not in the document
};

// All that there are; a route without one stands in the document with its method and path alone,
// and a test holds that there is none.
std::span<const Operation> operations();

// The components of the document, as JSON: the shapes that the fields above name.
std::string_view component_schemas();

}  // namespace oc
