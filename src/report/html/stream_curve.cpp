// SPDX-License-Identifier: MIT
// Sums of stretches.
#include "report/html/stream_curve.h"

#include <algorithm>
#include <numeric>

namespace ttscale::report::html {

Curve add_curves(const std::vector<const Curve*>& curves) {
  Curve sum;
  for (const Curve* curve : curves) {
    sum.resize(std::max(sum.size(), curve->size()));
    for (std::size_t i = 0; i < curve->size(); ++i) {
      sum[i].images += (*curve)[i].images;
      sum[i].correct += (*curve)[i].correct;
    }
  }
  return sum;
}

Curve add_side_by_side(const std::vector<const Curve*>& curves, std::size_t count) {
  Curve sum(count);
  for (const Curve* curve : curves) {
    for (std::size_t i = 0; i < curve->size(); ++i) {
      eval::CurvePoint& point = sum[(2 * i + 1) * count / (2 * curve->size())];
      point.images += (*curve)[i].images;
      point.correct += (*curve)[i].correct;
    }
  }
  sum.erase(std::remove_if(sum.begin(), sum.end(), [](const auto& point) { return point.images == 0; }), sum.end());
  return sum;
}

Curve slice(const Curve& curve, double from, double to) {
  const auto total = static_cast<double>(images_of(curve));
  Curve part;
  double seen = 0;
  for (const eval::CurvePoint& point : curve) {
    const double middle = (seen + static_cast<double>(point.images) / 2) / total;
    seen += static_cast<double>(point.images);
    if (middle >= from && middle < to) {
      part.push_back(point);
    }
  }
  return part;
}

std::int64_t images_of(const Curve& curve) {
  return std::accumulate(curve.begin(), curve.end(), std::int64_t{0},
                         [](std::int64_t total, const auto& point) { return total + point.images; });
}

Curve merge_stretches(const Curve& curve, std::size_t most, std::int64_t least_images) {
  const auto enough = static_cast<std::size_t>(images_of(curve) / std::max<std::int64_t>(least_images, 1));
  const std::size_t count = std::min({curve.size(), std::max<std::size_t>(most, 1), std::max<std::size_t>(enough, 1)});
  Curve merged(count);
  for (std::size_t i = 0; i < curve.size(); ++i) {
    eval::CurvePoint& point = merged[i * count / curve.size()];
    point.images += curve[i].images;
    point.correct += curve[i].correct;
  }
  return merged;
}

double accuracy_of(const eval::CurvePoint& point) {
  return point.images > 0 ? 100 * static_cast<double>(point.correct) / static_cast<double>(point.images)
                          : eval::Scores::kNone;
}

}  // namespace ttscale::report::html
