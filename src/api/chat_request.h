// A question as any dialect leaves it when it has been read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/field_names.h"
#include "api/request_defaults.h"
#include "base/result.h"
#include "runtime/request.h"
#include "runtime/sources/picture_sources.h"

namespace oc {

struct KeptTurn;
struct ServedModel;

// What a dialect's parser holds requests to.
struct ChatLimits {
  std::size_t max_images = 16;                            // frames of videos left out
  std::size_t max_frames = 64;                            // of all videos
  std::size_t max_image_bytes = ImageLimits{}.max_bytes;  // one picture, decoded from base64
  std::size_t max_parts = 4096;                           // over all messages
  std::size_t max_values = 200'000;                       // of JSON, in the whole body
  std::int64_t context_length = 0;                        // the longest of all models; 0: unknown
  int json_depth = 32;
  // The client's earlier turn of this id, null where it is not kept; empty: none are kept here.
  std::function<std::shared_ptr<KeptTurn>(std::string_view id)> earlier = {};
  std::size_t max_kept_bytes = std::numeric_limits<std::size_t>::max();  // of a whole conversation
  // Where pictures are got from that do not come with the request; null: nowhere. Outlives it.
  const PictureSources* sources = nullptr;
};

// A picture as it came: still JPEG, PNG or WebP.
struct EncodedImage {
  std::vector<std::byte> bytes;
  ImageOptions options;
  std::string param;                         // where it stood, for errors
  std::optional<PictureSource> source = {};  // where `bytes` are still to be got from
};

// The answer is a call of one of these tools (forced_call.h makes it so, call_reader.h reads it).
struct ForcedCall {
  std::vector<std::string> tools;
  bool older = false;  // asked for as OpenAI's function_call
};

// What is done with a model that is asked nothing.
enum class ModelStep { kLoad, kUnload };

// Of a dialect whose answers repeat their request, and may be kept (answer_store.h).
struct TurnRecord {
  std::string echo;                    // what the answer repeats: fields of JSON, without braces
  bool keep = false;                   // it is to be kept
  std::string input;                   // JSON: what is asked, where it is to be kept
  std::shared_ptr<KeptTurn> previous;  // what it goes on from; null: nothing
};

struct ChatRequest {
  FieldNames names;          // of its fields, for what is told of it from here on
  std::string model;         // as the client wrote it, then the name that it means; empty: absent
  std::string asked_model;   // as it wrote it, of a dialect whose answers say it so
  GenerateRequest generate;  // without id, deadline, sampling (complete_request), images
  RequestedSampling sampling;
  std::vector<EncodedImage> images;  // request_images.h
  bool stream = false;
  bool include_usage = false;     // a stream tells the counts of tokens
  bool include_progress = false;  // a stream tells how far its answer is
  bool echo = false;              // each answer repeats its prompt in front of it
  std::string unused_tools;       // "tools", "functions" that were offered; else empty
  std::optional<ForcedCall> forced_call;
  std::shared_ptr<const TurnRecord> turn;   // null: its dialect has none
  std::vector<std::string> without_effect;  // fields that are accepted and change nothing
  std::vector<std::string> not_enforced;    // EnforceableSchema's
  std::optional<ModelStep> instead;         // nothing is asked: what is wanted of the model
  std::string model_note;                   // about the model that it names
  std::vector<std::string> image_notes;     // what is to be known of pictures that were decoded
};

// What is told of a schema that is not enforced in full: EnforceableSchema's paths.
std::string not_enforced_note(const std::vector<std::string>& paths);

// Prompts of one request.
inline constexpr std::size_t kMaxPrompts = 64;

// What the client is told about fields that have no effect; empty: nothing.
std::string warning_of(const ChatRequest& request);

// The same, and what its answer says of itself behind it.
std::string warning_with(std::string_view of_request, const Answer& answer);
// The same of all answers, where they stand in one document.
std::string warning_with_all(std::string_view of_request, const GenerateResult& result);

// What the request holds of its body: texts, and pictures as they came.
std::size_t held_bytes(const ChatRequest& request);

// Fills in what the request leaves to the model that answers, and holds it to that model's bounds:
// kInvalidArgument; kUnsupported for a task that it has not.
Result<void> complete_request(ChatRequest& request, const ServedModel& model);

}  // namespace oc
