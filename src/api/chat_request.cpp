#include "api/chat_request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/served_model.h"
#include "models/video_frames.h"

namespace oc {
namespace {

Result<void> check_length(const GenerateRequest& request, const ServedModel& model) {
  if (!request.max_tokens || model.context_length == 0 ||
      *request.max_tokens <= model.context_length)
    return {};
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("\"max_tokens\" must be an integer from 1 to {} for this model",
                           model.context_length),
               "", "max_tokens"};
}

}  // namespace

std::string warning_of(const ChatRequest& request) {
  std::string out;
  if (!request.unused_tools.empty())
    out = fmt::format("{} are not called: the model answers in text", request.unused_tools);
  if (!request.without_effect.empty())
    out += fmt::format("{}without effect here: {}", out.empty() ? "" : "; ",
                       fmt::join(request.without_effect, ", "));
  if (!request.model_note.empty()) out += (out.empty() ? "" : "; ") + request.model_note;
  for (const std::string& note : request.image_notes) out += (out.empty() ? "" : "; ") + note;
  return out;
}

std::string warning_with(std::string_view of_request, const Answer& answer) {
  std::string out(of_request);
  if (answer.warning) out += (out.empty() ? "" : "; ") + *answer.warning;
  return out;
}

std::size_t held_bytes(const ChatRequest& request) {
  std::size_t total = 0;
  for (const Message& message : request.generate.messages)
    for (const Part& part : message.parts) {
      total += sizeof part;
      if (const auto* text = std::get_if<TextPart>(&part)) total += text->text.capacity();
    }
  if (request.generate.task) total += text_of(*request.generate.task).size();
  for (const EncodedImage& image : request.images) total += image.bytes.capacity();
  return total;
}

Result<void> complete_request(ChatRequest& request, const ServedModel& model) {
  if (request.generate.task) OC_RETURN_IF_ERROR(check_task(model.tasks, *request.generate.task));
  request.generate.sampling = sampling_of(request.sampling, model.defaults.sampling);
  apply_defaults(model.defaults, model.knobs, request.generate);
  OC_RETURN_IF_ERROR(check_frames(model.frames, model.architecture, request.generate.messages));
  return check_length(request.generate, model);
}

}  // namespace oc
