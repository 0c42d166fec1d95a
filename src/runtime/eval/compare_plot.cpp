// The plot of a comparison.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "base/printable.h"
#include "base/units.h"
#include "runtime/eval/compare_report.h"
#include "runtime/eval/markup.h"
#include "runtime/eval/vqa_report.h"

namespace oc {
namespace {

constexpr double kWidth = 800, kHeight = 520;
constexpr double kLeft = 76, kRight = 770, kTop = 62, kBottom = 430;  // of the plot itself
constexpr double kLargest = 34, kSmallest = 5, kUnknownSize = 9;      // radii
constexpr double kLetter = 7.2, kLine = 15;                           // of a label, about

constexpr std::string_view kPlotHead =
    R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-labelledby="title text">
<title id="title">Accuracy over seconds for an answer</title>
<desc id="text">{2}</desc>
<style>
svg {{ color-scheme: light dark; font: 13px system-ui, sans-serif; --paper: #fff; --ink: #1f2328; --line: #d0d7de; --dot: #0969da; }}
@media (prefers-color-scheme: dark) {{ svg {{ --paper: #0d1117; --ink: #e6edf3; --line: #30363d; --dot: #58a6ff; }} }}
.paper {{ fill: var(--paper); }} text {{ fill: var(--ink); }} .head {{ font-size: 16px; font-weight: 600; }}
.line {{ stroke: var(--line); }} .dot {{ fill: var(--dot); fill-opacity: .35; stroke: var(--dot); stroke-width: 1.5; }}
.lead {{ stroke: var(--ink); stroke-opacity: .6; }} .unknown {{ fill: none; stroke-dasharray: 4 3; }} .quiet {{ opacity: .75; }}
</style>
<rect class="paper" width="{0}" height="{1}"/>
<text class="head" x="{3}" y="28">Accuracy over seconds for an answer</text>
)";

struct Rect {
  double left, top, right, bottom;
  bool meets(const Rect& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

// 1, 2 or 5 times a power of ten, at least a decade apart.
class LogScale {
 public:
  LogScale(double low, double high) {
    for (int power = -6; power <= 6; ++power)
      for (const double digit : {1., 2., 5.}) steps_.push_back(digit * std::pow(10., power));
    low = std::clamp(low * 0.8, steps_.front(), steps_.back() / 10);
    high = std::clamp(high * 1.25, low * 4, steps_.back());
    const auto begin = std::ranges::upper_bound(steps_, low) - 1;
    const auto end = std::ranges::lower_bound(steps_, high);
    steps_ = {begin, end + 1};
  }
  double at(double value) const {
    const double share = std::log(std::max(value, steps_.front()) / steps_.front()) /
                         std::log(steps_.back() / steps_.front());
    return kLeft + std::min(share, 1.0) * (kRight - kLeft);
  }
  // Few enough to be read.
  std::vector<double> ticks() const {
    std::vector<double> out;
    for (const double step : steps_) {
      const double mantissa = step / std::pow(10., std::floor(std::log10(step) + 1e-9));
      if (steps_.size() <= 10 || std::abs(mantissa - 1) < 0.01) out.push_back(step);
    }
    return out;
  }

 private:
  std::vector<double> steps_;
};

// Dots at 0 and at 100 % are within the plot.
double height_of(double accuracy) {
  constexpr double kNone = kBottom - kLargest - 4, kAll = kTop + 16;
  return kNone - accuracy * (kNone - kAll);
}

struct Dot {
  const ComparedModel* model;
  double x, y, r;
  Rect box() const { return {x - r, y - r, x + r, y + r}; }
};

// Where a label meets neither another one nor a dot, if there is such a place.
Rect place_label(const Dot& dot, double width, const std::vector<Rect>& taken) {
  const double gap = 5, middle = dot.y - kLine / 2;
  std::vector<Rect> places;
  const auto add = [&](double left, double top) {
    left = std::clamp(left, 4.0, std::max(4.0, kWidth - width - 4));
    places.push_back({left, top, left + width, top + kLine});
  };
  for (int away = 0; away < 8; ++away) {
    const double step = away * kLine;
    for (const double top : {middle + step, middle - step}) {
      add(dot.x + dot.r + gap, top);
      add(dot.x - dot.r - gap - width, top);
    }
    add(dot.x - width / 2, dot.y - dot.r - gap - kLine - step);
    add(dot.x - width / 2, dot.y + dot.r + gap + step);
  }
  for (const Rect& place : places)
    if (place.top > kTop - 30 && place.bottom < kBottom &&
        std::ranges::none_of(taken, [&](const Rect& other) { return place.meets(other); }))
      return place;
  return places.front();
}

std::string grid(const LogScale& seconds) {
  std::string out;
  for (int percent = 0; percent <= 100; percent += 20) {
    const double y = height_of(percent / 100.);
    out += fmt::format(
        "<line class=\"line\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{} %</text>\n",
        kLeft, y, kRight, y, kLeft - 8, y + 4, percent);
  }
  for (const double tick : seconds.ticks()) {
    const double x = seconds.at(tick);
    out += fmt::format(
        "<line class=\"line\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:g} s</text>\n",
        x, kTop, x, kBottom, x, kBottom + 20, tick);
  }
  const double middle = (kTop + kBottom) / 2;
  return out +
         fmt::format(
             "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">seconds for an answer "
             "(median; "
             "further left is faster)</text>\n<text x=\"20\" y=\"{:.1f}\" text-anchor=\"middle\" "
             "transform=\"rotate(-90 20 {:.1f})\">accuracy</text>\n",
             (kLeft + kRight) / 2, kBottom + 44, middle, middle);
}

std::string description(const std::vector<const ComparedModel*>& models) {
  std::string out;
  for (const ComparedModel* model : models)
    out +=
        fmt::format("{}{}: {:.1f} %, {:.3g} s, {}", out.empty() ? "" : "; ", model->name,
                    percent(model->accuracy.mean), model->seconds.p50,
                    model->resident_bytes ? human_bytes(*model->resident_bytes) : "memory unknown");
  return out.empty() ? "No model gave an answer" : out;
}

}  // namespace

std::string Comparison::plot() const {
  std::vector<const ComparedModel*> shown;
  for (const ComparedModel& model : models)
    if (model.error.empty()) shown.push_back(&model);
  double low = 1, high = 1;
  std::size_t largest = 0;
  for (const ComparedModel* model : shown) {
    const bool first = model == shown.front();
    low = first ? model->seconds.p50 : std::min(low, model->seconds.p50);
    high = first ? model->seconds.p50 : std::max(high, model->seconds.p50);
    largest = std::max(largest, model->resident_bytes.value_or(0));
  }
  const LogScale seconds(low, high);
  std::vector<Dot> dots;
  std::vector<Rect> taken;
  for (const ComparedModel* model : shown) {
    double r = kUnknownSize;
    if (model->resident_bytes && largest > 0)
      r = std::max(kSmallest, kLargest * std::sqrt(static_cast<double>(*model->resident_bytes) /
                                                   static_cast<double>(largest)));
    dots.push_back({model, seconds.at(model->seconds.p50), height_of(model->accuracy.mean), r});
    taken.push_back(dots.back().box());
  }
  std::string out =
      fmt::format(fmt::runtime(kPlotHead), kWidth, kHeight, in_markup(description(shown)), kLeft);
  out += grid(seconds);
  // The small ones last, so that none is hidden.
  std::ranges::stable_sort(dots, [](const Dot& a, const Dot& b) { return a.r > b.r; });
  for (const Dot& dot : dots)
    out += fmt::format("<circle class=\"dot{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"/>\n",
                       dot.model->resident_bytes ? "" : " unknown", dot.x, dot.y, dot.r);
  for (const Dot& dot : dots) {
    const std::string text = shortened(dot.model->name, 40);
    const Rect place = place_label(dot, kLetter * static_cast<double>(text.size()), taken);
    taken.push_back(place);
    // A label that is not beside its dot is led to it.
    const double x = std::clamp(dot.x, place.left, place.right);
    const double y = std::clamp(dot.y, place.top, place.bottom);
    if (std::hypot(x - dot.x, y - dot.y) > dot.r + 8)
      out += fmt::format(
          "<line class=\"lead\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", dot.x,
          dot.y, x, y);
    out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", place.left,
                       place.bottom - 3.5, in_markup(text));
  }
  out += fmt::format(
      "<text class=\"quiet\" x=\"{:.1f}\" y=\"{:.1f}\">The area of a dot is resident memory{}; "
      "a dashed ring: unknown.</text>\n",
      kLeft, kHeight - 14,
      largest > 0 ? fmt::format(", the largest {}", human_bytes(largest)) : "");
  return out + "</svg>\n";
}

}  // namespace oc
