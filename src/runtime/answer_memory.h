// What an answer takes in memory until it has been sent. Pure functions.
#pragma once

#include <cstddef>
#include <string_view>

#include "runtime/request.h"

namespace oc {

// Bytes that values take, and those of the JSON that is made of them.
struct AnswerMemory {
  std::size_t values = 0, json = 0;
  AnswerMemory& operator+=(const AnswerMemory& more) {
    values += more.values;
    json += more.json;
    return *this;
  }
};

// A part of an answer's text: what is shown of one or more tokens.
AnswerMemory memory_of(std::string_view text);
// One token of an answer; null logprobs: none were asked for.
AnswerMemory memory_of_token(const TokenLogprobs* logprobs);
// A whole answer, with those behind it.
AnswerMemory memory_of(const GenerateResult& result);

}  // namespace oc
