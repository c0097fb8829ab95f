// SPDX-License-Identifier: MIT
// One wide drawing.
#include "report/html/long_stream.h"

#include <algorithm>
#include <cmath>

#include "eval/domain_name.h"
#include "report/format.h"
#include "report/html/number.h"
#include "report/html/rule_style.h"
#include "report/html/sections.h"
#include "report/html/stream_curve.h"
#include "report/html/svg.h"

namespace ttscale::report::html {
namespace {

constexpr double kWidth = 1060;
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

/// One rule's accuracy over the whole stream, a line a domain.
struct Line {
  std::string rule;
  std::vector<std::vector<std::pair<double, double>>> pieces;  ///< images seen, accuracy
};

Curve curve_of(const Summary& summary, const Group& group, const std::string& domain, const std::string& rule) {
  std::vector<const Curve*> curves;
  for (const eval::Cell* cell : summary.entry(group, domain, rule).cells) {
    curves.push_back(&cell->curve);
  }
  const std::size_t most = std::max<std::size_t>(kMostPoints / group.stream.size(), 1);
  return merge_stretches(add_curves(curves), most, kLeastImages);
}

double copies_of(const Summary& summary, const Group& group, const std::string& domain, const std::string& rule) {
  return static_cast<double>(std::max<std::size_t>(summary.entry(group, domain, rule).cells.size(), 1));
}

std::vector<Stretch> domains_of(const Summary& summary, const Group& group) {
  std::vector<Stretch> stretches;
  double seen = 0;
  for (const std::string& domain : group.stream) {
    double length = 0;
    for (const eval::RulePlan& rule : summary.plan().rules) {
      const Curve curve = curve_of(summary, group, domain, rule.label);
      length = std::max(length, static_cast<double>(images_of(curve)) / copies_of(summary, group, domain, rule.label));
    }
    stretches.push_back({domain, seen, seen + length});
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

/// Where domains are many, each is one point, and the points of a kind are joined.
Line line_of_points(const Summary& summary, const Group& group, const std::vector<Stretch>& domains,
                    const std::string& rule) {
  Line line{rule, {}};
  std::string kind;
  for (const Stretch& domain : domains) {
    const std::string other = eval::parse_domain_name(domain.name).path;
    if (line.pieces.empty() || other != kind) {
      line.pieces.emplace_back();
      kind = other;
    }
    line.pieces.back().emplace_back((domain.start + domain.end) / 2, summary.entry(group, domain.name, rule).value);
  }
  return line;
}

Line line_of(const Summary& summary, const Group& group, const std::vector<Stretch>& domains, const std::string& rule) {
  if (domains.size() > kMostDetailed) {
    return line_of_points(summary, group, domains, rule);
  }
  Line line{rule, {}};
  for (const Stretch& domain : domains) {
    const Curve curve = curve_of(summary, group, domain.name, rule);
    const double copies = copies_of(summary, group, domain.name, rule);
    std::vector<std::pair<double, double>> piece;
    double seen = domain.start;
    for (const eval::CurvePoint& point : curve) {
      const double length = static_cast<double>(point.images) / copies;
      piece.emplace_back(seen + length / 2, accuracy_of(point));
      seen += length;
    }
    if (piece.size() == 1) {  // the whole domain is one number: a level line over it
      piece = {{domain.start, piece.front().second}, {domain.end, piece.front().second}};
    }
    line.pieces.push_back(std::move(piece));
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

}  // namespace

Markup long_stream(const Summary& summary, const Group& group, const std::string& id) {
  constexpr double kTop = 100;
  constexpr double kLabelRoom = 90;  // the last label leans out to the right
  const std::vector<Stretch> domains = domains_of(summary, group);
  std::vector<Line> lines;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    lines.push_back(line_of(summary, group, domains, rule.label));
  }
  if (domains.back().end <= 0) {
    return {};
  }
  const Scale x{0, domains.back().end, 52, kWidth - kLabelRoom};
  const Scale y{std::floor(lowest(lines) / 20) * 20, 100, kTop + kPlotHeight, kTop};
  const std::vector<Stretch> kinds = kinds_of(domains);
  Svg svg(kWidth, kTop + kPlotHeight + 40, id, "Accuracy over the stream of all domains",
          "Top-1 in % over images seen, " + count_of(domains.size(), "domain") + " one after the other from " +
              domains.front().name + " to " + domains.back().name + ".");
  draw_axes(svg, {x, y, "images seen", "top-1, %", 8, 4, 0, 0});
  for (const Stretch& kind : kinds) {
    svg.line({x(kind.start), kTop}, {x(kind.start), kTop + kPlotHeight}, "boundary");
  }
  if (domains.size() <= kMostDetailed) {
    for (const Stretch& domain : domains) {
      svg.line({x(domain.start), kTop}, {x(domain.start), kTop + kPlotHeight}, "boundary minor");
    }
  }
  draw_labels(svg, domains.size() <= kMostDetailed ? domains : kinds, x, kTop);
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
  return rule_legend(summary, id) + scroller("Accuracy over the stream, " + Summary::name(group), svg.markup("wide"));
}

}  // namespace ttscale::report::html
