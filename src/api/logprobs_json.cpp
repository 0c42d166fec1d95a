#include "api/logprobs_json.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "base/utf8.h"

namespace oc {
namespace {

namespace json = boost::json;

json::object token_object(const ScoredToken& token) {
  json::object out;
  out["token"] = token_text(token);
  out["logprob"] = logprob_number(token.logprob);
  json::array bytes;
  for (const char c : token.bytes) bytes.push_back(static_cast<std::uint8_t>(c));
  if (token.control)
    out["bytes"] = nullptr;
  else
    out["bytes"] = std::move(bytes);
  return out;
}

}  // namespace

double logprob_number(double logprob) { return std::isfinite(logprob) ? logprob : -9999.0; }

std::string token_text(const ScoredToken& token) {
  if (is_utf8(token.bytes)) return token.bytes;
  std::string out = "bytes:";
  for (const char c : token.bytes) out += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(c));
  return out;
}

json::object logprobs_json(const TokenLogprobs& token) {
  json::object out = token_object(token);
  json::array top;
  for (const ScoredToken& other : token.top) top.push_back(token_object(other));
  out["top_logprobs"] = std::move(top);
  return out;
}

json::array scores_json(std::span<const ChoiceScore> scores) {
  json::array out;
  for (const ChoiceScore& score : scores) {
    json::object one;
    one["text"] = score.text;
    one["logprob"] = logprob_number(score.logprob);
    one["mean_logprob"] = logprob_number(score.mean_logprob);
    one["probability"] = std::isfinite(score.probability) ? score.probability : 0.0;
    one["tokens"] = score.tokens;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace oc
