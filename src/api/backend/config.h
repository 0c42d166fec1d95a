// The original backend's configuration, and what PATCH /api/v1/config may change of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace oc {

class CountedMemory;

struct BackendConfig {
  // Where the model server is.
  std::string host = "127.0.0.1";
  std::int64_t port = 8080;
  // "frontend": what the original's pages read.
  std::int64_t video_width = 640, video_height = 480;
  std::string api_base_url = "http://localhost:8000";
  // "ui" of the model's configuration.
  std::string default_instruction =
      "Describe what you see in this picture: the objects, the people and what they do, and where "
      "it is.";
  std::vector<std::int64_t> capture_intervals = {1000, 2000, 5000, 10000, 15000};  // ms
  std::int64_t capture_interval = 5000;                                            // ms
};

// The changes of one PATCH; absent: left as it is.
struct BackendPatch {
  std::optional<std::string> active_model;
  std::optional<std::int64_t> video_width, video_height;
  std::optional<std::string> api_base_url;
  std::optional<std::string> host;
  std::optional<std::int64_t> port;
  std::string note;                  // about the model, where it has another name
  std::vector<std::string> ignored;  // fields of GET /api/v1/config that cannot be set
};
// Errors: kInvalidArgument with the field's path. Fields that the original drops are named in
// `ignored`: its clients send back all that they were given. What reading takes is counted by
// `memory` (may be null).
Result<BackendPatch> parse_backend_patch(std::string_view body, CountedMemory* memory = nullptr);

// What the patch says about the model server differs from what it is now: only a new start can
// follow.
bool changes_server(const BackendPatch& patch, const BackendConfig& config);
void apply_patch(const BackendPatch& patch, BackendConfig& config);
// The patch as the changes to a configuration file: {"active_model", "server", "frontend"}.
std::string changes_json(const BackendPatch& patch);

}  // namespace oc
