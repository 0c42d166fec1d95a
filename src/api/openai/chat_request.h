// POST /v1/chat/completions, the request: JSON → GenerateRequest. A parameter that would change the
// answer is kept to, or is an error that names it; one that cannot is accepted and told of in the
// answer's warning. null counts as absent. Of a key that occurs twice the last value counts.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/request.h"

namespace oc {

class Reservation;

struct ChatLimits {
  std::size_t max_images = 16;
  std::size_t max_image_bytes = 20u << 20;  // one picture, decoded from base64
  std::size_t max_messages = 2048;
  std::size_t max_parts = 4096;  // over all messages
  std::size_t max_stops = 16;
  std::size_t max_stop_bytes = 512;
  std::size_t max_choices = 64;  // to be scored
  std::size_t max_choice_bytes = 4096;
  std::size_t max_values = 200'000;   // of JSON, in the whole body
  std::size_t max_name_bytes = 4096;  // of the model's name
  std::int64_t context_length = 0;    // of the model; 0: unknown
  // How the model of this name draws for a request that says nothing else; empty: SamplingParams().
  std::function<SamplingParams(const std::string& model)> sampling = {};
  int json_depth = 32;
};

// A picture as it came: still JPEG, PNG or WebP.
struct EncodedImage {
  std::vector<std::byte> bytes;
  std::optional<int> num_crops;
  std::string param;  // where it stood, for errors
};

struct ChatRequest {
  std::string model;         // as the client wrote it; empty when absent
  GenerateRequest generate;  // without id, deadline, and images (request_pictures.h)
  std::vector<EncodedImage> images;
  bool stream = false;
  bool include_usage = false;
  std::string unused_tools;                 // "tools", "functions" that were offered; else empty
  std::vector<std::string> without_effect;  // fields that are accepted and change nothing
};

// Errors: kInvalidArgument, kUnsupported, kTooLarge, each with the path of the field in param.
Result<ChatRequest> parse_chat_request(std::string_view body, const ChatLimits& limits);
// What the client is told about fields that have no effect; empty: nothing.
std::string warning_of(const ChatRequest& request);
// The same for who counts memory: `memory` holds what the body takes, and afterwards what the
// request takes. The body is freed as soon as it is read. Meanwhile it is all at most twice the
// body, and what max_values take. Errors: kMemoryFull, too.
Result<ChatRequest> parse_chat_request(std::string&& body, const ChatLimits& limits,
                                       Reservation& memory);

// What the request holds of its body: texts, and pictures as they came.
std::size_t held_bytes(const ChatRequest& request);

}  // namespace oc
