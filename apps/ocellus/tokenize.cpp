// ocellus tokenize: text or a conversation to token ids. Needs the model's tokenizer and config,
// not its weights.
#include <fmt/format.h>

#include <boost/json/value_from.hpp>
#include <fstream>
#include <limits>
#include <memory>

#include "config_flags.h"
#include "io/json.h"
#include "io/json_text.h"
#include "models/registry.h"
#include "models/tokenizer_file.h"
#include "runtime/library/names.h"
#include "runtime/verify/verify.h"
#include "terminal.h"
#include "typed_input.h"
#include "verbs.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxInput = 256u << 20;

struct TokenizeFlags {
  ConfigFlags settings;
  std::optional<std::string> text;
  std::string messages, cases;  // files
  bool trusted = false;
};

// What is needed of a model.
struct Text {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<const Blueprint> blueprint;
};

Result<Text> load_text(const std::string& model) {
  OC_ASSIGN_OR_RETURN(const auto folder, resolve_model(model));
  Text text;
  OC_ASSIGN_OR_RETURN(text.tokenizer, load_tokenizer(folder));
  OC_ASSIGN_OR_RETURN(text.blueprint, open_blueprint(folder));
  return text;
}

Result<std::string> read_input(const std::string& file) {
  return file == "-" ? read_stdin(kMaxInput) : read_file_or_pipe(file, kMaxInput);
}

json::value ids_json(const Tokenizer& tokenizer, std::string_view text, bool trusted) {
  return json::value_from(tokenizer.encode_with_bos(text, trusted));
}

// The knobs of pictures that an object sets.
Result<ImageOptions> options_of(const JsonReader& object, const Blueprint& blueprint) {
  ImageOptions options;
  for (const ImageKnob& knob : blueprint.knobs()) {
    OC_ASSIGN_OR_RETURN(const JsonReader field, object.find(knob.name));
    if (field.is_null()) continue;
    OC_ASSIGN_OR_RETURN(const std::int64_t value,
                        field.integer(knob.min, std::numeric_limits<int>::max()));
    options.knobs.emplace(knob.name, static_cast<int>(value));
  }
  return options;
}

// [width, height]
Result<ImagePlan> plan(const Blueprint& blueprint, const JsonReader& size,
                       const ImageOptions& options) {
  OC_ASSIGN_OR_RETURN(const json::array* sides, size.array());
  if (sides->size() != 2) return size.wrong("[width, height]");
  OC_ASSIGN_OR_RETURN(const std::int64_t width, size.element(0).integer(1, 1 << 20));
  OC_ASSIGN_OR_RETURN(const std::int64_t height, size.element(1).integer(1, 1 << 20));
  return blueprint.plan_image(static_cast<int>(width), static_cast<int>(height), options);
}

Result<Role> role_of(const JsonReader& field) {
  OC_ASSIGN_OR_RETURN(const std::string_view name, field.string());
  if (const auto role = role_from_string(name)) return *role;
  return field.wrong("\"system\", \"user\" or \"assistant\"");
}

// Frames of a video, planned as the family says.
Result<Part> frames_of(const JsonReader& field, const Blueprint& blueprint,
                       std::vector<ImagePlan>& images) {
  OC_ASSIGN_OR_RETURN(const JsonReader sizes, field.at("sizes"));
  OC_ASSIGN_OR_RETURN(const json::array* list, sizes.array());
  FramesPart frames{.first = static_cast<int>(images.size()),
                    .count = static_cast<int>(list->size())};
  OC_ASSIGN_OR_RETURN(frames.fps, field.number_or("fps", frames.fps));
  const auto rules = blueprint.frames();
  const Message turn{Role::kUser, {frames}};
  OC_RETURN_IF_ERROR(check_frames(rules, "", std::span(&turn, 1)));
  for (std::size_t i = 0; i < list->size(); ++i) {
    OC_ASSIGN_OR_RETURN(ImagePlan frame,
                        plan(blueprint, sizes.element(i), {.knobs = rules->knobs}));
    images.push_back(std::move(frame));
  }
  return Part(frames);
}

// A part of a turn: {"type": "text", "text"}, {"type": "image", "size": [w, h]} with knobs, or
// {"type": "video_frames", "sizes": [[w, h], …], "fps"}.
Result<Part> part_of(const JsonReader& field, const Blueprint& blueprint,
                     std::vector<ImagePlan>& images) {
  OC_ASSIGN_OR_RETURN(const JsonReader type, field.at("type"));
  OC_ASSIGN_OR_RETURN(const std::string_view name, type.string());
  if (name == "text") {
    OC_ASSIGN_OR_RETURN(const JsonReader text, field.at("text"));
    OC_ASSIGN_OR_RETURN(const std::string_view content, text.string());
    return Part(TextPart{std::string(content)});
  }
  if (name == "video_frames") return frames_of(field, blueprint, images);
  if (name != "image") return type.wrong("\"text\", \"image\" or \"video_frames\"");
  OC_ASSIGN_OR_RETURN(const JsonReader size, field.at("size"));
  OC_ASSIGN_OR_RETURN(const ImageOptions options, options_of(field, blueprint));
  OC_ASSIGN_OR_RETURN(ImagePlan image, plan(blueprint, size, options));
  images.push_back(std::move(image));
  return Part(ImagePart{static_cast<int>(images.size()) - 1});
}

Result<std::vector<Message>> messages_of(const JsonReader& list, const Blueprint& blueprint,
                                         std::vector<ImagePlan>& images) {
  OC_ASSIGN_OR_RETURN(const json::array* elements, list.array());
  std::vector<Message> messages;
  for (std::size_t i = 0; i < elements->size(); ++i) {
    const JsonReader element = list.element(i);
    Message& message = messages.emplace_back();
    OC_ASSIGN_OR_RETURN(const JsonReader role, element.at("role"));
    OC_ASSIGN_OR_RETURN(message.role, role_of(role));
    OC_ASSIGN_OR_RETURN(const JsonReader content, element.at("content"));
    if (content.value().is_string()) {
      message.parts.emplace_back(TextPart{std::string(content.value().get_string())});
      continue;
    }
    OC_ASSIGN_OR_RETURN(const json::array* parts, content.array());
    for (std::size_t k = 0; k < parts->size(); ++k) {
      OC_ASSIGN_OR_RETURN(Part part, part_of(content.element(k), blueprint, images));
      message.parts.push_back(std::move(part));
    }
  }
  return messages;
}

Result<json::array> tokenize_messages(const Text& text, std::string_view document,
                                      std::string_view name, bool trusted) {
  OC_ASSIGN_OR_RETURN(const json::value value, parse_json(document, name));
  std::vector<ImagePlan> images;
  OC_ASSIGN_OR_RETURN(const std::vector<Message> messages,
                      messages_of(JsonReader(value, name, ""), *text.blueprint, images));
  OC_ASSIGN_OR_RETURN(
      const Prompt prompt,
      text.blueprint->build_prompt(*text.tokenizer, messages, images, {.trusted_text = trusted}));
  return golden_ids(prompt);
}

// --- Lines in the form of the goldens' text/cases.jsonl

Result<std::vector<TokenId>> ids_of(const JsonReader& list) {
  OC_ASSIGN_OR_RETURN(const json::array* elements, list.array());
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < elements->size(); ++i) {
    OC_ASSIGN_OR_RETURN(const std::int64_t id,
                        list.element(i).integer(0, std::numeric_limits<TokenId>::max()));
    ids.push_back(static_cast<TokenId>(id));
  }
  return ids;
}

Result<json::value> chat_case(const Text& text, const JsonReader& line) {
  OC_ASSIGN_OR_RETURN(const ImageOptions options, options_of(line, *text.blueprint));
  std::vector<ImagePlan> images;
  OC_ASSIGN_OR_RETURN(const JsonReader sizes, line.find("images"));
  if (!sizes.is_null()) {
    OC_ASSIGN_OR_RETURN(const json::array* elements, sizes.array());
    for (std::size_t i = 0; i < elements->size(); ++i) {
      OC_ASSIGN_OR_RETURN(ImagePlan image, plan(*text.blueprint, sizes.element(i), options));
      images.push_back(std::move(image));
    }
  }
  OC_ASSIGN_OR_RETURN(const JsonReader list, line.at("messages"));
  OC_ASSIGN_OR_RETURN(const auto messages, messages_of(list, *text.blueprint, images));
  OC_ASSIGN_OR_RETURN(
      const Prompt prompt,
      text.blueprint->build_prompt(*text.tokenizer, messages, images, {.trusted_text = true}));
  return json::value(golden_ids(prompt));
}

Result<json::value> tokenize_case(const Text& text, std::string_view document,
                                  std::string_view name) {
  OC_ASSIGN_OR_RETURN(const json::value value, parse_json(document, name));
  const JsonReader line(value, name, "");
  OC_ASSIGN_OR_RETURN(const JsonReader kind_field, line.at("kind"));
  OC_ASSIGN_OR_RETURN(const std::string_view kind, kind_field.string());
  if (kind == "plain") {
    OC_ASSIGN_OR_RETURN(const JsonReader field, line.at("text"));
    OC_ASSIGN_OR_RETURN(const std::string_view plain, field.string());
    return ids_json(*text.tokenizer, plain, true);
  }
  if (kind == "decode") {
    OC_ASSIGN_OR_RETURN(const JsonReader field, line.at("ids"));
    OC_ASSIGN_OR_RETURN(const std::vector<TokenId> ids, ids_of(field));
    return json::value{{"text", text.tokenizer->decode(ids, false)},
                       {"text_skip_special", text.tokenizer->decode(ids, true)}};
  }
  if (kind == "chat" || kind == "chat_error" || kind == "chat_edge") return chat_case(text, line);
  return kind_field.wrong("plain, decode, chat, chat_error or chat_edge");
}

void tokenize_cases(const Text& text, const std::string& document, const std::string& name) {
  std::string_view rest = document;
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');  // texts hold other line separators
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.empty()) continue;
    const auto out = tokenize_case(text, line, fmt::format("{}:{}", name, number));
    show_line(out.ok() ? json_text(*out) : json_text(json::object{{"error", out.error().message}}));
  }
}

void tokenize(const TokenizeFlags& flags) {
  quiet_logs();
  const int inputs = flags.text.has_value() + !flags.messages.empty() + !flags.cases.empty();
  if (inputs != 1)
    throw ExitError{2,
                    inputs == 0 ? "there is nothing to tokenize" : "more than one input was given",
                    "give TEXT, --messages FILE or --cases FILE"};
  const auto text = load_text(read_flags(flags.settings, takers::kLook).model.path);
  if (!text.ok()) fail(text.error());
  if (flags.text && *flags.text != "-") {
    show_line(json_text(ids_json(*text->tokenizer, *flags.text, flags.trusted)));
    return;
  }
  const std::string file = flags.text            ? *flags.text
                           : flags.cases.empty() ? flags.messages
                                                 : flags.cases;
  const std::string name = file == "-" ? "standard input" : file;
  const auto input = read_input(file);
  if (!input.ok()) fail(input.error());
  if (flags.text) {
    show_line(json_text(ids_json(*text->tokenizer, *input, flags.trusted)));
  } else if (!flags.cases.empty()) {
    tokenize_cases(*text, *input, name);
  } else {
    const auto ids = tokenize_messages(*text, *input, name, flags.trusted);
    if (!ids.ok()) fail(ids.error());
    show_line(json_text(*ids));
  }
}

}  // namespace

void add_tokenize(CLI::App& app) {
  auto flags = std::make_shared<TokenizeFlags>();
  CLI::App& verb = *app.add_subcommand("tokenize", "Turn text or a conversation into token ids");
  verb.add_option("text", flags->text, "Text; - is standard input")->option_text("[TEXT]");
  add_setting_flags(verb, flags->settings, takers::kLook);
  verb.add_option("--messages", flags->messages,
                  "A JSON list of {role, content}; content is text or a list of {type: text, text} "
                  "and {type: image, size: [w, h]}, or {type: video_frames, sizes: [[w, h], ...], "
                  "fps}; pictures come out as [-number, count]")
      ->option_text("FILE|-");
  verb.add_option("--cases", flags->cases,
                  "Lines in the form of golden text cases; one line of ids (or texts) for each")
      ->option_text("FILE|-");
  verb.add_flag("--trusted", flags->trusted,
                "Control tokens and image tags in the text are live (never for what users type)");
  verb.footer(
      "BOS is included, where there is one. What users type never becomes a control token.");
  add_examples(verb, {"ocellus tokenize \"What is it?\""});
  verb.callback([flags] { tokenize(*flags); });
}

}  // namespace oc
