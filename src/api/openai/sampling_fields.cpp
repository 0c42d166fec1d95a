#include "api/openai/sampling_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <utility>

#include "api/openai/chat_fields.h"

namespace oc {
namespace {

namespace json = boost::json;

// {"token id": bias}
Result<void> parse_logit_bias(const JsonFields& fields, RequestedSampling& sampling) {
  constexpr const RequestField& kBias = chat_field("logit_bias.*");
  OC_ASSIGN_OR_RETURN(const auto biases, fields.object(chat_field("logit_bias")));
  if (!biases) return {};
  for (const auto& [key, bias] : biases->raw()) {
    const std::string param = "logit_bias." + shown_key(key);
    TokenId id = 0;
    const char* end = key.data() + key.size();
    if (const auto parsed = std::from_chars(key.data(), end, id);
        parsed.ec != std::errc() || parsed.ptr != end || id < 0)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\": the key is no token id", param),
                   "use ids as `ocellus tokenize` prints them", param};
    if (!bias.is_number() || !(bias.to_number<double>() >= kBias.min) ||
        !(bias.to_number<double>() <= kBias.max))
      return wrong_value(param, expected(kBias), bias);
    // "5" and "05" are one token.
    if (std::ranges::find(sampling.logit_bias, id, &std::pair<TokenId, float>::first) !=
        sampling.logit_bias.end())
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\": token {} has a bias already", param, id),
                   "give each token one", param};
    sampling.logit_bias.emplace_back(id, bias.to_number<float>());
  }
  return {};
}

Result<std::optional<double>> parse_repetition(const JsonFields& fields) {
  OC_ASSIGN_OR_RETURN(const auto usual, fields.number(chat_field("repetition_penalty")));
  OC_ASSIGN_OR_RETURN(const auto other, fields.number(chat_field("repeat_penalty")));
  if (usual && other && *usual != *other)
    return Error{ErrorCode::kInvalidArgument,
                 "\"repetition_penalty\" and \"repeat_penalty\" are both given and differ",
                 "send one of them", "repeat_penalty"};
  return usual ? usual : other;
}

}  // namespace

Result<void> parse_sampling(const JsonFields& fields, RequestedSampling& sampling) {
  OC_ASSIGN_OR_RETURN(sampling.presence_penalty, fields.number(chat_field("presence_penalty")));
  OC_ASSIGN_OR_RETURN(sampling.frequency_penalty, fields.number(chat_field("frequency_penalty")));
  OC_RETURN_IF_ERROR(parse_logit_bias(fields, sampling));
  OC_ASSIGN_OR_RETURN(sampling.temperature, fields.number(chat_field("temperature")));
  OC_ASSIGN_OR_RETURN(sampling.top_p, fields.number(chat_field("top_p")));
  OC_ASSIGN_OR_RETURN(sampling.min_p, fields.number(chat_field("min_p")));
  OC_ASSIGN_OR_RETURN(sampling.repetition_penalty, parse_repetition(fields));
  OC_ASSIGN_OR_RETURN(const auto top_k, fields.integer(chat_field("top_k")));
  // OpenAI allows 0, "nothing but the most likely token": the smallest p says the same.
  if (sampling.top_p == 0) sampling.top_p = std::numeric_limits<double>::min();
  if (top_k) sampling.top_k = *top_k < 0 ? 0 : static_cast<int>(*top_k);  // -1: off, as elsewhere
  if (const json::value* seed = fields.find("seed")) {
    if (seed->is_int64())
      sampling.seed = static_cast<std::uint64_t>(seed->get_int64());
    else if (seed->is_uint64())
      sampling.seed = seed->get_uint64();
    else if (const auto whole = whole_number(*seed))
      sampling.seed = static_cast<std::uint64_t>(*whole);
    else
      return wrong_value("seed", expected(chat_field("seed")), *seed);
  }
  return check_sampling(sampling_of(sampling, {}));
}

void name_aliases(const JsonFields& fields, FieldNames& names) {
  if (fields.find("repetition_penalty") == nullptr && fields.find("repeat_penalty") != nullptr)
    names.call("repetition_penalty", "repeat_penalty");
}

Result<void> parse_stop(const JsonFields& fields, GenerateRequest& request, NoEffect no_effect) {
  constexpr const RequestField &kStop = chat_field("stop"), &kEntry = chat_field("stop[]");
  const json::value* stop = fields.find(kStop.key());
  if (stop == nullptr) return {};
  const auto add = [&](const json::value& value, const std::string& param) -> Result<void> {
    if (!value.is_string()) return wrong_value(param, "a string", value);
    const std::string_view text(value.get_string());
    if (text.empty()) {
      no_effect.add("stop");
      return {};
    }
    if (text.size() > kEntry.max_size())
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\" must have at most {} bytes, found {}", param,
                               kEntry.max_size(), text.size()),
                   "", param};
    request.stop.emplace_back(text);
    return {};
  };
  if (stop->is_string()) return add(*stop, "stop");
  if (!stop->is_array()) return wrong_value("stop", expected(kStop), *stop);
  const json::array& array = stop->get_array();
  if (array.size() > kStop.max_size())
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("\"stop\" holds {} strings; at most {}", array.size(), kStop.max_size()), "",
        "stop"};
  for (std::size_t i = 0; i < array.size(); ++i)
    OC_RETURN_IF_ERROR(add(array[i], fmt::format("stop[{}]", i)));
  return {};
}

Result<void> parse_stream(const JsonFields& fields, ChatRequest& request, NoEffect no_effect) {
  OC_ASSIGN_OR_RETURN(const auto stream, fields.boolean(chat_field("stream")));
  request.stream = stream.value_or(false);
  OC_ASSIGN_OR_RETURN(const auto options, fields.object(chat_field("stream_options")));
  if (!options) return {};
  constexpr const RequestField &kUsage = chat_field("stream_options.include_usage"),
                               &kProgress = chat_field("stream_options.include_progress");
  constexpr std::array<const RequestField*, 2> kOthers = {
      &chat_field("stream_options.include_obfuscation"),
      &chat_field("stream_options.continuous_usage_stats")};
  static constexpr std::array<std::string_view, 4> kKnown = {kUsage.key(), kProgress.key(),
                                                             kOthers[0]->key(), kOthers[1]->key()};
  OC_RETURN_IF_ERROR(options->only(kKnown));
  OC_ASSIGN_OR_RETURN(const auto usage, options->boolean(kUsage));
  request.include_usage = request.stream && usage.value_or(false);
  OC_ASSIGN_OR_RETURN(const auto progress, options->boolean(kProgress));
  request.include_progress = request.stream && progress.value_or(false);
  for (const RequestField* other : kOthers) {
    OC_ASSIGN_OR_RETURN(const auto wanted, options->boolean(*other));
    if (request.stream && wanted.value_or(false)) no_effect.add(other->name);
  }
  if (!request.stream) no_effect.add("stream_options");
  return {};
}

}  // namespace oc
