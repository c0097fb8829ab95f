// SPDX-License-Identifier: MIT
// Accuracy over the stream: one long drawing where one stream leads through all domains, else a panel a domain or a
// kind of domain.
#include <algorithm>
#include <cmath>
#include <map>

#include "eval/domain_name.h"
#include "report/format.h"
#include "report/html/long_stream.h"
#include "report/html/number.h"
#include "report/html/rule_style.h"
#include "report/html/sections.h"
#include "report/html/stream_curve.h"
#include "report/html/svg.h"
#include "report/html/table.h"

namespace ttscale::report::html {
namespace {

constexpr std::size_t kMostPanels = 24;
constexpr std::size_t kPanelStretches = 16;
constexpr std::int64_t kLeastImages = 40;  // fewer: one image more is 2.5 points, and the curve is noise

/// A drawing: the domains that are added up in it.
struct Panel {
  std::string name;
  std::vector<std::string> domains;
};

std::vector<Panel> panels_of(const Group& group) {
  std::vector<Panel> by_domain;
  std::vector<Panel> by_kind;
  for (const std::string& domain : group.stream) {
    by_domain.push_back({domain, {domain}});
    const std::string kind = eval::parse_domain_name(domain).path;
    const auto found =
        std::find_if(by_kind.begin(), by_kind.end(), [&](const Panel& panel) { return panel.name == kind; });
    if (found == by_kind.end()) {
      by_kind.push_back({kind, {domain}});
    } else {
      found->domains.push_back(domain);
    }
  }
  if (by_domain.size() <= kMostPanels) {
    return by_domain;
  }
  return by_kind.size() <= kMostPanels
             ? by_kind
             : std::vector<Panel>{{"all " + std::to_string(by_domain.size()) + " domains", group.stream}};
}

Curve curve_of(const Summary& summary, const Group& group, const Panel& panel, const std::string& rule) {
  std::vector<const Curve*> curves;
  for (const std::string& domain : panel.domains) {
    for (const eval::Cell* cell : summary.entry(group, domain, rule).cells) {
      curves.push_back(&cell->curve);
    }
  }
  return merge_stretches(add_curves(curves), kPanelStretches, kLeastImages);
}

using Curves = std::map<std::string, Curve>;  // by rule

struct DrawnPanel {
  Panel panel;
  Curves curves;
  double copies = 1;  ///< seeds and domains that are added up: the axis shows the images of one
};

std::vector<DrawnPanel> draw_all(const Summary& summary, const Group& group) {
  std::vector<DrawnPanel> drawn;
  for (const Panel& panel : panels_of(group)) {
    DrawnPanel item{panel, {}, 0};
    for (const eval::RulePlan& rule : summary.plan().rules) {
      item.curves[rule.label] = curve_of(summary, group, panel, rule.label);
    }
    for (const std::string& domain : panel.domains) {
      item.copies += static_cast<double>(summary.entry(group, domain, summary.plan().rules.front().label).cells.size());
    }
    const bool some =
        std::any_of(item.curves.begin(), item.curves.end(), [](const auto& rule) { return !rule.second.empty(); });
    if (some) {
      drawn.push_back(std::move(item));
    }
  }
  return drawn;
}

Scale accuracy_scale(const std::vector<DrawnPanel>& panels, double bottom, double top) {
  double low = 100;
  double high = 0;
  for (const DrawnPanel& panel : panels) {
    for (const auto& [rule, curve] : panel.curves) {
      for (const eval::CurvePoint& point : curve) {
        low = std::min(low, accuracy_of(point));
        high = std::max(high, accuracy_of(point));
      }
    }
  }
  constexpr double kStep = 20;
  low = std::clamp(std::floor(low / kStep) * kStep, 0.0, 100 - kStep);
  return {low, std::max(std::min(std::ceil(high / kStep) * kStep, 100.0), low + kStep), bottom, top};
}

std::string first_and_last(const Curves& curves) {
  std::string words;
  for (const auto& [rule, curve] : curves) {
    if (!curve.empty()) {
      words += " " + rule + ": " + number_words(accuracy_of(curve.front()), 1) + " % at first, " +
               number_words(accuracy_of(curve.back()), 1) + " % at last.";
    }
  }
  return words;
}

Markup panel_drawing(const Summary& summary, const DrawnPanel& drawn, const std::string& id, Scale y) {
  constexpr double kWidth = 270;
  constexpr double kHeight = 172;
  double images = 0;
  for (const auto& [rule, curve] : drawn.curves) {
    images = std::max(images, static_cast<double>(images_of(curve)) / drawn.copies);
  }
  const Scale x{0, std::max(images, 1.0), 52, kWidth - 14};
  Svg svg(kWidth, kHeight, id, "Accuracy over the stream: " + drawn.panel.name,
          "Top-1 in % over images seen." + first_and_last(drawn.curves));
  draw_axes(svg, {x, y, "images seen", "top-1, %", 3, 4, 0, 0});
  for (const eval::RulePlan& rule : summary.plan().rules) {
    std::vector<Point> points;
    double seen = 0;
    for (const eval::CurvePoint& point : drawn.curves.at(rule.label)) {
      const double length = static_cast<double>(point.images) / drawn.copies;
      points.push_back({x(seen + length / 2), y(accuracy_of(point))});
      seen += length;
    }
    if (points.size() == 1) {  // a line needs two ends
      points = {{x(0), points.front().y}, {x(seen), points.front().y}};
    }
    svg.polyline(points, "line " + rule_class(summary, rule.label));
  }
  return element("figure", {{"class", "panel"}}, element("figcaption", name(drawn.panel.name, 40)) + svg.markup());
}

Markup small_multiples(const Summary& summary, const Group& group, const std::string& id) {
  const std::vector<DrawnPanel> panels = draw_all(summary, group);
  const Scale y = accuracy_scale(panels, 132, 10);
  Markup drawings;
  for (const DrawnPanel& panel : panels) {
    drawings += panel_drawing(summary, panel, id + "-" + std::to_string(&panel - panels.data()), y);
  }
  return drawings.empty() ? Markup{} : rule_legend(summary, id) + element("div", {{"class", "panels"}}, drawings);
}

/// A stream that mixes its domains also shows each of them by itself.
Markup content_of(const Summary& summary, const Group& group, const std::string& id) {
  if (!is_one_stream(group)) {
    return small_multiples(summary, group, id);
  }
  const Markup stream = long_stream(summary, group, id);
  return stream.empty() || !is_mixed(group)
             ? stream
             : stream + folded("The images of each domain by themselves", small_multiples(summary, group, id + "-own"));
}

}  // namespace

Markup curves_section(const Summary& summary) {
  int count = 0;
  Markup content = for_each_group(
      summary, [&](const Group& group) { return content_of(summary, group, "curve-" + std::to_string(count++)); });
  if (content.empty()) {
    return {};
  }
  return section("curves", "Accuracy over the stream",
                 note("Share of right answers in successive stretches of the stream: whether a rule needs many images "
                      "before it helps, and whether it drifts. Short stretches are noisy: of 50 images, a point of the "
                      "curve is known to about 13 points either way.") +
                     content);
}

}  // namespace ttscale::report::html
