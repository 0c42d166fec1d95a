#include "api/offline/batch_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <vector>

#include "base/printable.h"
#include "io/csv.h"
#include "io/json.h"
#include "io/json_text.h"
#include "io/random_text.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 7> kColumns = {
    "image", "question", "answer", "finish_reason", "prompt_tokens", "completion_tokens", "error"};

constexpr std::array<std::string_view, 6> kAdded = {
    "answer", "json", "finish_reason", "prompt_tokens", "completion_tokens", "error"};

// The name of a line's own field beside one of the record's: line_answer, or, where the line has
// that too, line_line_answer.
std::string own_name(const BatchItem& item, std::string_view key) {
  std::string out(key);
  do out = "line_" + out;
  while (item.fields.contains(out));
  return out;
}

// In front of what the batch adds. Without the brace at its end.
std::string begin_record(const BatchItem& item) {
  std::string out = "{";
  const auto put = [&out](std::string_view key, std::string_view value) {
    if (out.size() > 1) out += ',';
    out += json_quoted(key);
    out += ':';
    out += value;
  };
  bool asked = false;
  for (const auto& [key, value] : item.fields) {
    const std::string_view name = key;
    const auto exact = item.exact.find(name);
    const std::string text = exact == item.exact.end() ? json_text(value) : exact->second;
    const bool question = name == "question";
    if (question) {
      asked = true;
      put(name, json_quoted(item.question));
      if (value.is_string() && value.get_string() == item.question) continue;
    }
    const bool taken = question || std::ranges::find(kAdded, name) != kAdded.end();
    put(taken ? own_name(item, name) : name, text);
  }
  if (!asked) put("question", json_quoted(item.question));
  return out;
}

std::string image_of(const BatchItem& item) {
  const json::value* image = item.fields.if_contains("image");
  return image != nullptr && image->is_string() ? std::string(image->get_string()) : std::string();
}

Error other_item(std::size_t index, std::string_view what, std::string_view found,
                 std::string_view wanted) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("record {} has {} {}, and not {}", index + 1, what, excerpt(found),
                      excerpt(wanted)),
          "--resume wants the inputs and the question of the run before"};
}

Result<void> check_field(const json::object& record, std::string_view name, std::string_view wanted,
                         std::size_t index) {
  const json::value* found = record.if_contains(name);
  const std::string_view text =
      found != nullptr && found->is_string() ? std::string_view(found->get_string()) : "";
  if (text == wanted) return {};
  return other_item(index, name, text, wanted);
}

json::value error_json(const ReplyError& error) {
  return {{"code", error.code}, {"message", error.message}};
}

}  // namespace

std::string picture_record(const BatchResult& result, bool as_json) {
  const std::string head = begin_record(result.item);
  if (!result.read.answer)
    return fmt::format(R"({},"error":{}}})", head, json_text(error_json(result.read.error)));
  const TextAnswer& answer = *result.read.answer;
  std::string value;
  if (as_json) {
    boost::system::error_code failed;
    json::parse(answer.text, failed);
    if (!failed) value = R"("json":)" + compact_json(answer.text) + ",";
  }
  return fmt::format(
      R"({},"answer":{},{}"finish_reason":{},"prompt_tokens":{},"completion_tokens":{}}})", head,
      json_quoted(answer.text), value, json_quoted(answer.finish_reason), answer.prompt_tokens,
      answer.completion_tokens);
}

std::string csv_head() {
  const std::vector<std::string> names(kColumns.begin(), kColumns.end());
  return csv_row(names);
}

std::string csv_record(const BatchResult& result) {
  std::vector<std::string> row = {csv_text(image_of(result.item)), csv_text(result.item.question)};
  if (result.read.answer) {
    const TextAnswer& answer = *result.read.answer;
    row.insert(row.end(),
               {csv_text(answer.text), answer.finish_reason, std::to_string(answer.prompt_tokens),
                std::to_string(answer.completion_tokens), ""});
  } else {
    const ReplyError& error = result.read.error;
    row.insert(row.end(), {"", "", "", "", csv_text(error.code + ": " + error.message)});
  }
  return csv_row(row);
}

std::string request_record(const BatchResult& result) {
  const std::string head = fmt::format(
      R"({{"id":"batch_req_{}","custom_id":{})", random_text(24),
      result.item.custom_id ? json_quoted(*result.item.custom_id) : std::string("null"));
  if (result.reply.status == 0)
    return fmt::format(R"({},"response":null,"error":{}}})", head,
                       json_text(error_json(result.read.error)));
  return fmt::format(R"({},"response":{{"status_code":{},"request_id":"req_{}","body":{}}},)"
                     R"("error":null}})",
                     head, result.reply.status, random_text(24), result.reply.body);
}

Result<bool> check_record(std::string_view record, BatchKind kind, const BatchItem& item) {
  OC_ASSIGN_OR_RETURN(const json::value value,
                      parse_json(record, fmt::format("record {}", item.index + 1)));
  const json::object empty;
  const json::object& fields = value.is_object() ? value.get_object() : empty;
  if (kind == BatchKind::kRequests) {
    OC_RETURN_IF_ERROR(check_field(fields, "custom_id", item.custom_id.value_or(""), item.index));
    const json::value* response = fields.if_contains("response");
    const json::value* status = response != nullptr && response->is_object()
                                    ? response->get_object().if_contains("status_code")
                                    : nullptr;
    return status != nullptr && *status == 200;
  }
  OC_RETURN_IF_ERROR(check_field(fields, "image", image_of(item), item.index));
  OC_RETURN_IF_ERROR(check_field(fields, "question", item.question, item.index));
  return fields.contains("answer");
}

Result<bool> check_csv_record(std::string_view record, const BatchItem& item) {
  std::vector<std::string> row = csv_values(record);
  row.resize(kColumns.size());
  const std::string image = csv_text(image_of(item)), question = csv_text(item.question);
  if (row[0] != image) return other_item(item.index, "image", row[0], image);
  if (row[1] != question) return other_item(item.index, "question", row[1], question);
  return row.back().empty();
}

}  // namespace oc
