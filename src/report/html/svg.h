// SPDX-License-Identifier: MIT
// Drawings: shapes in an <svg> with a title and a description for those who cannot see it, scales and axes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/html/markup.h"

namespace ttscale::report::html {

/// A point of a drawing in pixels, y downwards.
struct Point {
  double x = 0;
  double y = 0;
};

/// Where a text stands to its point.
enum class Anchor { kStart, kMiddle, kEnd };

/// A drawing of fixed size. Colours, dashes and widths are the style sheet's: shapes have classes. What lies at no
/// finite place is not drawn.
class Svg {
 public:
  /// `id` must be unique on the page; title and description are read out in place of the drawing.
  Svg(double width, double height, std::string id, std::string title, std::string description);

  void line(Point from, Point to, const std::string& style);
  void polyline(const std::vector<Point>& points, const std::string& style);
  void circle(Point centre, double radius, const std::string& style, const std::string& tip = {});
  void rect(Point corner, double width, double height, const std::string& style, const std::string& tip = {});
  /// `turn`: degrees, clockwise, around the point.
  void label(Point at, const std::string& words, Anchor anchor, const std::string& style = {}, double turn = 0);

  /// `style` is the class of the <svg>.
  [[nodiscard]] Markup markup(const std::string& style = {}) const;

 private:
  double width_;
  double height_;
  std::string id_;
  std::string title_;
  std::string description_;
  Markup shapes_;
};

/// Maps a range of values to a range of pixels.
struct Scale {
  double low = 0;
  double high = 1;
  double from = 0;
  double to = 1;

  double operator()(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

/// Round numbers (1, 2 or 5 times a power of ten apart) within the range, about `count` of them.
std::vector<double> ticks(double low, double high, int count);

/// Where a plot lies and what its axes mean.
struct Axes {
  Scale x;
  Scale y;
  std::string x_title;
  std::string y_title;
  int x_ticks = 4;
  int y_ticks = 4;
  int x_decimals = 0;
  int y_decimals = 0;
};

/// Grid, tick labels and titles of the axes.
void draw_axes(Svg& svg, const Axes& axes);

}  // namespace ttscale::report::html
