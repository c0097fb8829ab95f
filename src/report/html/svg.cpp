// SPDX-License-Identifier: MIT
// Shapes and axes.
#include "report/html/svg.h"

#include <algorithm>
#include <cmath>

#include "report/format.h"
#include "report/html/number.h"

namespace ttscale::report::html {
namespace {

std::string pixel(double value) {
  std::string digits = fixed(value, 1);
  return digits.size() > 2 && digits.substr(digits.size() - 2) == ".0" ? digits.substr(0, digits.size() - 2) : digits;
}

bool is_drawable(const Point& point) { return std::isfinite(point.x) && std::isfinite(point.y); }

std::string path_of(const std::vector<Point>& points) {
  std::string path;
  for (const Point& point : points) {
    if (!is_drawable(point)) {
      continue;
    }
    path += (path.empty() ? "" : " ") + pixel(point.x) + "," + pixel(point.y);
  }
  return path;
}

Markup shape(const char* name, const Attributes& attributes, const std::string& tip) {
  return tip.empty() ? leaf(name, attributes) : element(name, attributes, element("title", text(tip)));
}

const char* anchor_word(Anchor anchor) {
  return anchor == Anchor::kStart ? "start" : anchor == Anchor::kMiddle ? "middle" : "end";
}

}  // namespace

Svg::Svg(double width, double height, std::string id, std::string title, std::string description)
    : width_(width),
      height_(height),
      id_(std::move(id)),
      title_(std::move(title)),
      description_(std::move(description)) {}

void Svg::line(Point from, Point to, const std::string& style) {
  if (!is_drawable(from) || !is_drawable(to)) {
    return;
  }
  shapes_ +=
      leaf("line",
           {{"class", style}, {"x1", pixel(from.x)}, {"y1", pixel(from.y)}, {"x2", pixel(to.x)}, {"y2", pixel(to.y)}});
}

void Svg::polyline(const std::vector<Point>& points, const std::string& style) {
  shapes_ += leaf("polyline", {{"class", style}, {"points", path_of(points)}});
}

void Svg::circle(Point centre, double radius, const std::string& style, const std::string& tip) {
  if (!is_drawable(centre)) {
    return;
  }
  shapes_ +=
      shape("circle", {{"class", style}, {"cx", pixel(centre.x)}, {"cy", pixel(centre.y)}, {"r", pixel(radius)}}, tip);
}

void Svg::rect(Point corner, double width, double height, const std::string& style, const std::string& tip) {
  if (!is_drawable(corner) || !std::isfinite(width) || !std::isfinite(height)) {
    return;
  }
  shapes_ += shape("rect",
                   {{"class", style},
                    {"x", pixel(corner.x)},
                    {"y", pixel(corner.y)},
                    {"width", pixel(width)},
                    {"height", pixel(height)}},
                   tip);
}

void Svg::label(Point at, const std::string& words, Anchor anchor, const std::string& style, double turn) {
  if (!is_drawable(at)) {
    return;
  }
  Attributes attributes{{"x", pixel(at.x)}, {"y", pixel(at.y)}, {"text-anchor", anchor_word(anchor)}};
  if (!style.empty()) {
    attributes.emplace_back("class", style);
  }
  if (turn != 0) {
    attributes.emplace_back("transform", "rotate(" + pixel(turn) + " " + pixel(at.x) + " " + pixel(at.y) + ")");
  }
  shapes_ += element("text", attributes, text(words));
}

Markup Svg::markup(const std::string& style) const {
  Attributes attributes{{"role", "img"},
                        {"aria-labelledby", id_ + "-title " + id_ + "-desc"},
                        {"width", pixel(width_)},
                        {"height", pixel(height_)},
                        {"viewBox", "0 0 " + pixel(width_) + " " + pixel(height_)}};
  if (!style.empty()) {
    attributes.emplace_back("class", style);
  }
  return element("svg", attributes,
                 element("title", {{"id", id_ + "-title"}}, text(title_)) +
                     element("desc", {{"id", id_ + "-desc"}}, text(description_)) + shapes_);
}

std::vector<double> ticks(double low, double high, int count) {
  if (!(high > low) || count < 1) {
    return {low};
  }
  const double rough = (high - low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> values;
  const double slack = step * 1e-6;
  for (auto i = static_cast<long long>(std::ceil((low - slack) / step)); static_cast<double>(i) * step <= high + slack;
       ++i) {
    values.push_back(static_cast<double>(i) * step);
  }
  return values;
}

void draw_axes(Svg& svg, const Axes& axes) {
  constexpr double kGap = 6;
  const double bottom = axes.y.from;
  const double top = axes.y.to;
  for (const double tick : ticks(axes.y.low, axes.y.high, axes.y_ticks)) {
    const double y = axes.y(tick);
    svg.line({axes.x.from, y}, {axes.x.to, y}, "grid");
    svg.label({axes.x.from - kGap, y + 4}, number_words(tick, axes.y_decimals), Anchor::kEnd);
  }
  for (const double tick : ticks(axes.x.low, axes.x.high, axes.x_ticks)) {
    const double x = axes.x(tick);
    svg.line({x, bottom}, {x, bottom + 4}, "axis");
    const std::string words =
        axes.x_decimals == 0 ? count_words(std::llround(tick)) : number_words(tick, axes.x_decimals);
    svg.label({x, bottom + 16}, words, Anchor::kMiddle);
  }
  svg.line({axes.x.from, bottom}, {axes.x.to, bottom}, "axis");
  svg.label({(axes.x.from + axes.x.to) / 2, bottom + 32}, axes.x_title, Anchor::kMiddle, "axis-title");
  svg.label({12, (bottom + top) / 2}, axes.y_title, Anchor::kMiddle, "axis-title", -90);
}

}  // namespace ttscale::report::html
