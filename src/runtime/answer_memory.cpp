#include "runtime/answer_memory.h"

#include <algorithm>

namespace oc {
namespace {

// {"token":"","logprob":-12.345678901234567,"bytes":[]}, and what joins it to others.
constexpr std::size_t kScoredTokenJson = 64;
constexpr std::size_t kByteJson = 4;  // "255,"

std::size_t json_bytes(std::string_view text) {
  std::size_t bytes = 0;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20)
      bytes += 6;  // \u001f
    else
      bytes += c == '"' || c == '\\' ? 2 : 1;
  }
  return bytes;
}

AnswerMemory memory_of_scored(const ScoredToken& token) {
  const std::size_t heap =
      token.bytes.capacity() > std::string().capacity() ? token.bytes.capacity() + 1 : 0;
  // Bytes that are no text by themselves are written as \\x and two digits.
  const std::size_t text = std::max(json_bytes(token.bytes), 5 * token.bytes.size());
  return {sizeof(ScoredToken) + heap, kScoredTokenJson + text + kByteJson * token.bytes.size()};
}

AnswerMemory memory_of_answer(const Answer& answer) {
  AnswerMemory all = memory_of(std::string_view(answer.text));
  all.values += answer.ids.size() * sizeof(TokenId);
  for (const TokenLogprobs& token : answer.logprobs) all += memory_of_token(&token);
  return all;
}

}  // namespace

AnswerMemory memory_of(std::string_view text) {
  // As it is made, as it is told, and as the JSON's value.
  return {3 * text.size(), json_bytes(text)};
}

AnswerMemory memory_of_token(const TokenLogprobs* logprobs) {
  AnswerMemory all{2 * sizeof(TokenId), 0};
  if (logprobs == nullptr) return all;
  all += memory_of_scored(*logprobs);
  all.values += sizeof(TokenLogprobs) - sizeof(ScoredToken) + sizeof(std::size_t);
  for (const ScoredToken& other : logprobs->top) all += memory_of_scored(other);
  return all;
}

AnswerMemory memory_of(const GenerateResult& result) {
  AnswerMemory all = memory_of_answer(result);
  for (const Answer& answer : result.more) all += memory_of_answer(answer);
  return all;
}

}  // namespace oc
