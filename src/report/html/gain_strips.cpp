// SPDX-License-Identifier: MIT
// Strips on a common scale of points.
#include "report/html/gain_strips.h"

#include <algorithm>
#include <cmath>

#include "report/format.h"
#include "report/html/number.h"
#include "report/html/rule_style.h"
#include "report/html/svg.h"
#include "report/html/verdict.h"

namespace ttscale::report::html {
namespace {

constexpr double kWidth = 340;
constexpr double kHeight = 34;
constexpr double kMargin = 18;

/// Gains of every rule and domain and zero, widened to round numbers.
Scale scale_of(const Summary& summary, const Group& group) {
  double low = 0;
  double high = 0;
  for (const std::string& rule : summary.adapting()) {
    for (const std::string& domain : group.stream) {
      const double points = summary.entry(group, domain, rule).gain.points;
      low = std::min(low, std::isnan(points) ? 0 : points);
      high = std::max(high, std::isnan(points) ? 0 : points);
    }
  }
  const double step = std::max((high - low) / 20, 0.5);
  return {std::floor(low / step) * step - step / 2, std::ceil(high / step) * step + step / 2, kMargin,
          kWidth - kMargin};
}

void draw_zero(Svg& svg, const Scale& x) { svg.line({x(0), 2}, {x(0), kHeight - 2}, "zero"); }

Markup strip(const Summary& summary, const Group& group, const std::string& rule, const Scale& x, std::size_t index) {
  const Gain mean = summary.mean_gain(group, rule);
  const Balance balance = balance_of(summary, group, rule);
  Svg svg(kWidth, kHeight, "strip-" + std::to_string(index), "Gain of " + rule + " on each domain",
          "A dot a domain on a scale of points against source: " + count_of(balance.better, "domain") + " better, " +
              std::to_string(balance.worse) + " worse; the bar is the mean, " + signed_words(mean.points, 2) + ".");
  const double middle = kHeight / 2;
  svg.line({x.from, middle}, {x.to, middle}, "grid");
  draw_zero(svg, x);
  for (const std::string& domain : group.stream) {
    const Gain gain = summary.entry(group, domain, rule).gain;
    if (!std::isnan(gain.points)) {
      svg.circle({x(gain.points), middle}, 5, gain.points < 0 ? "dot loss" : "dot win",
                 domain + ": " + signed_words(gain.points, 2) + " points");
    }
  }
  if (std::isfinite(mean.points)) {
    svg.rect({x(mean.points) - 1.5, 4}, 3, kHeight - 8, "mean-bar");
  }
  return svg.markup("strip");
}

Markup axis(const Scale& x) {
  Svg svg(kWidth, 34, "strip-axis", "Scale of the strips", "points of gain or loss against source");
  for (const double tick : ticks(x.low, x.high, 7)) {
    svg.line({x(tick), 0}, {x(tick), 4}, "axis");
    svg.label({x(tick), 16}, signed_words(tick, x.high - x.low < 6 ? 1 : 0), Anchor::kMiddle);
  }
  svg.line({x.from, 0}, {x.to, 0}, "axis");
  svg.label({kWidth / 2, 31}, "points against source", Anchor::kMiddle, "axis-title");
  return svg.markup("strip");
}

Markup row(const Markup& label, const Markup& value, const Markup& drawing, const char* style) {
  return element(
      "li", {{"class", style}},
      element("span", {{"class", "strip-rule"}}, label) + element("span", {{"class", "strip-value"}}, value) + drawing);
}

Markup value_of(const Summary& summary, const Group& group, const std::string& rule) {
  const eval::RuleMean* mean = summary.mean(group, rule);
  const double value = mean == nullptr ? eval::Scores::kNone : eval::headline(mean->scores, summary.plan().task);
  Markup words = number(value, 2) + literal(" %");
  const Gain gain = summary.mean_gain(group, rule);
  if (std::isfinite(gain.points)) {
    words += literal(" ") + element("b", signed_number(gain.points, 2));
  }
  return words;
}

}  // namespace

Markup gain_strips(const Summary& summary, const Group& group) {
  const Scale x = scale_of(summary, group);
  const bool several = group.stream.size() > 1;
  Markup rows;
  if (summary.source()) {
    rows += row(name(*summary.source()), value_of(summary, group, *summary.source()),
                element("span", {{"class", "strip-none"}}, text("what the others are compared with")), "strip-row");
  }
  std::size_t index = 0;
  for (const std::string& rule : summary.adapting()) {
    rows += row(name(rule), value_of(summary, group, rule), strip(summary, group, rule, x, index++), "strip-row");
  }
  rows += row({}, {}, axis(x), "strip-row strip-axis");
  const std::string caption = (several ? "Mean " : "The ") + summary.metric() + " and gain of each rule" +
                              (several ? "; each dot is a domain, the bar their mean" : "") +
                              (summary.has_several_groups() ? " (" + Summary::name(group) + ")" : "") + ".";
  return element("p", {{"class", "caption"}}, text(caption)) + element("ul", {{"class", "strips"}}, rows);
}

}  // namespace ttscale::report::html
