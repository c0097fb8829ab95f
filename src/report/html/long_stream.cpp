// SPDX-License-Identifier: MIT
// One wide drawing.
#include "report/html/long_stream.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "eval/domain_name.h"
#include "eval/protocols/gradual.h"
#include "report/format.h"
#include "report/html/number.h"
#include "report/html/rule_style.h"
#include "report/html/sections.h"
#include "report/html/stream_curve.h"
#include "report/html/svg.h"

namespace ttscale::report::html {
namespace {

constexpr const char* kGradual = "gradual";
constexpr double kWidth = 1060;
constexpr double kTop = 100;
constexpr double kLabelRoom = 90;  // the last label leans out to the right
constexpr double kPlotHeight = 220;
constexpr std::size_t kMostPoints = 300;
constexpr std::int64_t kLeastImages = 50;
constexpr std::size_t kMostDetailed = 24;  // domains that have a curve each

/// A stretch of the axis with one label: a domain, or the severities of a kind.
struct Stretch {
  std::string name;
  double start = 0;  ///< images
  double end = 0;
};

/// A part of the stream: all of a domain's images, or the share of them that one visit shows.
struct Visit {
  std::string domain;
  double from = 0;
  double to = 1;
};

/// What is drawn of a rule: points of images seen and accuracy; pieces are not joined to each other.
struct Line {
  std::string rule;
  std::vector<std::vector<std::pair<double, double>>> pieces;
};

/// Under `gradual` every severity but the highest of its kind is met twice, with all its images each time.
std::vector<Visit> gradual_visits(const Group& group) {
  std::vector<eval::EvalDomain> domains;
  for (const std::string& domain : group.domains) {
    if (std::find(group.stream.begin(), group.stream.end(), domain) != group.stream.end()) {
      domains.push_back({domain, 0, -1});
    }
  }
  const std::vector<std::int64_t> sequence = eval::gradual_sequence(domains);
  std::map<std::int64_t, int> met;
  std::vector<Visit> visits;
  for (const std::int64_t domain : sequence) {
    const auto times = static_cast<double>(std::count(sequence.begin(), sequence.end(), domain));
    const int before = met[domain]++;
    visits.push_back({domains[static_cast<std::size_t>(domain)].name, before / times, (before + 1) / times});
  }
  return visits;
}

std::vector<Visit> visits_of(const Group& group) {
  if (group.protocol == kGradual) {
    return gradual_visits(group);
  }
  std::vector<Visit> visits;
  for (const std::string& domain : group.stream) {
    visits.push_back({domain, 0, 1});
  }
  return visits;
}

std::vector<const Curve*> curves_of(const Entry& entry) {
  std::vector<const Curve*> curves;
  for (const eval::Cell* cell : entry.cells) {
    curves.push_back(&cell->curve);
  }
  return curves;
}

/// The curves of seeds add up; the axis shows the images of one.
double copies_of(const Entry& entry) { return static_cast<double>(std::max<std::size_t>(entry.cells.size(), 1)); }

Curve curve_of(const Summary& summary, const Group& group, const Visit& visit, const std::string& rule) {
  return slice(add_curves(curves_of(summary.entry(group, visit.domain, rule))), visit.from, visit.to);
}

/// Visits as stretches of the axis, as long as their images.
std::vector<Stretch> stretches_of(const Summary& summary, const Group& group, const std::vector<Visit>& visits) {
  std::vector<Stretch> stretches;
  double seen = 0;
  for (const Visit& visit : visits) {
    double length = 0;
    for (const eval::RulePlan& rule : summary.plan().rules) {
      const double images = static_cast<double>(images_of(curve_of(summary, group, visit, rule.label)));
      length = std::max(length, images / copies_of(summary.entry(group, visit.domain, rule.label)));
    }
    stretches.push_back({visit.domain, seen, seen + length});
    seen += length;
  }
  return stretches;
}

/// Neighbours of the same kind as one.
std::vector<Stretch> kinds_of(const std::vector<Stretch>& domains) {
  std::vector<Stretch> kinds;
  for (const Stretch& domain : domains) {
    const std::string kind = eval::parse_domain_name(domain.name).path;
    if (!kinds.empty() && kinds.back().name == kind) {
      kinds.back().end = domain.end;
    } else {
      kinds.push_back({kind, domain.start, domain.end});
    }
  }
  return kinds;
}

/// A curve along a stretch of the axis; what is one number is a level line over it.
std::vector<std::pair<double, double>> along(const Curve& curve, double copies, const Stretch& stretch) {
  std::vector<std::pair<double, double>> piece;
  double seen = stretch.start;
  for (const eval::CurvePoint& point : curve) {
    const double length = static_cast<double>(point.images) / copies;
    piece.emplace_back(seen + length / 2, accuracy_of(point));
    seen += length;
  }
  if (piece.size() == 1) {
    piece = {{stretch.start, piece.front().second}, {stretch.end, piece.front().second}};
  }
  return piece;
}

/// Where visits are many, each is one point, and the points of a kind are joined.
Line line_of_points(const Summary& summary, const Group& group, const std::vector<Visit>& visits,
                    const std::vector<Stretch>& stretches, const std::string& rule) {
  Line line{rule, {}};
  std::string kind;
  for (std::size_t i = 0; i < visits.size(); ++i) {
    const std::string other = eval::parse_domain_name(visits[i].domain).path;
    if (line.pieces.empty() || other != kind) {
      line.pieces.emplace_back();
      kind = other;
    }
    const Curve all = merge_stretches(curve_of(summary, group, visits[i], rule), 1, 1);
    if (!all.empty()) {
      line.pieces.back().emplace_back((stretches[i].start + stretches[i].end) / 2, accuracy_of(all.front()));
    }
  }
  return line;
}

Line line_of(const Summary& summary, const Group& group, const std::vector<Visit>& visits,
             const std::vector<Stretch>& stretches, const std::string& rule) {
  if (visits.size() > kMostDetailed) {
    return line_of_points(summary, group, visits, stretches, rule);
  }
  Line line{rule, {}};
  for (std::size_t i = 0; i < visits.size(); ++i) {
    const Curve curve = merge_stretches(curve_of(summary, group, visits[i], rule),
                                        std::max<std::size_t>(kMostPoints / visits.size(), 1), kLeastImages);
    line.pieces.push_back(along(curve, copies_of(summary.entry(group, visits[i].domain, rule)), stretches[i]));
  }
  return line;
}

/// Labels above the plot, slanted, not closer to each other than can be read.
void draw_labels(Svg& svg, const std::vector<Stretch>& stretches, const Scale& x, double top) {
  constexpr double kLeastGap = 14;
  constexpr std::size_t kMostCharacters = 20;
  double last = -kLeastGap;
  for (const Stretch& stretch : stretches) {
    const double middle = x((stretch.start + stretch.end) / 2);
    if (middle - last >= kLeastGap) {
      svg.label({middle, top - 8}, shorten(clean_utf8(stretch.name), kMostCharacters), Anchor::kStart, {}, -40);
      last = middle;
    }
  }
}

double lowest(const std::vector<Line>& lines) {
  double low = 100;
  for (const Line& line : lines) {
    for (const auto& piece : line.pieces) {
      for (const auto& [seen, accuracy] : piece) {
        low = std::min(low, accuracy);
      }
    }
  }
  return low;
}

/// Grid, curves and what stands above them.
Markup drawing(const Summary& summary, Svg& svg, const Scale& x, double top, const std::vector<Line>& lines) {
  constexpr double kStep = 20;
  const double low = std::min(std::floor(lowest(lines) / kStep) * kStep, 100 - kStep);  // a stream may be all right
  const Scale y{low, 100, top + kPlotHeight, top};
  draw_axes(svg, {x, y, "images seen", "top-1, %", 8, 4, 0, 0});
  for (const Line& line : lines) {
    for (const auto& piece : line.pieces) {
      std::vector<Point> points;
      for (const auto& [seen, accuracy] : piece) {
        points.push_back({x(seen), y(accuracy)});
      }
      svg.polyline(points, "line " + rule_class(summary, line.rule));
      if (points.size() == 1) {
        svg.circle(points.front(), 2.5, "point " + rule_class(summary, line.rule));
      }
    }
  }
  return svg.markup("wide");
}

Scale axis(double images) { return {0, images, 52, kWidth - kLabelRoom}; }

Markup successive(const Summary& summary, const Group& group, const std::string& id) {
  const std::vector<Visit> visits = visits_of(group);
  const std::vector<Stretch> stretches = stretches_of(summary, group, visits);
  std::vector<Line> lines;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    lines.push_back(line_of(summary, group, visits, stretches, rule.label));
  }
  if (stretches.empty() || stretches.back().end <= 0) {
    return {};
  }
  const Scale x = axis(stretches.back().end);
  const bool detailed = visits.size() <= kMostDetailed;
  Svg svg(kWidth, kTop + kPlotHeight + 40, id, "Accuracy over the stream of all domains",
          "Top-1 in % over images seen, " + count_of(group.stream.size(), "domain") + " one after the other from " +
              stretches.front().name + " to " + stretches.back().name + ".");
  const std::vector<Stretch> kinds = kinds_of(stretches);
  for (const Stretch& stretch : detailed ? stretches : std::vector<Stretch>()) {
    svg.line({x(stretch.start), kTop}, {x(stretch.start), kTop + kPlotHeight}, "boundary minor");
  }
  for (const Stretch& kind : kinds) {
    svg.line({x(kind.start), kTop}, {x(kind.start), kTop + kPlotHeight}, "boundary");
  }
  draw_labels(svg, detailed ? stretches : kinds, x, kTop);
  return drawing(summary, svg, x, kTop, lines);
}

/// The images of all domains lie side by side: a point holds some of each.
Markup mixed(const Summary& summary, const Group& group, const std::string& id) {
  constexpr std::size_t kStretches = 50;
  std::vector<Line> lines;
  double images = 0;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    std::vector<const Curve*> curves;
    double copies = 1;
    for (const std::string& domain : group.stream) {
      const Entry entry = summary.entry(group, domain, rule.label);
      copies = std::max(copies, copies_of(entry));
      for (const Curve* curve : curves_of(entry)) {
        curves.push_back(curve);
      }
    }
    const Curve sum = merge_stretches(add_side_by_side(curves, kStretches), kStretches, kLeastImages);
    images = std::max(images, static_cast<double>(images_of(sum)) / copies);
    lines.push_back({rule.label, {along(sum, copies, {{}, 0, static_cast<double>(images_of(sum)) / copies})}});
  }
  if (images <= 0) {
    return {};
  }
  constexpr double kNoLabels = 10;
  Svg svg(kWidth, kNoLabels + kPlotHeight + 40, id, "Accuracy over the stream of all domains",
          "Top-1 in % over images seen, the images of " + count_of(group.stream.size(), "domain") + " mixed.");
  return drawing(summary, svg, axis(images), kNoLabels, lines);
}

}  // namespace

bool is_mixed(const Group& group) { return group.protocol.rfind("mixed", 0) == 0; }

bool is_one_stream(const Group& group) {
  return group.stream.size() > 1 && (group.protocol == "continual" || group.protocol == kGradual || is_mixed(group));
}

Markup long_stream(const Summary& summary, const Group& group, const std::string& id) {
  const Markup drawn = is_mixed(group) ? mixed(summary, group, id) : successive(summary, group, id);
  return drawn.empty()
             ? drawn
             : rule_legend(summary, id) + scroller("Accuracy over the stream, " + Summary::name(group), drawn);
}

}  // namespace ttscale::report::html
