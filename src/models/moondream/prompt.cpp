#include "models/moondream/prompt.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "models/blocks/prompt_writer.h"

namespace oc {
namespace {

// What a prompt is about.
struct AskedTask {
  Task task;
  std::size_t image = 0;
  std::string warning = {};
};

std::string_view stripped(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// The model's own words for it, or no words at all.
std::optional<CaptionLength> caption_asked_for(std::string_view text) {
  const std::string_view words = stripped(text);
  if (words.empty() || words == "Caption:") return CaptionLength::kNormal;
  if (words == "Short caption:") return CaptionLength::kShort;
  if (words == "Long caption:") return CaptionLength::kLong;
  return std::nullopt;
}

std::string text_of(const Message& message) {
  std::string text;
  for (const Part& part : message.parts)
    if (const auto* words = std::get_if<TextPart>(&part)) text += words->text;
  return text;
}

std::string left_out(std::size_t turns, bool system, std::size_t pictures) {
  std::vector<std::string> parts;
  if (turns > 0) parts.push_back(fmt::format("{} earlier turn{}", turns, turns == 1 ? "" : "s"));
  if (system) parts.emplace_back("the system text");
  if (pictures > 0)
    parts.push_back(fmt::format("{} older picture{}", pictures, pictures == 1 ? "" : "s"));
  if (parts.empty()) return {};
  return fmt::format("this model answers one question about one picture: {} left out",
                     fmt::join(parts, ", "));
}

// The newest picture of all turns. Errors: none, two in one turn, one in a turn of others.
Result<std::size_t> newest_image(std::span<const Message> messages, std::size_t count) {
  std::optional<std::size_t> newest;
  ShownImages shown(count);
  for (const Message& message : messages) {
    std::size_t here = 0;
    for (const Part& part : message.parts)
      if (const auto* image = std::get_if<ImagePart>(&part)) {
        OC_ASSIGN_OR_RETURN(newest, shown.show(*image, message.role));
        ++here;
      }
    if (here > 1)
      return wrong_messages(fmt::format("a message has {} pictures, this model sees one", here),
                            "ask about one picture after the other");
  }
  OC_RETURN_IF_ERROR(shown.check_all());
  if (!newest)
    return wrong_messages("there is no picture, and this model answers nothing without one",
                          "show it a picture");
  return *newest;
}

Result<AskedTask> read_messages(std::span<const Message> messages,
                                std::span<const ImagePlan> images) {
  if (messages.empty() || messages.back().role != Role::kUser)
    return wrong_messages("the last message is not a user's",
                          "this model answers a user's question about a picture");
  OC_ASSIGN_OR_RETURN(const std::size_t image, newest_image(messages, images.size()));
  const std::string text = text_of(messages.back());
  std::size_t turns = 0;
  bool system = false;
  for (const Message& message : messages.first(messages.size() - 1)) {
    const bool has_text = !text_of(message).empty();
    system |= message.role == Role::kSystem && has_text;
    turns += message.role != Role::kSystem && has_text ? 1 : 0;
  }
  AskedTask request{QueryTask{text}, image, left_out(turns, system, images.size() - 1)};
  if (const auto length = caption_asked_for(text)) request.task = CaptionTask{*length};
  return request;
}

// Golden data: one turn, "<|image_1|>" and a question.
Result<AskedTask> read_trusted(std::span<const Message> messages,
                               std::span<const ImagePlan> images) {
  if (messages.empty()) return wrong_messages("there is no message");
  const std::string text = text_of(messages.back());
  const std::vector<ImageTag> tags = find_image_tags(text);
  OC_RETURN_IF_ERROR(check_image_tags(tags, images.size()));
  if (tags.size() != 1 || tags[0].begin != 0)
    return wrong_messages("trusted text shows one picture, in front");
  return AskedTask{QueryTask{text.substr(tags[0].end)}, 0};
}

// `space`: the revision puts one in front of what is typed.
void write_task(PromptWriter& writer, const MoondreamTemplate& around, std::string_view typed,
                bool space, bool trusted) {
  const std::string text = std::string(space ? " " : "") + std::string(typed);
  for (const TokenId id : around.prefix) writer.token(id);
  trusted ? writer.trusted(text) : writer.text(text);
  for (const TokenId id : around.suffix) writer.token(id);
}

}  // namespace

Result<Prompt> build_moondream_prompt(const Tokenizer& tokenizer, const MoondreamConfig& config,
                                      std::span<const Message> messages,
                                      std::span<const ImagePlan> images,
                                      const PromptOptions& options) {
  const MoondreamRevision* const revision =
      options.revision.empty() ? config.revision.revision : moondream_revision(options.revision);
  if (revision == nullptr)
    return Error{ErrorCode::kUnsupported,
                 fmt::format("Moondream2 has no revision \"{}\"", options.revision), ""};
  AskedTask request;
  if (options.task != nullptr) {
    OC_CHECK(images.size() == 1, "a task about {} pictures", images.size());
    request.task = *options.task;
  } else {
    OC_ASSIGN_OR_RETURN(request, options.trusted_text ? read_trusted(messages, images)
                                                      : read_messages(messages, images));
  }
  OC_RETURN_IF_ERROR(check_task(moondream_tasks(config, true), request.task));

  const MoondreamPrompts& prompts = config.prompts;
  PromptWriter writer(tokenizer, images,
                      options.trusted_text ? PromptOptions().room : options.room);
  writer.token(prompts.bos);
  writer.image_rows(request.image, 0, images[request.image].tokens);
  if (const auto* caption = std::get_if<CaptionTask>(&request.task)) {
    for (const TokenId id : prompts.captions.at(caption->length)) writer.token(id);
  } else {
    const std::string_view typed = text_of(request.task);
    if (std::holds_alternative<QueryTask>(request.task))
      write_task(writer, prompts.query, typed, revision->space_before_question,
                 options.trusted_text);
    else
      write_task(writer,
                 std::holds_alternative<DetectTask>(request.task) ? prompts.detect : prompts.point,
                 typed, revision->space_before_object, options.trusted_text);
  }
  Prompt prompt;
  prompt.images.assign(images.begin(), images.end());
  writer.take(prompt);
  if (prompt.too_many == 0) prompt.blocks = {{0, config.prefix}};
  prompt.warning = std::move(request.warning);
  return prompt;
}

TaskSupport moondream_tasks(const MoondreamConfig& config, bool has_region) {
  TaskSupport support{.query = true, .detect = has_region, .point = has_region};
  for (const auto& [length, ids] : config.prompts.captions) support.captions.push_back(length);
  if (!has_region)
    support.without_objects =
        "its checkpoint has no region head (mlx-vlm's conversions leave it out)";
  return support;
}

}  // namespace oc
