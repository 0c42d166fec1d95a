#include "api/openai/chat_response.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iterator>
#include <utility>

#include "api/logprobs_json.h"
#include "api/openai/call_response.h"
#include "api/timings_json.h"
#include "io/json_text.h"
#include "runtime/answer_memory.h"

namespace oc {
namespace {

namespace json = boost::json;

json::object usage_object(const GenerateResult& result) {
  json::object usage;
  usage["prompt_tokens"] = result.prompt_tokens;
  usage["completion_tokens"] = result.completion_tokens;
  usage["total_tokens"] = result.prompt_tokens + result.completion_tokens;
  json::object details;
  details["cached_tokens"] = result.cached_tokens;
  details["image_tokens"] = result.image_tokens;
  usage["prompt_tokens_details"] = std::move(details);
  return usage;
}

// One more field at the end of a serialized object that has some already.
std::string with_field(std::string object, std::string_view name, std::string_view json) {
  object.back() = ',';
  fmt::format_to(std::back_inserter(object), "\"{}\":", name);
  object += json;
  object += '}';
  return object;
}

// A token at a time: as JSON values many of them would take several times their text.
void append_logprobs(std::string& out, std::span<const TokenLogprobs> tokens) {
  out += R"({"content":[)";
  for (const TokenLogprobs& token : tokens) {
    if (&token != &tokens.front()) out += ',';
    out += json_text(logprobs_json(token));
  }
  out += R"(],"refusal":null})";
}

// What an answer ended by, as OpenAI names it.
std::string_view finish_reason(const Answer& answer, const ForcedCall* call) {
  return call == nullptr ? to_string(answer.finish_reason) : call_finish_reason(*call, answer);
}

void append_choice(std::string& out, const AnswerHead& head, const Answer& answer,
                   std::size_t index, bool logprobs, const ForcedCall* call) {
  fmt::format_to(std::back_inserter(out), R"({{"index":{},"message":{{"role":"assistant",)", index);
  if (call != nullptr) {
    out += CallWriter(*call, head.id, index).message_fields(answer);
  } else {
    out += R"("content":)";
    out += json_quoted(answer.text);
    out += R"(,"refusal":null)";
  }
  out += R"(},"logprobs":)";
  if (logprobs)
    append_logprobs(out, answer.logprobs);
  else
    out += "null";
  out += R"(,"finish_reason":)";
  out += json_quoted(finish_reason(answer, call));
  out += '}';
}

// Our own field: what the model saw, and where the time went.
std::string details_json(const GenerateResult& result) {
  json::array images;
  for (const ImagePlan& plan : result.images) images.push_back(plan_json_of_answer(plan));
  json::object details;
  details["images"] = std::move(images);
  details["stop_cause"] = to_string(result.stop_cause);
  if (result.stop_string) details["stop_string"] = *result.stop_string;
  details["seed"] = result.seed;
  if (!result.scores.empty()) details["choices"] = scores_json(result.scores);
  if (result.drafted_tokens > 0) {
    details["drafted_tokens"] = result.drafted_tokens;
    details["accepted_tokens"] = result.accepted_tokens;
  }
  return with_field(json_text(details), "timings", json_text(timings_json(result.timings)));
}

json::object head_object(const AnswerHead& head, std::string_view object) {
  json::object out;
  out["id"] = head.id;
  out["object"] = object;
  out["created"] = head.created;
  out["model"] = head.model;
  out["system_fingerprint"] = head.system_fingerprint;
  return out;
}

}  // namespace

AnswerHead make_answer_head(const ServedModel& model, std::string id, std::int64_t created) {
  return {std::move(id), created, model.name, "fp_" + model.fingerprint.substr(0, 12), {}};
}

std::string completion_json(const AnswerHead& head, const GenerateResult& result, bool logprobs,
                            const ForcedCall* call) {
  std::string out;
  out.reserve(memory_of(result).json + (4u << 10));  // it is not there twice while it grows
  out += json_text(head_object(head, "chat.completion"));
  out.back() = ',';
  out += R"("choices":[)";
  append_choice(out, head, result, 0, logprobs, call);
  for (std::size_t i = 0; i < result.more.size(); ++i) {
    out += ',';
    append_choice(out, head, result.more[i], i + 1, logprobs, call);
  }
  out += R"(],"usage":)";
  out += json_text(usage_object(result));
  out += '}';
  if (const std::string warning = warning_with(head.warning, result); !warning.empty())
    out = with_field(std::move(out), "warning", json_quoted(warning));
  return with_field(std::move(out), "ocellus", details_json(result));
}

// A chunk is built for every token on the engine's thread, so all but the text is made once.
ChunkWriter::ChunkWriter(AnswerHead head, bool include_usage, const ForcedCall* call)
    : head_(std::move(head)) {
  if (call != nullptr) call_ = *call;
  prefix_ = json_text(head_object(head_, "chat.completion.chunk"));
  prefix_.pop_back();  // the closing brace
  prefix_ += R"(,"choices":[{"index":)";
  suffix_ = include_usage ? R"(}],"usage":null)" : "}]";
}

std::string ChunkWriter::begin(std::size_t choice, std::string_view delta) const {
  return fmt::format(R"({}{},"delta":{},"logprobs":)", prefix_, choice, delta);
}

std::string ChunkWriter::role(std::size_t choice) const {
  return begin(choice, call_ ? R"({"role":"assistant","content":null,"refusal":null})"
                             : R"({"role":"assistant","content":"","refusal":null})") +
         R"(null,"finish_reason":null)" + suffix_ + "}";
}

std::string ChunkWriter::piece(const AnswerPiece& piece) const {
  std::string out;
  append_piece(out, piece);
  return out;
}

void ChunkWriter::append_piece(std::string& out, const AnswerPiece& piece) const {
  append_delta(out, piece.choice, R"({"content":)" + json_quoted(piece.text) + "}", piece.tokens);
}

void ChunkWriter::append_delta(std::string& out, std::size_t choice, std::string_view delta,
                               std::span<const TokenLogprobs> tokens) const {
  out += begin(choice, delta);
  if (tokens.empty())
    out += "null";
  else
    append_logprobs(out, tokens);
  out += R"(,"finish_reason":null)";
  out += suffix_;
  out += '}';
}

std::string ChunkWriter::end(const Answer& answer, std::size_t choice,
                             const std::string& warning) const {
  std::string out = begin(choice, "{}") + R"(null,"finish_reason":)" +
                    json_quoted(finish_reason(answer, call_ ? &*call_ : nullptr)) + suffix_;
  if (!warning.empty()) out += R"(,"warning":)" + json_quoted(warning);
  return out + "}";
}

std::string ChunkWriter::finish_more(const Answer& answer, std::size_t choice) const {
  return end(answer, choice, answer.warning.value_or(""));
}

std::string ChunkWriter::finish(const GenerateResult& result) const {
  std::string out = end(result, 0, warning_with(head_.warning, result));
  out.pop_back();
  return out + R"(,"ocellus":)" + details_json(result) + "}";
}

std::string ChunkWriter::usage(const GenerateResult& result) const {
  json::object out = head_object(head_, "chat.completion.chunk");
  out["choices"] = json::array();
  out["usage"] = usage_object(result);
  return json_text(out);
}

}  // namespace oc
