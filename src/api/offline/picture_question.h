// A question about a picture as the body of a chat request, and what is in the reply.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/offline/answerer.h"
#include "base/result.h"

namespace oc {

inline constexpr std::string_view kChatPath = "/v1/chat/completions";

// What all questions of a run have in common.
struct QuestionSettings {
  std::string model;   // empty: the body names none
  std::string system;  // empty: no such turn
  std::optional<int> max_tokens;
  std::optional<double> temperature;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> stop;
  std::string detail;                             // "low", "high"; empty: none
  std::map<std::string, int, std::less<>> knobs;  // of how pictures are shown: num_crops
  std::optional<boost::json::value> json_schema;
};

// `picture`: a data URI.
std::string question_body(const QuestionSettings& settings, std::string_view picture,
                          std::string_view question);

// A picture's file as a data URI, whatever is in it as long as it begins like a picture. Errors
// name the file.
Result<std::string> picture_file_uri(const std::string& file, std::size_t max_bytes);

struct TextAnswer {
  std::string text, finish_reason;
  std::string warning;  // ours: what is to be known of the request and the answer
  std::int64_t prompt_tokens = 0, completion_tokens = 0;
  std::int64_t cached_tokens = 0;  // of the prompt, computed before
};
struct ReplyError {
  std::string code, message;  // "invalid_image", …
  std::string param = {};     // the field that it is about, where it is about one
};
struct ReadReply {
  std::optional<TextAnswer> answer;  // else the error
  ReplyError error = {};
};
// Of a chat request's reply, ours or another server's.
ReadReply read_reply(const ChatReply& reply);

}  // namespace oc
