// SPDX-License-Identifier: MIT
// How far the statistics of each layer moved, in depth order.
#include <algorithm>
#include <cmath>
#include <map>

#include "report/format.h"
#include "report/html/number.h"
#include "report/html/rule_style.h"
#include "report/html/sections.h"
#include "report/html/svg.h"

namespace ttscale::report::html {
namespace {

constexpr std::size_t kMostLabels = 70;

/// Mean distances of a site over domains and seeds.
struct Shift {
  std::string name;
  double batch = 0;
  double used = 0;
  std::int64_t cells = 0;
};

/// In depth order, as cells have them.
std::vector<Shift> shifts_of(const Summary& summary, const Group& group, const std::string& rule) {
  std::vector<Shift> shifts;
  for (const std::string& domain : group.stream) {
    for (const eval::Cell* cell : summary.entry(group, domain, rule).cells) {
      for (std::size_t i = 0; i < cell->sites.size(); ++i) {
        const eval::SiteSummary& site = cell->sites[i];
        if (shifts.size() <= i) {
          shifts.push_back({site.name, 0, 0, 0});
        }
        if (std::isfinite(site.batch_distance) && std::isfinite(site.used_distance)) {
          shifts[i].batch += site.batch_distance;
          shifts[i].used += site.used_distance;
          shifts[i].cells += 1;
        }
      }
    }
  }
  for (Shift& shift : shifts) {
    const auto cells = static_cast<double>(std::max<std::int64_t>(shift.cells, 1));
    shift.batch /= cells;
    shift.used /= cells;
  }
  return shifts;
}

using Shifts = std::map<std::string, std::vector<Shift>>;  // by rule

/// Distances of all rules have one scale, so that rules can be compared.
double greatest(const Shifts& shifts) {
  double most = 0.01;
  for (const auto& [rule, sites] : shifts) {
    for (const Shift& shift : sites) {
      most = std::max({most, shift.batch, shift.used});
    }
  }
  return most;
}

std::string description(const std::vector<Shift>& shifts) {
  const auto most =
      std::max_element(shifts.begin(), shifts.end(), [](const Shift& a, const Shift& b) { return a.batch < b.batch; });
  return count_of(shifts.size(), "layer") + " in depth order. The stream moved furthest at " + most->name + ": " +
         number_words(most->batch, 3) + ", of which " + number_words(most->used, 3) + " was used.";
}

struct Layout {
  double row = 15;
  double left = 148;
  double width = 350;
  double top = 8;

  [[nodiscard]] double y(std::size_t index) const { return top + row * (static_cast<double>(index) + 0.5); }
};

void draw_site(Svg& svg, const Shift& shift, const Scale& x, double y) {
  if (shift.cells == 0) {
    return;
  }
  svg.line({x(shift.batch), y}, {x(shift.used), y}, "between");
  const std::string tip =
      shift.name + ": stream " + number_words(shift.batch, 4) + ", used " + number_words(shift.used, 4);
  svg.circle({x(shift.batch), y}, 5, "batch-dot", tip);
  svg.rect({x(shift.used) - 3, y - 3}, 6, 6, "used-dot", tip);
}

Markup drawing(const std::string& rule, const std::vector<Shift>& shifts, double most, const std::string& id) {
  Layout layout;
  layout.row = shifts.size() > kMostLabels ? 9 : 15;
  const double bottom = layout.top + layout.row * static_cast<double>(shifts.size());
  const Scale x{0, most * 1.05, layout.left, layout.width - 14};
  Svg svg(layout.width, bottom + 40, id, "Shift of each layer under " + rule, description(shifts));
  for (const double tick : ticks(0, most, 4)) {
    svg.line({x(tick), layout.top}, {x(tick), bottom}, "grid");
    svg.label({x(tick), bottom + 16}, number_words(tick, most < 0.1 ? 3 : 2), Anchor::kMiddle);
  }
  svg.line({x.from, bottom}, {x.to, bottom}, "axis");
  svg.label({(x.from + x.to) / 2, bottom + 33}, "distance from training", Anchor::kMiddle, "axis-title");
  const std::size_t every = shifts.size() > kMostLabels ? 2 : 1;
  for (std::size_t i = 0; i < shifts.size(); ++i) {
    if (i % every == 0) {
      svg.label({layout.left - 8, layout.y(i) + 4}, shorten(clean_utf8(shifts[i].name), 22), Anchor::kEnd);
    }
    draw_site(svg, shifts[i], x, layout.y(i));
  }
  return element("figure", {{"class", "panel"}}, element("figcaption", name(rule)) + svg.markup());
}

/// `source` does not look at the stream, and a layer without a batch has nothing to show.
bool measured(const std::vector<Shift>& shifts) {
  return std::any_of(shifts.begin(), shifts.end(), [](const Shift& shift) { return shift.cells > 0; });
}

Markup group_content(const Summary& summary, const Group& group, const std::string& id) {
  Shifts shifts;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    shifts[rule.label] = shifts_of(summary, group, rule.label);
  }
  const double most = greatest(shifts);
  Markup drawings;
  int count = 0;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    if (measured(shifts[rule.label])) {
      drawings += drawing(rule.label, shifts[rule.label], most, id + "-" + std::to_string(count++));
    }
  }
  return drawings.empty() ? Markup{} : element("div", {{"class", "panels"}}, drawings);
}

}  // namespace

Markup sites_section(const Summary& summary) {
  int count = 0;
  const Markup content = for_each_group(
      summary, [&](const Group& group) { return group_content(summary, group, "sites-" + std::to_string(count++)); });
  if (content.empty()) {
    return {};
  }
  const Markup key =
      element("ul", {{"class", "legend"}},
              element("li", element("span", {{"class", "swatch batch-swatch"}}, {}) +
                                text(" the stream\u2019s own statistics")) +
                  element("li", element("span", {{"class", "swatch used-swatch"}}, {}) + text(" the statistics used")));
  return section("sites", "Shift of each layer",
                 note("Where the stream differs from training: layers from the input (top) to the output (bottom), "
                      "squared Hellinger distance (0: the same statistics as in training, 1: disjoint), mean over "
                      "domains, after the last batch of each. Source uses those of training, distance 0, whatever the "
                      "stream is.") +
                     key + content);
}

}  // namespace ttscale::report::html
