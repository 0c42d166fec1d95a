#include "run_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>

#include "base/printable.h"
#include "io/json.h"
#include "io/json_text.h"
#include "io/whole_file.h"

namespace oc {
namespace {

namespace json = boost::json;

template <class T>
json::value optional_json(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::object sampling_json(const SamplingParams& sampling, const QuestionSettings& settings) {
  json::array bias;
  for (const auto& [token, value] : sampling.logit_bias) bias.push_back({token, value});
  return {{"temperature", settings.temperature.value_or(sampling.temperature)},
          {"top_k", sampling.top_k},
          {"top_p", sampling.top_p},
          {"min_p", sampling.min_p},
          {"repetition_penalty", sampling.repetition_penalty},
          {"presence_penalty", sampling.presence_penalty},
          {"frequency_penalty", sampling.frequency_penalty},
          {"logit_bias", std::move(bias)},
          {"seed", optional_json(settings.seed)}};
}

json::object pictures_json(const AnswerFlags& flags, const QuestionSettings& settings) {
  json::object knobs;
  for (const auto& [name, value] : flags.defaults.knobs) knobs[name] = value;
  for (const auto& [name, value] : settings.knobs) knobs[name] = value;
  const ImageSettings& pictures = flags.defaults.pictures;
  json::value background = nullptr;
  if (const auto& colour = pictures.reading.background)
    background = json::array{(*colour)[0], (*colour)[1], (*colour)[2]};
  return {{"detail", settings.detail},
          {"knobs", std::move(knobs)},
          {"box", json::array{pictures.box.width, pictures.box.height, pictures.box.keep_aspect}},
          {"background", std::move(background)},
          {"convert_profiles", pictures.reading.convert_profiles}};
}

}  // namespace

json::object settings_json(const AnswerFlags& flags, const QuestionSettings& settings) {
  json::array stop;
  for (const std::string& one : settings.stop) stop.emplace_back(one);
  for (const std::string& one : flags.defaults.stop) stop.emplace_back(one);
  json::object out{{"system", settings.system},
                   {"max_tokens", optional_json(settings.max_tokens)},
                   {"max_tokens_cap", optional_json(flags.defaults.max_tokens_cap)},
                   {"max_sequence", optional_json(flags.defaults.max_sequence)},
                   {"image_token", flags.defaults.image_token},
                   {"stop", std::move(stop)}};
  for (auto& [key, value] : sampling_json(flags.defaults.sampling, settings)) out[key] = value;
  for (auto& [key, value] : pictures_json(flags, settings)) out[key] = value;
  out["json_schema"] = settings.json_schema.value_or(nullptr);
  return out;
}

std::optional<std::string> changed_setting(const json::object& before, const json::object& now) {
  for (const auto& [key, value] : now) {
    const json::value* other = before.if_contains(key);
    const std::string text = json_text(value),
                      was = other == nullptr ? "unknown" : json_text(*other);
    if (was != text)
      return fmt::format("\"{}\" was {}, and is {}", std::string_view(key), shortened(was, 200),
                         shortened(text, 200));
  }
  return std::nullopt;
}

json::object RunSettings::read() const {
  constexpr std::size_t kMaxBytes = 4 << 20;
  const ExitError unknown{
      2, fmt::format("{} cannot be read: what {} was made with is not known", file(), records_),
      "put it back beside it, or name another file with --out"};
  const auto text = read_file(file(), kMaxBytes);
  if (!text.ok()) throw unknown;
  const auto value = parse_json(*text, file());
  if (!value.ok() || !value->is_object()) throw unknown;
  return value->get_object();
}

void RunSettings::check() const {
  if (const auto changed = changed_setting(read(), settings_))
    throw ExitError{2, fmt::format("{} was made otherwise: {}", records_, *changed),
                    "--resume wants the settings of the run before; or name another file with "
                    "--out"};
}

void RunSettings::write() const {
  const auto written = write_file_atomically(file(), json_text(settings_) + "\n");
  if (!written.ok()) fail(written.error());
}

}  // namespace oc
