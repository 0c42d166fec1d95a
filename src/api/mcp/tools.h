// What programs without eyes may ask of a picture: ask_about_picture, describe, read_text, detect,
// point. Pictures are named as chat requests name them.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "api/offline/answerer.h"
#include "api/offline/picture_question.h"

namespace oc {

struct ToolCall {
  std::string name;
  std::string arguments;  // a JSON object
};

struct PictureToolsOptions {
  QuestionSettings question;  // of all questions that are answered with text
  bool detect = false, point = false;
  // A picture as a tool's argument has it (a path, an address, base64), as `image_url` takes it.
  // Errors say what a picture may be.
  std::function<Result<std::string>(const std::string& picture)> picture;
};

// Any thread. `answerer` outlives it.
class PictureTools {
 public:
  PictureTools(Answerer& answerer, PictureToolsOptions options)
      : answerer_(answerer), options_(std::move(options)) {}

  // As `tools/list` tells them: a JSON array.
  std::string list() const;
  bool has(std::string_view name) const;
  // The result of `tools/call`, as JSON. What goes wrong is one too: the model is to read it.
  std::string call(const ToolCall& call);

 private:
  Answerer& answerer_;
  const PictureToolsOptions options_;
};

}  // namespace oc
