#include "runtime/eval/compare_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <limits>

#include "base/number_text.h"
#include "base/units.h"
#include "io/json.h"
#include "runtime/eval/markup.h"
#include "runtime/eval/vqa_report.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::string_view kUnknown = "unknown";
constexpr std::int64_t kMaxCount = std::numeric_limits<std::int64_t>::max();

json::object json_of(const Spread& spread) {
  return {{"p50", three_decimals(spread.p50)}, {"p90", three_decimals(spread.p90)}};
}

Result<Spread> spread_at(const JsonReader& reader, std::string_view key) {
  OC_ASSIGN_OR_RETURN(const JsonReader spread, reader.object(key));
  Spread out;
  OC_ASSIGN_OR_RETURN(out.p50, spread.number("p50"));
  OC_ASSIGN_OR_RETURN(out.p90, spread.number("p90"));
  return out;
}

// Three digits, as far as there are thousandths.
std::string seconds_text(double seconds) {
  if (seconds >= 100) return fmt::format("{:.0f} s", seconds);
  if (seconds >= 10) return fmt::format("{:.1f} s", seconds);
  if (seconds >= 1) return fmt::format("{:.2f} s", seconds);
  return fmt::format("{:.3f} s", seconds);
}

constexpr std::array<std::string_view, 8> kColumns = {"model",       "accuracy (95 %)", "an answer",
                                                      "90 % within", "first token",     "memory",
                                                      "loaded in",   "tokens"};

std::array<std::string, kColumns.size()> cells_of(const ComparedModel& model) {
  const Estimate& accuracy = model.accuracy;
  return {in_markdown(model.name),
          fmt::format("{:.1f} % ({:.0f} to {:.0f})", percent(accuracy.mean), percent(accuracy.low),
                      percent(accuracy.high)),
          seconds_text(model.seconds.p50),
          seconds_text(model.seconds.p90),
          model.first_text ? seconds_text(model.first_text->p50) : std::string(kUnknown),
          model.resident_bytes ? human_bytes(*model.resident_bytes) : std::string(kUnknown),
          model.load_seconds ? seconds_text(*model.load_seconds) : std::string(kUnknown),
          fmt::format("{:.0f} + {:.0f}", model.prompt_tokens.p50, model.answer_tokens.p50)};
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

// Columns of one width, so that it can be read as text too.
std::string table(const std::vector<ComparedModel>& models) {
  std::vector<std::array<std::string, kColumns.size()>> rows;
  std::array<std::size_t, kColumns.size()> widths{};
  for (std::size_t i = 0; i < kColumns.size(); ++i)
    widths[i] = std::max<std::size_t>(kColumns[i].size(), 4);
  for (const ComparedModel& model : models) {
    auto row = cells_of(model);
    if (!model.error.empty()) {
      row = {in_markdown(model.name), "none: below"};
      std::fill(row.begin() + 2, row.end(), "");
    }
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    rows.push_back(std::move(row));
  }
  std::string out = "|";
  for (std::size_t i = 0; i < kColumns.size(); ++i)
    out += fmt::format(" {}{} |", kColumns[i], std::string(widths[i] - kColumns[i].size(), ' '));
  out += "\n|";
  for (std::size_t i = 0; i < kColumns.size(); ++i)
    out += fmt::format(" {}{} |", std::string(widths[i] - 1, '-'), i < 2 ? '-' : ':');
  out += "\n";
  for (const auto& row : rows) {
    out += "|";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - width_of(row[i]), ' ');
      out += i < 2 ? fmt::format(" {}{} |", row[i], space) : fmt::format(" {}{} |", space, row[i]);
    }
    out += "\n";
  }
  return out;
}

std::string notes_of(const ComparedModel& model) {
  const std::string name = in_markdown(model.name);
  if (!model.error.empty()) return fmt::format("- {}: {}\n", name, in_markdown(model.error));
  std::string out =
      fmt::format("- {}: {}, {}", name, in_markdown(model.model), in_markdown(model.by));
  const std::string without =
      unanswered_text(model.failed, model.empty, model.accuracy.count, model.first_error);
  if (!without.empty()) out += "; " + in_markdown(without);
  if (model.cached_tokens > 0)
    out += fmt::format("; {} tokens of prompts came from its cache: new pictures take longer",
                       model.cached_tokens);
  return out + "\n";
}

}  // namespace

json::object ComparedModel::json() const {
  json::object out{{"name", name}, {"model", model}, {"by", by}};
  if (!error.empty()) {
    out["error"] = error;
    return out;
  }
  out["error"] = nullptr;
  out["accuracy"] = {{"questions", std::int64_t(accuracy.count)},
                     {"overall", percent(accuracy.mean)},
                     {"low", percent(accuracy.low)},
                     {"high", percent(accuracy.high)}};
  out["failed"] = std::int64_t(failed);
  out["first_error"] = first_error.empty() ? json::value(nullptr) : json::value(first_error);
  out["empty"] = std::int64_t(empty);
  out["seconds"] = json_of(seconds);
  out["first_text_seconds"] = first_text ? json::value(json_of(*first_text)) : json::value(nullptr);
  out["resident_bytes"] =
      resident_bytes ? json::value(std::int64_t(*resident_bytes)) : json::value(nullptr);
  out["load_seconds"] =
      load_seconds ? json::value(three_decimals(*load_seconds)) : json::value(nullptr);
  out["prompt_tokens"] = json_of(prompt_tokens);
  out["answer_tokens"] = json_of(answer_tokens);
  out["cached_tokens"] = cached_tokens;
  return out;
}

Result<ComparedModel> ComparedModel::read(const json::object& object) {
  const JsonReader reader(object, "the model's process", "");
  ComparedModel out;
  OC_ASSIGN_OR_RETURN(out.name, reader.string("name"));
  OC_ASSIGN_OR_RETURN(out.model, reader.string("model"));
  OC_ASSIGN_OR_RETURN(out.by, reader.string("by"));
  OC_ASSIGN_OR_RETURN(out.error, reader.string_or("error", ""));
  if (!out.error.empty()) return out;
  OC_ASSIGN_OR_RETURN(const JsonReader accuracy, reader.object("accuracy"));
  OC_ASSIGN_OR_RETURN(const std::int64_t count, accuracy.integer("questions", 1, kMaxCount));
  out.accuracy.count = static_cast<std::size_t>(count);
  for (const auto& [key, value] :
       {std::pair{"overall", &out.accuracy.mean}, std::pair{"low", &out.accuracy.low},
        std::pair{"high", &out.accuracy.high}}) {
    OC_ASSIGN_OR_RETURN(const double number, accuracy.number(key));
    *value = number / 100;
  }
  OC_ASSIGN_OR_RETURN(const std::int64_t failed, reader.integer("failed", 0, kMaxCount));
  out.failed = static_cast<std::size_t>(failed);
  OC_ASSIGN_OR_RETURN(out.first_error, reader.string_or("first_error", ""));
  OC_ASSIGN_OR_RETURN(const std::int64_t empty, reader.integer("empty", 0, kMaxCount));
  out.empty = static_cast<std::size_t>(empty);
  OC_ASSIGN_OR_RETURN(out.seconds, spread_at(reader, "seconds"));
  if (reader.has("first_text_seconds")) {
    OC_ASSIGN_OR_RETURN(out.first_text, spread_at(reader, "first_text_seconds"));
  }
  if (reader.has("resident_bytes")) {
    OC_ASSIGN_OR_RETURN(const std::int64_t bytes, reader.integer("resident_bytes", 0, kMaxCount));
    out.resident_bytes = static_cast<std::size_t>(bytes);
  }
  if (reader.has("load_seconds")) {
    OC_ASSIGN_OR_RETURN(out.load_seconds, reader.number("load_seconds"));
  }
  OC_ASSIGN_OR_RETURN(out.prompt_tokens, spread_at(reader, "prompt_tokens"));
  OC_ASSIGN_OR_RETURN(out.answer_tokens, spread_at(reader, "answer_tokens"));
  OC_ASSIGN_OR_RETURN(out.cached_tokens, reader.integer("cached_tokens", 0, kMaxCount));
  return out;
}

json::object Comparison::json() const {
  json::array rows;
  for (const ComparedModel& model : models) rows.push_back(model.json());
  return {{"questions", questions}, {"prompt", prompt},   {"max_tokens", max_tokens},
          {"machine", machine},     {"program", program}, {"models", std::move(rows)}};
}

std::string Comparison::markdown() const {
  std::string out = table(models) + "\n";
  for (const ComparedModel& model : models) out += notes_of(model);
  out += fmt::format(
      "\n{}, asked one at a time, greedy, at most {} tokens, as: {}. Times, first token and tokens "
      "(prompt + answer) are medians; memory is the most that was resident. {}, {}.\n",
      in_markdown(questions), max_tokens, in_markdown(prompt), in_markdown(machine),
      in_markdown(program));
  return out;
}

}  // namespace oc
