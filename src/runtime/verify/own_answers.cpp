#include "runtime/verify/own_answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engines/registry.h"
#include "io/files.h"
#include "io/json.h"
#include "models/registry.h"
#include "runtime/decode/softmax.h"
#include "runtime/verify/expect.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr double kSuspiciousShare = 0.7;  // of ln V
constexpr int kAnswerTokens = 24;
constexpr double kExactRms = 1e-3;       // of σ, float32 throughout, between two orders of sums
constexpr double kExactAnchor = 0.02;    // of a logit; hidden states reach 15,500
constexpr double kAnchorDeviations = 3;  // of a normal error, the largest of a few
constexpr std::int64_t kParagraphRows = 64;  // whose logits are held at a time

constexpr const char* kParagraph =
    "The harbour lies at the end of a long street, and in the morning it smells of salt and of "
    "bread. Two men mend a net on the stones while a third counts the boxes that came in during "
    "the night. A boy sits on the wall, eats an apple and watches the boats; he knows each of them "
    "by its colour. When the bell of the church rings for the eighth time, the market opens, and "
    "people come down the hill with their bags and their dogs. Nobody is in a hurry. It rained "
    "yesterday, it may rain again tomorrow, but today the sky is clear and the water is as flat as "
    "a table.";

Check failed(std::string name, const Error& error) {
  return {.name = std::move(name), .verdict = Verdict::kWrong, .text = error.describe()};
}

Result<ThoughtAnswer> answer(const Model& model, const ScoreQuestion& question, int max_tokens,
                             std::span<const TokenId> forced) {
  ThoughtAnswer out;
  OC_ASSIGN_OR_RETURN(
      out.path, follow(model, question, max_tokens, forced, {}, [&](std::span<const float> logits) {
        out.logits.emplace_back(logits.begin(), logits.end());
      }));
  return out;
}

// How far the first choice is before the second, ids that are never produced left out.
double margin(std::span<const float> logits, const Model& model) {
  std::vector<TokenId> banned = model.info().banned_ids;
  std::ranges::sort(banned);
  const std::vector<TokenId> best = top_ids(logits, 2, banned);
  if (best.size() < 2) return std::numeric_limits<double>::infinity();
  const auto at = [&](TokenId id) { return double{logits[static_cast<std::size_t>(id)]}; };
  return at(best[0]) - at(best[1]);
}

double deviation_of(std::span<const float> values) {
  double sum = 0, square = 0;
  for (const float value : values) {
    sum += value;
    square += double{value} * value;
  }
  const auto n = static_cast<double>(values.size());
  return std::sqrt(std::max(0.0, square / n - (sum / n) * (sum / n)));
}

double rms(std::span<const float> a, std::span<const float> b) {
  double square = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = double{a[i]} - b[i];
    square += difference * difference;
  }
  return std::sqrt(square / static_cast<double>(a.size()));
}

// A red disc on white, of a size that one view shows.
ScoreQuestion picture_question(const Model& model) {
  SampleImage sample = model.sample_image(1);
  auto image = std::make_shared<Image>();
  image->width = sample.width;
  image->height = sample.height;
  const int radius = std::min(image->width, image->height) / 3;
  for (int y = 0; y < image->height; ++y)
    for (int x = 0; x < image->width; ++x) {
      const std::int64_t dx = x - image->width / 2, dy = y - image->height / 2;
      const bool inside = dx * dx + dy * dy <= std::int64_t{radius} * radius;
      const std::uint8_t other = inside ? 30 : 255;
      image->rgb.insert(image->rgb.end(), {inside ? std::uint8_t{220} : other, other, other});
    }
  return {std::move(image), "the drawn picture", "What is in the picture?",
          std::move(sample.options)};
}

Check check_instructions(const Model& model, const ThoughtAnswer& first,
                         const ScoreQuestion& question, EngineOptions options) {
  const std::string engine = model.engine().info().name;
  const auto other = engine == "cpu" ? other_instruction_set(options) : std::nullopt;
  if (!other)
    return {.name = "instructions",
            .verdict = Verdict::kNotCompared,
            .text = fmt::format("the engine {} has no other instruction set here", engine)};
  options.isa = *other;
  auto made = make_engine(options);
  if (!made.ok()) return failed("instructions", made.error());
  const auto loaded = load_model(model.info().path, *made);
  if (!loaded.ok()) return failed("instructions", loaded.error());
  const auto second = answer(**loaded, question, kAnswerTokens, first.path.ids);
  if (!second.ok()) return failed("instructions", second.error());
  return compare_answers(first, *second, model, *other);
}

Result<double> mean_nats(const Model& model, std::vector<TokenId>& ids) {
  ids = model.tokenizer()->encode_with_bos(kParagraph, false);
  const auto count = std::min<std::int64_t>(std::ssize(ids), model.info().context_length);
  ids.resize(static_cast<std::size_t>(count));
  const auto kv = model.make_sequence();
  const auto width = static_cast<std::size_t>(model.info().vocab_size);
  std::vector<float> logits;
  double nats = 0;
  for (std::int64_t begin = 0; begin + 1 < count; begin += kParagraphRows) {
    const std::int64_t rows = std::min(kParagraphRows, count - begin);
    std::vector<std::int64_t> wanted;
    for (std::int64_t i = 0; i < rows && begin + i + 1 < count; ++i) wanted.push_back(i);
    const StepInput input{.kv = kv.get(),
                          .ids = std::span(ids).subspan(static_cast<std::size_t>(begin),
                                                        static_cast<std::size_t>(rows)),
                          .image_rows = nullptr,
                          .regime = model.position_regime(count),
                          .logit_rows = wanted};
    const Tensor out = model.forward(std::span(&input, 1), nullptr);
    logits.resize(wanted.size() * width);
    model.engine().read(out, logits);
    OC_RETURN_IF_ERROR(model.intact());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto row = std::span(logits).subspan(i * width, width);
      const auto next = static_cast<std::size_t>(ids[static_cast<std::size_t>(begin) + i + 1]);
      nats += log_sum_exp(row) - row[next];
    }
  }
  return nats / static_cast<double>(count - 1);
}

template <typename Number>
Result<std::vector<Number>> read_list(const JsonReader& reader, std::string_view key) {
  OC_ASSIGN_OR_RETURN(const JsonReader list, reader.at(key));
  OC_ASSIGN_OR_RETURN(const json::array* values, list.array());
  std::vector<Number> out;
  for (std::size_t i = 0; i < values->size(); ++i) {
    if constexpr (std::is_integral_v<Number>) {
      OC_ASSIGN_OR_RETURN(const std::int64_t id, list.element(i).integer(0, 1 << 30));
      out.push_back(static_cast<Number>(id));
    } else {
      OC_ASSIGN_OR_RETURN(const double value, list.element(i).number());
      out.push_back(static_cast<Number>(value));
    }
  }
  return out;
}

Result<Anchor> read_anchor(const JsonReader& reader) {
  constexpr std::int64_t kMost = 1 << 30;
  Anchor out;
  OC_ASSIGN_OR_RETURN(out.name, reader.string("name"));
  OC_ASSIGN_OR_RETURN(out.question, reader.string("question"));
  OC_ASSIGN_OR_RETURN(out.vocab_size, reader.integer("vocab_size", 1, kMost));
  OC_ASSIGN_OR_RETURN(out.width, reader.integer("width", 1, kMost));
  OC_ASSIGN_OR_RETURN(out.deviation, reader.number("deviation"));
  OC_ASSIGN_OR_RETURN(const JsonReader repos, reader.at("repos"));
  OC_ASSIGN_OR_RETURN(const json::array* names, repos.array());
  for (std::size_t i = 0; i < names->size(); ++i) {
    OC_ASSIGN_OR_RETURN(const std::string_view repo, repos.element(i).string());
    out.repos.emplace_back(repo);
  }
  OC_ASSIGN_OR_RETURN(out.prompt_ids, read_list<TokenId>(reader, "prompt_ids"));
  OC_ASSIGN_OR_RETURN(out.greedy_ids, read_list<TokenId>(reader, "greedy_ids"));
  OC_ASSIGN_OR_RETURN(const auto ids, read_list<TokenId>(reader, "logit_ids"));
  OC_ASSIGN_OR_RETURN(const auto logits, read_list<float>(reader, "logits"));
  if (ids.size() != logits.size() ||
      std::ranges::any_of(ids, [&](TokenId id) { return id >= out.vocab_size; }))
    return reader.error(ErrorCode::kCorrupt, "\"logit_ids\" and \"logits\" do not belong together");
  for (std::size_t i = 0; i < ids.size(); ++i) out.logits.emplace_back(ids[i], logits[i]);
  return out;
}

bool is_for(const Anchor& anchor, const Model& model) {
  const ModelInfo& info = model.info();
  if (info.weights.quant || info.vocab_size != anchor.vocab_size || info.width != anchor.width)
    return false;
  const Message turn{Role::kUser, {TextPart{anchor.question}}};
  const auto prompt = model.build_prompt(std::span(&turn, 1), {}, {});
  return prompt.ok() && prompt->ids == anchor.prompt_ids;
}

}  // namespace

Result<std::vector<Anchor>> read_anchors(const std::filesystem::path& golden_set) {
  std::vector<Anchor> out;
  const std::filesystem::path file = golden_set / "anchors.json";
  if (!is_file(file)) return out;
  OC_ASSIGN_OR_RETURN(const json::object whole, read_json_object(file));
  const JsonReader reader(whole, file.string(), "docs/add-a-model.md says what golden data holds");
  OC_ASSIGN_OR_RETURN(const std::vector<JsonReader> anchors, reader.objects("anchors"));
  for (const JsonReader& anchor : anchors) {
    OC_ASSIGN_OR_RETURN(out.emplace_back(), read_anchor(anchor));
  }
  return out;
}

std::optional<Check> check_anchor(const Model& model, const Anchor& anchor,
                                  const std::optional<std::string>& repo) {
  if (!is_for(anchor, model)) return std::nullopt;
  const auto found = answer(model, {.image = nullptr, .name = anchor.name, .text = anchor.question},
                            static_cast<int>(anchor.greedy_ids.size()), anchor.greedy_ids);
  if (!found.ok()) return failed("anchor", found.error());
  const Rounding rounding = rounding_of(model);
  const double limit = rounding == Rounding::kNone
                           ? kExactAnchor
                           : kAnchorDeviations * rms_limits(rounding).one * anchor.deviation;
  double largest = 0;
  for (const auto& [id, expected] : anchor.logits) {
    const double far = std::abs(double{found->logits[0][static_cast<std::size_t>(id)]} - expected);
    if (!(far <= largest)) largest = far;
  }
  // Up to the first token that the allowed error may change.
  std::size_t decided = 0, equal = 0;
  for (; decided < found->logits.size(); ++decided) {
    if (found->path.first[decided] == anchor.greedy_ids[decided])
      ++equal;
    else
      break;
  }
  const bool undecided =
      decided < found->logits.size() && margin(found->logits[decided], model) <= 2 * limit;
  const bool near = largest <= limit && (equal == anchor.greedy_ids.size() || undecided);
  const bool published = repo && std::ranges::find(anchor.repos, *repo) != anchor.repos.end();
  Check check{.name = "anchor",
              .figures = {{"of", anchor.name},
                          {"logits", anchor.logits.size()},
                          {"largest", largest},
                          {"limit", limit},
                          {"tokens", anchor.greedy_ids.size()},
                          {"equal", equal}}};
  const std::string figures =
      fmt::format("{} logits within {:.2g} (limit {:.2g}), the first {} of {} greedy tokens equal",
                  anchor.logits.size(), largest, limit, equal, anchor.greedy_ids.size());
  if (near) {
    check.text = fmt::format("as the reference computed with {}: {}", anchor.name, figures);
  } else if (published) {
    check.verdict = Verdict::kWrong;
    check.text = fmt::format("not as the reference computed with {}: {}", anchor.name, figures);
  } else {
    check.verdict = Verdict::kNotCompared;
    check.text = fmt::format("of the sizes of {}, but other weights, as a fine-tune has: {}",
                             anchor.name, figures);
  }
  return check;
}

Check check_paragraph(const Model& model) {
  Check check{.name = "paragraph"};
  std::vector<TokenId> ids;
  const auto nats = mean_nats(model, ids);
  if (!nats.ok()) return failed("paragraph", nats.error());
  const double random = std::log(static_cast<double>(model.info().vocab_size));
  if (!std::isfinite(*nats)) {
    check.verdict = Verdict::kWrong;
    check.text = "the model computes no numbers of it: weights or engine are damaged";
    return check;
  }
  check.figures = {{"nats", *nats}, {"random", random}, {"tokens", ids.size()}};
  check.verdict = *nats > kSuspiciousShare * random ? Verdict::kSuspicious : Verdict::kRight;
  check.text =
      fmt::format("{:.2f} nats a token over {} tokens of English, random weights have {:.2f}{}",
                  *nats, ids.size(), random,
                  check.verdict == Verdict::kRight
                      ? ""
                      : ": these weights know little English. If they should, they "
                        "are damaged or belong to another config.json");
  return check;
}

Check compare_answers(const ThoughtAnswer& first, const ThoughtAnswer& second, const Model& model,
                      const std::string& other) {
  const Rounding rounding = rounding_of(model);
  const double limit = rounding == Rounding::kNone ? kExactRms : rms_limits(rounding).one;
  Check check{.name = "instructions", .figures = {{"other", other}, {"limit", limit}}};
  double largest = 0;
  std::size_t compared = 0;
  std::string why;  // it ends there
  for (std::size_t t = 0; t < first.logits.size() && why.empty(); ++t) {
    const double far = rms(first.logits[t], second.logits[t]) / deviation_of(first.logits[t]);
    if (!(far <= largest)) largest = far;
    if (!(far <= limit)) {
      check.verdict = Verdict::kWrong;
      why = fmt::format("logits differ by {:.2g} of their deviation at token {}, {:.2g} is allowed",
                        far, t + 1, limit);
      break;
    }
    const double room = 2 * largest_difference(first.logits[t], second.logits[t]);
    if (margin(first.logits[t], model) <= room) {
      why = fmt::format("token {} is undecided within that", t + 1);
      break;
    }
    if (second.path.first[t] != first.path.ids[t]) {
      check.verdict = Verdict::kWrong;
      why = fmt::format("token {} is another one", t + 1);
      break;
    }
    ++compared;
  }
  check.figures["rms_largest"] = largest;
  check.figures["tokens"] = first.path.ids.size();
  check.figures["equal"] = compared;
  const std::string logits = largest == 0
                                 ? "the same logits"
                                 : fmt::format("logits within {:.2g} of their deviation", largest);
  check.text = fmt::format("on {}: {} of {} tokens are the same, {}{}", other, compared,
                           first.path.ids.size(), logits, why.empty() ? "" : "; " + why);
  return check;
}

std::vector<Check> check_repeats(const Model& model, const EngineOptions& options) {
  const ScoreQuestion question = picture_question(model);
  const auto first = answer(model, question, kAnswerTokens, {});
  if (!first.ok()) return {failed("repeat", first.error())};
  const auto again = answer(model, question, kAnswerTokens, {});
  if (!again.ok()) return {failed("repeat", again.error())};
  Check repeat{.name = "repeat",
               .figures = {{"tokens", first->path.ids.size()},
                           {"answer", model.tokenizer()->decode(first->path.ids, true)}}};
  repeat.text =
      fmt::format("the same {} tokens about a drawn picture, twice", first->path.ids.size());
  if (first->path.ids != again->path.ids) {
    repeat.verdict = Verdict::kWrong;
    repeat.text =
        "asked twice the same, the model gave two answers: memory or processor of this "
        "machine may be faulty";
  }
  return {std::move(repeat), check_instructions(model, *first, question, options)};
}

}  // namespace oc
