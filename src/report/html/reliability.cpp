// SPDX-License-Identifier: MIT
// Reliability diagrams: how often a model is right when it says that it is sure.
#include <algorithm>
#include <cmath>

#include "report/findings.h"
#include "report/format.h"
#include "report/html/number.h"
#include "report/html/rule_style.h"
#include "report/html/sections.h"
#include "report/html/svg.h"
#include "report/html/table.h"

namespace ttscale::report::html {
namespace {

using Bins = std::vector<metrics::CalibrationBin>;

/// Bins of a rule added up over the domains and seeds of a group.
Bins bins_of(const Summary& summary, const Group& group, const std::string& rule) {
  Bins sum;
  for (const std::string& domain : group.stream) {
    for (const eval::Cell* cell : summary.entry(group, domain, rule).cells) {
      sum.resize(std::max(sum.size(), cell->bins.size()));
      for (std::size_t i = 0; i < cell->bins.size(); ++i) {
        sum[i].images += cell->bins[i].images;
        sum[i].correct += cell->bins[i].correct;
        sum[i].confidence += cell->bins[i].confidence;
      }
    }
  }
  return sum;
}

std::int64_t images_of(const Bins& bins) {
  std::int64_t images = 0;
  for (const metrics::CalibrationBin& bin : bins) {
    images += bin.images;
  }
  return images;
}

double share(double part, std::int64_t whole) {
  return whole > 0 ? part / static_cast<double>(whole) : eval::Scores::kNone;
}

double accuracy(const metrics::CalibrationBin& bin) { return share(static_cast<double>(bin.correct), bin.images); }
double confidence(const metrics::CalibrationBin& bin) { return share(bin.confidence, bin.images); }

/// Expected calibration error of the bins (Guo et al. 2017): the mean of |accuracy - confidence|, weighted by images.
double calibration_error(const Bins& bins) {
  double sum = 0;
  for (const metrics::CalibrationBin& bin : bins) {
    sum += std::abs(static_cast<double>(bin.correct) - bin.confidence);
  }
  return share(sum, images_of(bins));
}

/// Mean confidence less accuracy over all bins: above zero, the model is too sure.
double overconfidence(const Bins& bins) {
  double sum = 0;
  for (const metrics::CalibrationBin& bin : bins) {
    sum += bin.confidence - static_cast<double>(bin.correct);
  }
  return share(sum, images_of(bins));
}

std::string description(const Bins& bins) {
  const double over = overconfidence(bins);
  return "Share of right answers over confidence in " + count_of(bins.size(), "bin") + ". On average the model is " +
         number_words(100 * std::abs(over), 1) + " points " +
         (over >= 0 ? "more confident than right." : "less confident than right.");
}

void draw_bin(Svg& svg, const metrics::CalibrationBin& bin, const Scale& x, const Scale& y, double left, double right) {
  if (bin.images == 0) {
    return;
  }
  const double right_share = accuracy(bin);
  const double sure = confidence(bin);
  const std::string tip = "confidence " + number_words(sure, 2) + ", right " + number_words(right_share, 2) + ", " +
                          count_words(bin.images) + " images";
  svg.rect({x(left) + 0.5, y(right_share)}, x(right) - x(left) - 1, y(0) - y(right_share), "bin", tip);
  const double top = std::max(sure, right_share);
  svg.rect({x(left) + 0.5, y(top)}, x(right) - x(left) - 1, std::abs(y(sure) - y(right_share)),
           sure > right_share ? "gap over" : "gap under");
}

/// Below the plot: what share of the images each bin holds.
void draw_counts(Svg& svg, const Bins& bins, const Scale& x, double top, double height) {
  std::int64_t most = 1;
  for (const metrics::CalibrationBin& bin : bins) {
    most = std::max(most, bin.images);
  }
  const auto width = 1 / static_cast<double>(bins.size());
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const double length = height * static_cast<double>(bins[i].images) / static_cast<double>(most);
    svg.rect({x(static_cast<double>(i) * width) + 0.5, top}, x(width) - x(0) - 1, length, "count");
  }
}

Markup diagram(const std::string& rule, const Bins& bins, const std::string& id) {
  constexpr double kWidth = 270;
  constexpr double kBottom = 218;
  constexpr double kCounts = 34;
  const Scale x{0, 1, 52, kWidth - 12};
  const Scale y{0, 1, kBottom, 12};
  Svg svg(kWidth, kBottom + 44 + kCounts + 6, id, "Reliability diagram of " + rule, description(bins));
  draw_axes(svg, {x, y, "confidence", "share right", 5, 5, 1, 1});
  const auto width = 1 / static_cast<double>(bins.size());
  for (std::size_t i = 0; i < bins.size(); ++i) {
    draw_bin(svg, bins[i], x, y, static_cast<double>(i) * width, static_cast<double>(i + 1) * width);
  }
  svg.line({x(0), y(0)}, {x(1), y(1)}, "diagonal");
  draw_counts(svg, bins, x, kBottom + 44, kCounts);
  svg.label({46, kBottom + 56}, "images", Anchor::kEnd);
  return element("figure", {{"class", "panel"}}, element("figcaption", name(rule)) + svg.markup());
}

std::vector<Markup> row_of(const Summary& summary, const Group& group, const std::string& rule, const Bins& bins) {
  std::vector<Markup> row{name(rule), number(calibration_error(bins), 3)};
  if (const eval::RuleMean* mean = summary.mean(group, rule)) {
    for (const double value :
         {mean->scores.ece, mean->scores.adaptive_ece, mean->scores.nll, mean->scores.brier, mean->scores.confidence}) {
      row.push_back(number(value, 3));
    }
  }
  return row;
}

/// A part has no means.
std::vector<Markup> header_of(const Summary& summary) {
  std::vector<Markup> header{text("rule"), text("ECE pooled")};
  if (!is_part(summary.plan())) {
    for (const char* title : {"ECE mean", "adaptive ECE", "NLL", "Brier", "confidence"}) {
      header.push_back(text(title));
    }
  }
  return header;
}

Markup group_content(const Summary& summary, const Group& group, const std::string& id) {
  Markup diagrams;
  std::vector<std::vector<Markup>> rows;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    const Bins bins = bins_of(summary, group, rule.label);
    if (images_of(bins) == 0) {
      continue;
    }
    diagrams += diagram(rule.label, bins, id + "-" + std::to_string(rows.size()));
    rows.push_back(row_of(summary, group, rule.label, bins));
  }
  if (rows.empty()) {
    return {};
  }
  return element("div", {{"class", "panels"}}, diagrams) +
         number_table("Calibration by rule", header_of(summary), rows);
}

}  // namespace

Markup reliability_section(const Summary& summary) {
  int count = 0;
  const Markup content = for_each_group(summary, [&](const Group& group) {
    return group_content(summary, group, "reliability-" + std::to_string(count++));
  });
  if (content.empty()) {
    return {};
  }
  const Markup key = element(
      "ul", {{"class", "legend"}},
      element("li", element("span", {{"class", "swatch bin"}}, {}) + text(" share right")) +
          element("li",
                  element("span", {{"class", "swatch gap-over"}}, {}) + text(" too sure (gap below the diagonal)")) +
          element("li", element("span", {{"class", "swatch gap-under"}}, {}) + text(" too unsure (gap above it)")));
  return section("reliability", "Calibration",
                 note("Is the model right as often as it is sure? Bars that end at the diagonal are calibrated. All "
                      "domains are pooled in the drawings and in \u201CECE pooled\u201D; the other columns are means "
                      "over domains. Lower is better in all of them but confidence.") +
                     key + content);
}

}  // namespace ttscale::report::html
