// ocellus caption IMAGE, detect IMAGE "object", point IMAGE "object": one thing about one picture,
// in the model's own prompt, for models that have it.
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "answer_config.h"
#include "api/config/schema.h"
#include "api/objects_json.h"
#include "drawing.h"
#include "inline_picture.h"
#include "io/json_text.h"
#include "terminal.h"
#include "typed_input.h"
#include "whole_number.h"

namespace oc {
namespace {

struct TaskFlags : AnswerFlags {
  std::string picture;
  std::string object, length = "normal";
  int max_objects = kMaxObjects;
  std::string draw;  // a file; empty: none is written
  std::string show_inline = "auto";
  bool json = false;
};

constexpr std::string_view kTextGroup = "Answer";  // of flags that say how text is drawn
constexpr std::string_view kOutputGroup = "Output";

// What the verbs have in common. `text`: the answer is text.
void add_task_flags(CLI::App& verb, TaskFlags& flags, bool text) {
  verb.add_option("image", flags.picture, "A picture: a file, a data: URI, or - for standard input")
      ->required()
      ->option_text("IMAGE");
  if (!text)
    verb.add_option("object", flags.object, "What is to be found")
        ->required()
        ->option_text("\"object\"");
  for (const Key& key : schema())
    if (text || key.group != kTextGroup)
      add_setting_flags(verb, flags.config, takers::kAnswer, key.group);
  verb.add_option("--max-tokens", flags.max_tokens,
                  fmt::format("Most {} (default: the configuration's, else what the context holds)",
                              text ? "tokens of an answer"
                                   : "positions of the search, two a point, three a box"))
      ->group(std::string(kTextGroup));
  add_config_flag(verb, flags.config.config);
  verb.add_flag("--stats", flags.stats, "Print token counts and timings on stderr")
      ->group(std::string(kOutputGroup));
  verb.add_flag("--json", flags.json, "Print everything about the answer as one JSON object")
      ->group(std::string(kOutputGroup));
}

void add_object_flags(CLI::App& verb, TaskFlags& flags) {
  add_task_flags(verb, flags, false);
  verb.add_option("--max-objects", flags.max_objects, "So many at most")
      ->check(CLI::Range(1, kMostObjects))
      ->capture_default_str()
      ->group(std::string(kTextGroup));
  verb.add_option(
          "--draw", flags.draw,
          "Write the picture with what was found in it, as PNG or JPEG by the name's ending")
      ->option_text("FILE")
      ->group(std::string(kOutputGroup));
  add_inline_flag(verb, flags.show_inline);
}

// In pixels of the upright picture: "x_min y_min x_max y_max", or "x y" of a point.
std::string in_pixels(const FoundObject& object, const Image& image) {
  const auto pixel = [](double share, int side) { return std::lround(share * side); };
  if (!object.width || !object.height)
    return fmt::format("{} {}", pixel(object.x, image.width), pixel(object.y, image.height));
  return fmt::format("{} {} {} {}", pixel(object.x_min(), image.width),
                     pixel(object.y_min(), image.height), pixel(object.x_max(), image.width),
                     pixel(object.y_max(), image.height));
}

// Whether that is all that there is.
void tell_end(const GenerateResult& result) {
  switch (result.stop_cause) {
    case StopCause::kMaxObjects:
      return tell_line(fmt::format("the search was cut by --max-objects {}; there may be more",
                                   result.objects.size()));
    case StopCause::kMaxTokens:
      return tell_line("the search was cut by --max-tokens; there may be more");
    case StopCause::kContextFull:
      return tell_line("the search was cut where the context is full; there may be more");
    case StopCause::kStopToken:
    case StopCause::kStopString:
      if (result.objects.empty()) tell_line("nothing was found");
  }
}

void do_task(TaskFlags flags, const Task& task) {
  quiet_logs();
  apply_config(flags);
  check_answer_flags(flags);
  if (finds_objects(task) && is_blank(flags.object))
    throw ExitError{2, "what is to be found is empty",
                    fmt::format("ocellus {} IMAGE \"dog\"", name_of(task))};
  if (!flags.draw.empty()) check_drawing(flags.draw, flags.picture);
  auto pictures = read_images({flags.picture}, flags.defaults.pictures);
  if (!pictures.ok()) fail(pictures.error());
  const auto model = load_answering(flags);

  GenerateRequest request = make_request(flags);
  request.task = task;
  request.images.push_back(request_image(flags, pictures->front()));
  finish_request(flags, *model->model, request);
  const bool text = !finds_objects(task);
  const GenerateResult result = answer_request(*model, request, text && !flags.json, flags);

  const Image& picture = *pictures->front().image;
  if (flags.json) {
    boost::json::object all = to_json(result, *model, *pictures);
    if (!text) all["objects"] = objects_json(result.objects);
    show_line(json_text(all));
  } else {
    for (const FoundObject& object : result.objects) show_line(in_pixels(object, picture));
    if (!text) tell_end(result);
  }
  print_summary(result, flags, !text);
  if (text) return;
  const bool in_terminal = shows_inline(flags.show_inline, !flags.draw.empty() && !flags.json);
  if (flags.draw.empty() && !in_terminal) return;
  Image found = drawn(picture, result.objects);
  if (!flags.draw.empty()) write_drawing(flags.draw, found);
  if (in_terminal) show_inline(std::move(found));
}

}  // namespace

void add_caption(CLI::App& app) {
  auto flags = std::make_shared<TaskFlags>();
  CLI::App& verb = *app.add_subcommand("caption", "Describe a picture in the model's own way");
  add_task_flags(verb, *flags, true);
  add_examples(verb, {"ocellus caption photo.jpg --length short --model moondream2"});
  verb.add_option("--seed", flags->seed, "Makes a drawn answer repeatable (default: random)")
      ->check(whole_number())
      ->group(std::string(kTextGroup));
  verb.add_option("--length", flags->length, "How long it is")
      ->check(CLI::IsMember({"short", "normal", "long"}))
      ->capture_default_str()
      ->group(std::string(kTextGroup));
  verb.callback([flags] {
    do_task(
        *flags,
        CaptionTask{caption_length_from_string(flags->length).value_or(CaptionLength::kNormal)});
  });
}

void add_detect(CLI::App& app) {
  auto flags = std::make_shared<TaskFlags>();
  CLI::App& verb = *app.add_subcommand(
      "detect", "Find objects in a picture: a box for each, in pixels, left top right bottom");
  add_object_flags(verb, *flags);
  add_examples(verb, {"ocellus detect photo.jpg \"dog\" --draw found.png --model moondream2"});
  verb.callback([flags] { do_task(*flags, DetectTask{flags->object, flags->max_objects}); });
}

void add_point(CLI::App& app) {
  auto flags = std::make_shared<TaskFlags>();
  CLI::App& verb =
      *app.add_subcommand("point", "Find objects in a picture: the middle of each, in pixels, x y");
  add_object_flags(verb, *flags);
  add_examples(verb, {"ocellus point photo.jpg \"eye\" --draw found.png --model moondream2"});
  verb.callback([flags] { do_task(*flags, PointTask{flags->object, flags->max_objects}); });
}

}  // namespace oc
