// SPDX-License-Identifier: MIT
// Filters, and their fixed point as in Pillow.
#include "image/filter_taps.h"

#include <algorithm>
#include <cmath>

#include "image/filter_loops.h"

namespace ttscale::image {
namespace {

struct Filter {
  double support;
  double (*weight)(double);
};

double triangle(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

// Keys' cubic with a = -0.5. OpenCV and PyTorch use -0.75.
double cubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1.0) {
    return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1.0;
  }
  return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * kA : 0.0;
}

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

Filter filter_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kBox:
      return {0.5, box};
    case Interpolation::kBilinear:
      return {1.0, triangle};
    default:
      return {2.0, cubic};
  }
}

int fixed_point(double weight) { return static_cast<int>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kWeightBits)); }

// Near a border the window is cut and its weights are scaled up to sum to one again. `weights` has room for the window.
void add_output(Taps& taps, double centre, double filter_scale, const Filter& filter, int in,
                std::vector<double>& weights) {
  const double support = filter.support * filter_scale;
  const int first = std::max(0, static_cast<int>(centre - support + 0.5));
  const int count = std::min(in, static_cast<int>(centre + support + 0.5)) - first;
  const double inverse_scale = 1.0 / filter_scale;
  double sum = 0.0;
  for (int i = 0; i < count; ++i) {
    const double weight = filter.weight((i + first - centre + 0.5) * inverse_scale);
    weights[static_cast<std::size_t>(i)] = weight;
    sum += weight;
  }
  const std::size_t begin = taps.first.size() * static_cast<std::size_t>(taps.stride);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const int weight = fixed_point(sum != 0.0 ? weights[i] / sum : weights[i]);
    const auto low = static_cast<std::int16_t>(static_cast<std::uint16_t>(weight));
    taps.weights[begin + i] = weight;
    taps.low[begin + i] = low;
    taps.high[begin + i] = static_cast<std::int16_t>((weight - low) / (1 << 16));
  }
  taps.first.push_back(first);
  taps.count.push_back(count);
}

}  // namespace

TapTable Taps::table() const {
  return {outputs(), stride, first.data(), count.data(), weights.data(), high.data(), low.data()};
}

Taps make_taps(int in, int out, int begin, int count, Interpolation interpolation) {
  const Filter filter = filter_of(interpolation);
  const double scale = static_cast<double>(in) / out;
  const double filter_scale = std::max(scale, 1.0);
  const int window = static_cast<int>(std::ceil(filter.support * filter_scale)) * 2 + 1;
  Taps taps;
  taps.stride = (window + Taps::kTapsAtOnce - 1) / Taps::kTapsAtOnce * Taps::kTapsAtOnce;
  const std::size_t all = static_cast<std::size_t>(count) * static_cast<std::size_t>(taps.stride);
  taps.weights.resize(all);
  taps.high.resize(all);
  taps.low.resize(all);
  taps.first.reserve(static_cast<std::size_t>(count));
  taps.count.reserve(static_cast<std::size_t>(count));
  std::vector<double> weights(static_cast<std::size_t>(window));
  for (int output = begin; output < begin + count; ++output) {
    add_output(taps, (output + 0.5) * scale, filter_scale, filter, in, weights);
  }
  return taps;
}

}  // namespace ttscale::image
