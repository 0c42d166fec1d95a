// The page of a report.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "image/fit.h"
#include "image/image.h"
#include "io/base64.h"
#include "io/json.h"
#include "runtime/eval/markup.h"
#include "runtime/eval/vqa_report.h"
#include "runtime/eval/vqa_rule.h"

namespace oc {
namespace {

constexpr std::string_view kPageHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{}</title>
<style>
:root {{ color-scheme: light dark; --line: #8885; --good: #2a8f5b; --bad: #c0453a; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.15rem; margin-top: 2.5rem; }}
.score {{ font-size: 2.5rem; font-weight: 600; margin: 0; }}
p {{ max-width: 44rem; }} small, .quiet {{ opacity: .75; }}
table {{ border-collapse: collapse; width: 100%; max-width: 44rem; }}
th, td {{ text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }}
td.n, th.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.mistakes {{ display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); padding: 0; }}
.mistakes li {{ list-style: none; border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; overflow-wrap: anywhere; }}
img {{ display: block; max-width: 100%; max-height: 15rem; margin: 0 auto .5rem; }}
dl {{ margin: .5rem 0 0; }} dt {{ float: left; clear: left; width: 5rem; opacity: .75; }} dd {{ margin-left: 5rem; }}
.bad {{ color: var(--bad); }} .question {{ font-weight: 600; margin: 0; }}
</style>
</head>
<body>
)";

std::string page_row(std::string_view name, const Estimate& estimate) {
  return fmt::format(
      "<tr><td>{}</td><td class=\"n\">{:.2f} %</td><td class=\"n\">{:.2f} to {:.2f}</td>"
      "<td class=\"n\">{}</td></tr>\n",
      in_markup(name), percent(estimate.mean), percent(estimate.low), percent(estimate.high),
      estimate.count);
}

std::string table(std::string_view title, std::span<const TypeScore> types) {
  if (types.empty()) return {};
  std::string out = fmt::format(
      "<h2>By {}</h2>\n<table>\n<tr><th>{}</th><th class=\"n\">accuracy</th>"
      "<th class=\"n\">95 % interval</th><th class=\"n\">asked</th></tr>\n",
      title, title);
  for (const TypeScore& type : types) out += page_row(type.name, type.estimate);
  return out + "</table>\n";
}

// A small copy of a picture as a data URI; empty: it cannot be read.
std::string thumbnail(const std::string& file) {
  constexpr int kSide = 320;
  const ImageLimits limits;
  const auto bytes = read_file(file, limits.max_bytes);
  if (!bytes.ok()) return {};
  auto image = decode_image(std::as_bytes(std::span(*bytes)), limits);
  if (!image.ok()) return {};
  return picture_data_uri(encode_jpeg(fit(*std::move(image), {kSide, kSide})), "jpeg");
}

// "yes (7), no (3)": the most frequent first.
std::string counted(std::span<const std::string> answers) {
  std::map<std::string_view, int> counts;
  for (const std::string& answer : answers) ++counts[answer];
  std::vector<std::pair<int, std::string_view>> sorted;
  for (const auto& [answer, count] : counts) sorted.emplace_back(-count, answer);
  std::ranges::sort(sorted);
  std::string out;
  for (const auto& [count, answer] : sorted)
    out += fmt::format("{}{}{}", out.empty() ? "" : ", ", in_markup(answer),
                       answers.size() > 1 ? fmt::format(" ({})", -count) : "");
  return out;
}

std::string mistake(const VqaQuestion& question, const VqaAnswer& answer, double score) {
  std::string out = "<li>";
  if (const std::string picture = thumbnail(question.picture); !picture.empty())
    out += fmt::format("<img src=\"{}\" alt=\"\">", picture);
  out += fmt::format("<p class=\"question\">{}</p>\n<dl>", in_markup(question.question));
  if (answer.error.empty())
    out += fmt::format("<dt>answer</dt><dd class=\"bad\">{}</dd>", in_markup(answer.text));
  else
    out += fmt::format("<dt>failed</dt><dd class=\"bad\">{}</dd>", in_markup(answer.error));
  if (const std::string plain = vqa_normalised(answer.text);
      answer.error.empty() && plain != answer.text)
    out += fmt::format("<dt>compared</dt><dd>{}</dd>", in_markup(plain));
  out += fmt::format("<dt>people</dt><dd>{}</dd><dt>score</dt><dd>{:.2f} %</dd>",
                     counted(question.answers), percent(score));
  return out + fmt::format("</dl><small>{}, question {}</small></li>\n",
                           in_markup(question.picture.substr(question.picture.rfind('/') + 1)),
                           question.id);
}

}  // namespace

std::string vqa_page(const VqaReport& report, std::span<const VqaQuestion> questions,
                     std::span<const VqaAnswer> answers, std::size_t mistakes) {
  std::vector<std::size_t> wrong;
  for (std::size_t i = 0; i < questions.size(); ++i)
    if (report.scores[i] < 1) wrong.push_back(i);
  std::ranges::stable_sort(wrong, {}, [&](std::size_t i) { return report.scores[i]; });
  const std::size_t all_wrong = wrong.size();
  wrong.resize(std::min(all_wrong, mistakes));

  const VqaRun& run = report.run;
  const Estimate& overall = report.overall;
  const std::string title = "VQA: " + in_markup(run.model);
  std::string out = fmt::format(fmt::runtime(kPageHead), title);
  out +=
      fmt::format("<h1>{}</h1>\n<p class=\"score\">{:.2f} %</p>\n", title, percent(overall.mean));
  out += fmt::format("<p>{:.2f} to {:.2f} % ({}). ", percent(overall.low), percent(overall.high),
                     kIntervalMethod);
  out += run.seed ? fmt::format("{} of {} questions, drawn with seed {}.", overall.count,
                                run.drawn_of, *run.seed)
                  : fmt::format("{} questions.", overall.count);
  if (const std::string without = report.unanswered(); !without.empty())
    out += fmt::format(" {}.", in_markup(without));
  out += fmt::format("</p>\n<p class=\"quiet\">Answered by {}. Asked as: {}</p>\n",
                     in_markup(run.by), in_markup(run.prompt));
  out += table("answer type", report.answer_types);
  out += table("question type", report.question_types);
  out += fmt::format("<h2>Not answered right: {} of {}</h2>\n", wrong.size(), all_wrong);
  out += "<ul class=\"mistakes\">\n";
  for (const std::size_t i : wrong) out += mistake(questions[i], answers[i], report.scores[i]);
  return out + "</ul>\n</body>\n</html>\n";
}

}  // namespace oc
