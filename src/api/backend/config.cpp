#include "api/backend/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>

#include "api/config/schema.h"
#include "api/json_fields.h"
#include "base/check.h"
#include "io/json.h"
#include "io/json_text.h"
#include "runtime/library/plain_name.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr int kDepth = 16;
constexpr std::size_t kMaxValues = 10'000;

// With the bounds of the setting that it changes.
Result<std::optional<std::int64_t>> setting(const JsonFields& fields, std::string_view key) {
  const Key* row = find_key(fields.name(key));
  OC_CHECK(row != nullptr && row->kind == Kind::kInteger, "{} is no setting", fields.name(key));
  return fields.integer(key, static_cast<std::int64_t>(row->min),
                        static_cast<std::int64_t>(row->max));
}

Result<std::optional<std::string>> short_text(const JsonFields& fields, std::string_view key) {
  constexpr std::size_t kMax = 2048;
  OC_ASSIGN_OR_RETURN(const auto text, fields.string(key));
  if (!text) return std::optional<std::string>();
  if (text->empty() || text->size() > kMax)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" must have 1 to {} bytes, found {}", fields.name(key), kMax,
                             text->size()),
                 "", fields.name(key)};
  return std::optional<std::string>(*text);
}

Result<void> parse_frontend(const JsonFields& fields, BackendPatch& patch) {
  static constexpr std::array<std::string_view, 3> kKnown = {"video_width", "video_height",
                                                             "api_base_url"};
  OC_RETURN_IF_ERROR(fields.only(kKnown));
  OC_ASSIGN_OR_RETURN(patch.video_width, setting(fields, "video_width"));
  OC_ASSIGN_OR_RETURN(patch.video_height, setting(fields, "video_height"));
  OC_ASSIGN_OR_RETURN(patch.api_base_url, short_text(fields, "api_base_url"));
  if (patch.api_base_url && !patch.api_base_url->starts_with("http://") &&
      !patch.api_base_url->starts_with("https://"))
    return Error{ErrorCode::kInvalidArgument,
                 "\"frontend.api_base_url\" must begin with http:// or https://", "",
                 "frontend.api_base_url"};
  return {};
}

Result<void> parse_server(const JsonFields& fields, BackendPatch& patch) {
  static constexpr std::array<std::string_view, 2> kKnown = {"host", "port"};
  OC_RETURN_IF_ERROR(fields.only(kKnown));
  OC_ASSIGN_OR_RETURN(patch.host, short_text(fields, "host"));
  OC_ASSIGN_OR_RETURN(patch.port, setting(fields, "port"));
  return {};
}

}  // namespace

Result<BackendPatch> parse_backend_patch(std::string_view body, CountedMemory* memory) {
  OC_ASSIGN_OR_RETURN(
      const json::value document,
      parse_json(body, "body", JsonLimits{.depth = kDepth, .values = kMaxValues}, memory));
  if (!document.is_object()) {
    Error error = wrong_value("body", "a JSON object", document);
    error.param.clear();
    return error;
  }
  const JsonFields fields(document.get_object(), "");
  BackendPatch patch;
  OC_ASSIGN_OR_RETURN(patch.active_model, short_text(fields, "active_model"));
  OC_ASSIGN_OR_RETURN(const auto frontend, fields.object("frontend"));
  if (frontend) OC_RETURN_IF_ERROR(parse_frontend(*frontend, patch));
  OC_ASSIGN_OR_RETURN(const auto server, fields.object("server"));
  if (server) OC_RETURN_IF_ERROR(parse_server(*server, patch));
  for (const auto& [key, value] : document.get_object()) {
    if (key == "active_model" || key == "frontend" || key == "server") continue;
    if (is_plain_name(key) && patch.ignored.size() < 32) patch.ignored.emplace_back(key);
  }
  return patch;
}

bool changes_server(const BackendPatch& patch, const BackendConfig& config) {
  return (patch.host && *patch.host != config.host) || (patch.port && *patch.port != config.port);
}

void apply_patch(const BackendPatch& patch, BackendConfig& config) {
  if (patch.video_width) config.video_width = *patch.video_width;
  if (patch.video_height) config.video_height = *patch.video_height;
  if (patch.api_base_url) config.api_base_url = *patch.api_base_url;
}

std::string changes_json(const BackendPatch& patch) {
  json::object out, frontend, server;
  if (patch.active_model) out["active_model"] = *patch.active_model;
  if (patch.video_width) frontend["video_width"] = *patch.video_width;
  if (patch.video_height) frontend["video_height"] = *patch.video_height;
  if (patch.api_base_url) frontend["api_base_url"] = *patch.api_base_url;
  if (patch.host) server["host"] = *patch.host;
  if (patch.port) server["port"] = *patch.port;
  if (!frontend.empty()) out["frontend"] = std::move(frontend);
  if (!server.empty()) out["server"] = std::move(server);
  return json_text(out);
}

}  // namespace oc
