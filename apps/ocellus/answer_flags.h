// What `ask` and `chat` have in common: the flags of an answer, and how one is reported.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config_flags.h"
#include "images.h"
#include "runtime/library/loader.h"
#include "runtime/request.h"
#include "verbs.h"

namespace oc {

struct AnswerFlags {
  ConfigFlags config;  // --config, and the settings that have flags here
  // What a request says, and no setting does.
  std::optional<int> max_tokens;
  std::optional<std::uint64_t> seed;
  int draft_tokens = 0;
  ImageOptions image;
  std::string system;
  std::vector<std::string> stop;
  bool keep_order = false;
  bool stats = false;
  bool quiet = false;  // nothing on standard error but errors
  // From the configuration with its flags (apply_config() in answer_config.h).
  std::string model;
  EngineOptions engine;
  LoadOptions loading;
  RequestDefaults defaults;
  std::optional<FallbackSettings> fallback;
};

void add_answer_flags(CLI::App& verb, AnswerFlags& flags);

// Wrong values end the program with status 2.
void check_answer_flags(const AnswerFlags& flags);

// A request with the flags' parameters and the system turn, if any.
GenerateRequest make_request(const AnswerFlags& flags);
RequestImage request_image(const AnswerFlags& flags, const NamedImage& picture);

// Answers the request; `show`: the text is printed while it grows. What it waits for is told on a
// line of standard error that is gone when the answer comes, but for --quiet. Ends the program
// where there is no answer, or where Ctrl-C came first.
GenerateResult answer_request(const LoadedModel& model, GenerateRequest request, bool show,
                              const AnswerFlags& flags);

// Everything that is known about an answer.
boost::json::object to_json(const GenerateResult& result, const LoadedModel& model,
                            const std::vector<NamedImage>& pictures);
// One dim line on stderr where that is a terminal or --stats was given; warnings always. `finds`:
// the answer is objects, and what was counted are no tokens.
void print_summary(const GenerateResult& result, const AnswerFlags& flags, bool finds = false);

}  // namespace oc
