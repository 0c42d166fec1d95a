// The input is the body of POST /v1/chat/completions, whose pictures are decoded too, and of
// /v1/query, /v1/caption, /v1/detect and /v1/point.
#include <boost/json/parse.hpp>
#include <string_view>
#include <variant>

#include "api/errors.h"
#include "api/moondream/task_request.h"
#include "api/openai/chat_fields.h"
#include "api/openai/chat_request.h"
#include "api/openai/dialect.h"
#include "api/request_images.h"
#include "base/utf8.h"
#include "models/registry.h"
#include "tests/fuzz/require.h"

namespace {

using oc::ChatRequest;
using oc::ErrorCode;

const oc::ChatLimits kLimits{.max_images = 4,
                             .max_frames = 6,
                             .max_image_bytes = 1u << 16,
                             .max_parts = 16,
                             .context_length = 4096};
const oc::ImageSettings kImages{.limits = {.max_bytes = 1u << 16, .max_pixels = 1 << 16}};

bool is_utf8(std::string_view text) {
  oc::Utf8Checker checker;
  for (const char c : text)
    if (!checker.feed(static_cast<std::uint8_t>(c))) return false;
  return checker.complete();
}

bool is_knob(std::string_view name, int value) {
  for (const oc::ImageKnob& knob : oc::image_knobs())
    if (knob.name == name) return value >= knob.min && value <= knob.max;
  return false;
}

// What a client is told: its fault, in printable words, as JSON that can be read again.
void check_failure(const oc::Error& error, oc::Stage stage) {
  require(error.code != ErrorCode::kInternal);
  const oc::ApiError answer = oc::to_api_error(error, stage);
  require(answer.status >= 400 && answer.status < 500);
  require(!answer.message.empty() && answer.message.size() < 1000 && is_utf8(answer.message));
  for (const char c : answer.message + answer.param)
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  const auto body = boost::json::parse(oc::openai_dialect().error_body(answer));
  require(std::string_view(body.at("error").at("message").as_string()) == answer.message);
}

void check_messages(const ChatRequest& request) {
  const auto& messages = request.generate.messages;
  require(!messages.empty() && messages.size() <= oc::chat_field("messages").max_size());
  require(messages.back().role != oc::Role::kAssistant);
  std::size_t parts = 0;
  int images = 0;
  std::size_t videos = 0;  // frames of them
  for (const oc::Message& message : messages)
    for (const oc::Part& part : message.parts) {
      ++parts;
      if (const auto* image = std::get_if<oc::ImagePart>(&part)) {
        require(message.role == oc::Role::kUser && image->index == images++);
      } else if (const auto* frames = std::get_if<oc::FramesPart>(&part)) {
        require(message.role == oc::Role::kUser && frames->first == images && frames->count > 0);
        require(frames->fps >= oc::kMinFps && frames->fps <= oc::kMaxFps);
        images += frames->count;
        videos += static_cast<std::size_t>(frames->count);
      } else {
        require(is_utf8(std::get<oc::TextPart>(part).text));
      }
    }
  require(parts <= kLimits.max_parts);
  require(static_cast<std::size_t>(images) == request.images.size());
  require(request.images.size() - videos <= kLimits.max_images && videos <= kLimits.max_frames);
  for (const oc::EncodedImage& image : request.images) {
    require(!image.bytes.empty() && image.bytes.size() <= kLimits.max_image_bytes);
    for (const auto& knobs : {image.options.knobs, request.generate.image_knobs})
      for (const auto& [name, value] : knobs) require(is_knob(name, value));
  }
}

void check_parameters(const ChatRequest& request) {
  const oc::GenerateRequest& generate = request.generate;
  require(oc::check_request(generate).ok());  // the runtime has nothing left to complain about
  require(!generate.max_tokens || *generate.max_tokens >= 0);
  require(generate.stop.size() <= oc::chat_field("stop").max_size());
  for (const std::string& stop : generate.stop)
    require(!stop.empty() && stop.size() <= oc::chat_field("stop[]").max_size());
  require(request.stream || !request.include_usage);
}

void check_images(ChatRequest& request) {
  const auto announced = oc::images_memory(request, kImages);
  const std::size_t wanted = request.images.size();
  while (true) {
    const auto decoded = oc::decode_next_image(request, kImages);
    if (!decoded.ok()) {
      check_failure(decoded.error(), oc::Stage::kImage);
      require(decoded.error().param.starts_with("messages["));
      return;
    }
    if (!*decoded) break;
  }
  require(announced.ok() && request.generate.images.size() == wanted);
  std::size_t bytes = 0;
  for (const oc::RequestImage& image : request.generate.images) bytes += image.image->rgb.size();
  require(bytes == announced->kept && bytes <= announced->peak);
}

void check_task(oc::MoondreamRoute route, std::string_view body) {
  const auto request = oc::parse_task_request(route, body, kLimits);
  if (!request.ok()) return check_failure(request.error(), oc::Stage::kRequest);
  require(request->images.size() == 1 && request->generate.messages.empty());
  const oc::Task& task = request->generate.task.value();
  require(oc::name_of(task) == name_of(route) && is_utf8(oc::text_of(task)));
  require(route == oc::MoondreamRoute::kCaption || !oc::text_of(task).empty());
  require(!request->stream || !oc::finds_objects(task));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using enum oc::MoondreamRoute;
  for (const oc::MoondreamRoute route : {kQuery, kCaption, kDetect, kPoint})
    check_task(route, as_text(data, size));
  auto request = oc::parse_chat_request(as_text(data, size), kLimits);
  if (!request.ok()) {
    check_failure(request.error(), oc::Stage::kRequest);
    return 0;
  }
  check_messages(*request);
  check_parameters(*request);
  check_images(*request);
  return 0;
}
