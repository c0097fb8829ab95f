// SPDX-License-Identifier: MIT
// Classes of the style sheet for rules and gains.
#include "report/html/rule_style.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "report/html/number.h"
#include "report/html/svg.h"

namespace ttscale::report::html {
namespace {

constexpr std::size_t kRuleStyles = 7;

/// Points from which on a gain or loss has the next colour. Fixed, so that a colour means the same on every page.
constexpr std::array<double, 5> kGainSteps{0.5, 2, 5, 10, 20};

Markup line_sample(const std::string& style, const std::string& id, const std::string& rule) {
  Svg svg(34, 10, id, "line sample", "how " + rule + " is drawn");
  svg.line({1, 5}, {33, 5}, "line " + style);
  return svg.markup("sample");
}

std::string step_words(int step) {
  const auto size = static_cast<std::size_t>(std::abs(step));
  if (size == 0) {
    return "\u2248 0";
  }
  const std::string edge = number_words(kGainSteps.at(size - 1), size == 1 ? 1 : 0);
  const std::string more = size < kGainSteps.size() ? "" : step < 0 ? "\u2264 " : "\u2265 ";
  return more + (step < 0 ? "\u2212" : "+") + edge;
}

}  // namespace

std::string rule_class(const Summary& summary, const std::string& rule) {
  if (summary.is_source(rule)) {
    return "rs";
  }
  const auto& rules = summary.adapting();
  const auto index = static_cast<std::size_t>(std::find(rules.begin(), rules.end(), rule) - rules.begin());
  return "r" + std::to_string(index % kRuleStyles);
}

Markup rule_legend(const Summary& summary, const std::string& id) {
  Markup items;
  int count = 0;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    items +=
        element("li", line_sample(rule_class(summary, rule.label), id + "-key" + std::to_string(count++), rule.label) +
                          literal(" ") + name(rule.label));
  }
  return element("ul", {{"class", "legend"}}, items);
}

std::string gain_class(double points) {
  if (std::isnan(points)) {
    return "dn";
  }
  const auto step = std::upper_bound(kGainSteps.begin(), kGainSteps.end(), std::abs(points)) - kGainSteps.begin();
  return (points < 0 && step > 0 ? "d-" : "d") + std::to_string(step);
}

Markup gain_legend() {
  Markup items;
  const int last = static_cast<int>(kGainSteps.size());
  for (int step = -last; step <= last; ++step) {
    items += element("li", {{"class", "d" + std::to_string(step)}}, text(step_words(step)));
  }
  return element("div", {{"class", "gain-key"}},
                 element("span", text("points against source, worse to better:")) + element("ol", items));
}

}  // namespace ttscale::report::html
