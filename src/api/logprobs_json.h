// How likely tokens and choices were, as JSON: OpenAI's form, for every way out of the program.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <span>
#include <string>

#include "runtime/request.h"

namespace oc {

// As text; where it is none by itself, as OpenAI writes its bytes: "bytes:\\xf0\\x9f".
std::string token_text(const ScoredToken& token);

// JSON knows no infinity: a token that cannot come has -9999.0.
double logprob_number(double logprob);

// {"token", "logprob", "bytes", "top_logprobs"}: an element of "content".
boost::json::object logprobs_json(const TokenLogprobs& token);

// [{"text", "logprob", "mean_logprob", "probability", "tokens"}]
boost::json::array scores_json(std::span<const ChoiceScore> scores);

}  // namespace oc
