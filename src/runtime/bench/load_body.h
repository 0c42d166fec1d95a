// What the load generator sends: chat requests with pictures of files or made ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace oc {

struct ServerLoadOptions;
class LoadClient;

struct ChatBody {
  std::string model, question;
  std::string picture;      // a data URI; empty: none
  int max_tokens = 64;      // 0: none is set
  std::string detail = {};  // of the picture: "low", "high"; empty: the server's own
  bool logprobs = false;
  int n = 1;  // answers; several are drawn, each another
};

// A streamed chat request, as JSON; one answer is deterministic.
std::string chat_body(const ChatBody& chat);

// Rectangles of random colours as a data URI: what is in it does not matter, that it is new does.
std::string made_picture(int side, std::uint64_t seed);

// A file's picture as a data URI. kNotFound, kInvalidImage.
Result<std::string> picture_of(const std::string& path);

// The model to ask for: the options', else the first that the server has. kUnavailable.
Result<std::string> served_model(const ServerLoadOptions& options, LoadClient& client);

// The server's resident memory, where it tells it: ours do.
std::optional<std::size_t> server_resident_bytes(LoadClient& client);

}  // namespace oc
