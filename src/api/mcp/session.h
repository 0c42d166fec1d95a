// The Model Context Protocol's side of a server (modelcontextprotocol.io, revisions 2024-11-05 to
// 2025-11-25): lines of JSON-RPC 2.0 in, lines out. Its tools ask about pictures. Whoever has the
// pipes reads the lines, and has threads for the calls.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "api/mcp/tools.h"

namespace oc {

struct McpCall {
  std::string id;  // as JSON: 7, "a"
  ToolCall tool;
};

struct McpTaken {
  std::string reply = {};            // to be sent now; empty: nothing
  std::optional<McpCall> call = {};  // to be run; run() has its reply
};

class McpSession {
 public:
  // `version`: the program's. `tools` outlives it.
  McpSession(PictureTools& tools, std::string version)
      : tools_(tools), version_(std::move(version)) {}

  // A line that came, whatever is in it.
  McpTaken take(std::string_view line);
  // Blocks; any thread. Empty: it was cancelled, and nobody waits for a reply.
  std::string run(const McpCall& call);
  // To a call that is not run, as too many wait.
  std::string busy(const McpCall& call);
  // To a line that was too long to be kept.
  static std::string too_long(std::size_t max_bytes);

 private:
  bool take_back(const std::string& id);  // whether it was cancelled

  PictureTools& tools_;
  const std::string version_;
  std::mutex mutex_;
  std::set<std::string> under_way_, cancelled_;  // ids
};

}  // namespace oc
