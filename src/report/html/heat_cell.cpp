// SPDX-License-Identifier: MIT
// Cells and their tips.
#include "report/html/heat_cell.h"

#include <cmath>

#include "report/html/number.h"
#include "report/html/rule_style.h"

namespace ttscale::report::html {
namespace {

Markup content_of(double value, const Gain& gain) {
  if (!std::isfinite(value)) {
    return number(value, 1);
  }
  Markup content = element("b", number(value, 1));
  if (std::isfinite(gain.points)) {
    const std::string words = signed_words(gain.points, 1);
    content += literal(" ") + element("small", text(gain.unclear() ? "(" + words + ")" : words));
  }
  return content;
}

std::string tip_of(const Summary& summary, const Entry& entry, const std::string& domain, const std::string& rule) {
  std::string tip = domain + ", " + rule + ": " + summary.metric() + " " + number_words(entry.value, 2) + " %";
  const eval::Scores& scores = entry.cells.front()->scores;
  if (entry.cells.size() == 1 && std::isfinite(scores.top1_low)) {
    tip += " (95 % interval " + number_words(scores.top1_low, 2) + " to " + number_words(scores.top1_high, 2) + ")";
  }
  if (std::isfinite(entry.gain.points)) {
    tip += "; against source " + signed_words(entry.gain.points, 2);
    tip += entry.gain.has_interval() ? " (" + interval_words(entry.gain.low, entry.gain.high, 2) + ")" : "";
  }
  return tip + "; " + count_words(scores.images) + " images";
}

}  // namespace

Markup heat_cell(const Summary& summary, const Group& group, const std::string& domain, const std::string& rule,
                 bool detailed) {
  const Entry entry = summary.entry(group, domain, rule);
  Attributes attributes{{"class", gain_class(entry.gain.points)}};
  if (detailed && !entry.cells.empty()) {
    attributes.emplace_back("title", tip_of(summary, entry, domain, rule));
  }
  return element("td", attributes, content_of(entry.value, entry.gain));
}

Markup mean_cell(double value, const Gain& gain) {
  return element("td", {{"class", gain_class(gain.points) + " mean"}}, content_of(value, gain));
}

Markup blank_cell() { return element("td", {{"class", "blank"}}, {}); }

}  // namespace ttscale::report::html
