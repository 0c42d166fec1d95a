#include "api/openai/chat_response.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "api/logprobs_json.h"
#include "api/openai/answer_parts.h"
#include "api/openai/call_response.h"
#include "io/json_text.h"
#include "runtime/answer_memory.h"

namespace oc {
namespace {

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

}  // namespace

std::string completion_json(const AnswerHead& head, const GenerateResult& result, bool logprobs,
                            const ForcedCall* call) {
  std::string out;
  out.reserve(memory_of(result).json + (4u << 10));  // it is not there twice while it grows
  out += head_json(head, "chat.completion");
  out.back() = ',';
  out += R"("choices":[)";
  append_choice(out, head, result, 0, logprobs, call);
  for (std::size_t i = 0; i < result.more.size(); ++i) {
    out += ',';
    append_choice(out, head, result.more[i], i + 1, logprobs, call);
  }
  out += R"(],"usage":)";
  out += completion_usage_json(result);
  out += '}';
  if (const std::string warning = warning_with_all(head.warning, result); !warning.empty())
    out = with_field(std::move(out), "warning", json_quoted(warning));
  return with_field(std::move(out), "ocellus", completion_details_json(result));
}

// A chunk is built for every token on the engine's thread, so all but the text is made once.
ChunkWriter::ChunkWriter(AnswerHead head, bool include_usage, const ForcedCall* call)
    : head_(std::move(head)) {
  if (call != nullptr) call_ = *call;
  prefix_ = head_json(head_, "chat.completion.chunk");
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
  return out + R"(,"ocellus":)" + completion_details_json(result) + "}";
}

std::string ChunkWriter::usage(const GenerateResult& result) const {
  return usage_chunk_json(head_, "chat.completion.chunk", result);
}

}  // namespace oc
