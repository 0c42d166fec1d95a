#include "api/mcp/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <utility>

#include "base/printable.h"
#include "io/json.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

// The revisions that begin with `initialize`, newest first.
constexpr std::array<std::string_view, 4> kRevisions = {"2025-11-25", "2025-06-18", "2025-03-26",
                                                        "2024-11-05"};
constexpr std::string_view kInstructions =
    "Eyes: these tools answer questions about pictures, on this machine. Name a picture by its "
    "path, "
    "by an https address where that is allowed, or send its bytes in base64.";

// JSON-RPC's codes.
constexpr int kNoJson = -32700, kNoRequest = -32600, kNoMethod = -32601, kWrongParams = -32602,
              kBusy = -32000;

std::string error_line(std::string_view id, int code, std::string_view message) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"error":{{"code":{},"message":{}}}}})", id, code,
                     json_quoted(message));
}

std::string result_line(std::string_view id, std::string_view result) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})", id, result);
}

std::string_view text_at(const json::object* object, std::string_view key) {
  const json::value* value = object == nullptr ? nullptr : object->if_contains(key);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                : std::string_view();
}

// A request's id as JSON; empty: it is none.
std::string id_of(const json::value* id) {
  if (id == nullptr || !(id->is_string() || id->is_int64() || id->is_uint64())) return {};
  return json_text(*id);
}

std::string initialized(const json::object* params, std::string_view version) {
  const std::string_view asked = text_at(params, "protocolVersion");
  const bool known = std::ranges::find(kRevisions, asked) != kRevisions.end();
  return json_text(json::object{
      {"protocolVersion", known ? asked : kRevisions.front()},
      {"capabilities", json::object{{"tools", json::object{{"listChanged", false}}}}},
      {"serverInfo", json::object{{"name", "ocellus"}, {"title", "ocellus"}, {"version", version}}},
      {"instructions", kInstructions}});
}

}  // namespace

std::string McpSession::too_long(std::size_t max_bytes) {
  return error_line(
      "null", kNoRequest,
      fmt::format("a message of more than {} bytes; name pictures by their path", max_bytes));
}

McpTaken McpSession::take(std::string_view line) {
  constexpr int kDepth = 32;
  const auto parsed = parse_json(line, "message", kDepth);
  if (!parsed.ok()) return {.reply = error_line("null", kNoJson, parsed.error().message)};
  const json::object* message = parsed->if_object();
  if (message == nullptr)
    return {.reply = error_line("null", kNoRequest, "a message is one JSON object on one line")};
  const std::string id = id_of(message->if_contains("id"));
  const std::string_view method = text_at(message, "method");
  const json::value* given = message->if_contains("params");
  const json::object* params = given == nullptr ? nullptr : given->if_object();
  if (method.empty()) {
    if (message->contains("result") || message->contains("error")) return {};  // we ask nothing
    return {.reply = error_line(id.empty() ? "null" : id, kNoRequest, "\"method\" is missing")};
  }
  if (id.empty()) {
    if (message->contains("id"))
      return {.reply = error_line("null", kNoRequest, "\"id\" must be a string or an integer")};
    if (method == "notifications/cancelled" && params != nullptr) {
      const std::string other = id_of(params->if_contains("requestId"));
      const std::lock_guard lock(mutex_);
      if (under_way_.contains(other)) cancelled_.insert(other);
    }
    return {};
  }
  if (given != nullptr && params == nullptr)
    return {.reply = error_line(id, kWrongParams, "\"params\" must be an object")};
  if (method == "initialize") return {.reply = result_line(id, initialized(params, version_))};
  if (method == "ping") return {.reply = result_line(id, "{}")};
  if (method == "tools/list")
    return {.reply = result_line(id, fmt::format(R"({{"tools":{}}})", tools_.list()))};
  if (method != "tools/call")
    return {.reply = error_line(id, kNoMethod,
                                fmt::format("there is no method \"{}\"", shortened(method, 100)))};
  const std::string_view name = text_at(params, "name");
  if (!tools_.has(name))
    return {.reply = error_line(id, kWrongParams,
                                fmt::format("there is no tool \"{}\"", shortened(name, 100)))};
  const json::value* arguments = params->if_contains("arguments");
  if (arguments != nullptr && !arguments->is_object() && !arguments->is_null())
    return {.reply = error_line(id, kWrongParams, "\"arguments\" must be an object")};
  const std::lock_guard lock(mutex_);
  if (!under_way_.insert(id).second)
    return {.reply = error_line(id, kNoRequest, "a request with this id is under way")};
  const bool none = arguments == nullptr || arguments->is_null();
  return {.call = McpCall{id, {std::string(name), none ? "{}" : json_text(*arguments)}}};
}

std::string McpSession::busy(const McpCall& call) {
  const std::lock_guard lock(mutex_);
  under_way_.erase(call.id);
  cancelled_.erase(call.id);
  return error_line(call.id, kBusy, "too many calls wait; send it again when one is answered");
}

bool McpSession::take_back(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (cancelled_.erase(id) == 0) return false;
  under_way_.erase(id);
  return true;
}

std::string McpSession::run(const McpCall& call) {
  if (take_back(call.id)) return {};
  std::string result = tools_.call(call.tool);
  if (take_back(call.id)) return {};
  {
    const std::lock_guard lock(mutex_);
    under_way_.erase(call.id);
  }
  return result_line(call.id, result);
}

}  // namespace oc
