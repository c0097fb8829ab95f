// SPDX-License-Identifier: MIT
// Elastic transform: a small random affine map, then smooth random displacements (Simard, Steinkraus & Platt 2003).
#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "shift/filters.h"
#include "shift/kinds.h"
#include "shift/pixels.h"

namespace ttscale::shift {
namespace {

/// In pixels: strength of the displacements, sigma of their smoothing, largest move of the affine map's three points.
struct Elastic {
  double strength, sigma, affine;
};
// The published code multiplies by 244, not 224, in ImageNet-C.
constexpr Levels<Elastic> kElastic{{{{244 * 2., 244 * .7, 244 * .1},
                                     {244 * 2., 244 * .08, 244 * .2},
                                     {244 * .05, 244 * .01, 244 * .02},
                                     {244 * .07, 244 * .01, 244 * .02},
                                     {244 * .12, 244 * .01, 244 * .02}}},
                                   {{{32 * 0., 32 * 0., 32 * .08},
                                     {32 * .05, 32 * .2, 32 * .07},
                                     {32 * .08, 32 * .06, 32 * .06},
                                     {32 * .1, 32 * .04, 32 * .05},
                                     {32 * .1, 32 * .03, 32 * .03}}}};

constexpr double kTruncate = 3.0;

/// Three points about the centre move at random, and the image with them. Points are (row, column) there and (x, y)
/// here; the published code does not swap them either.
cv::Mat warp(const cv::Mat& image, double reach, Random& random) {
  const auto side = static_cast<float>(std::min(image.rows, image.cols) / 3);
  if (side == 0.0F) {
    return image;  // three points on one another define no map
  }
  const auto row = static_cast<float>(image.rows / 2);
  const auto column = static_cast<float>(image.cols / 2);
  const std::array<cv::Point2f, 3> from{cv::Point2f(row + side, column + side), cv::Point2f(row + side, column - side),
                                        cv::Point2f(row - side, column - side)};
  std::array<cv::Point2f, 3> to = from;
  for (cv::Point2f& point : to) {
    point.x += static_cast<float>(random.uniform(-reach, reach));
    point.y += static_cast<float>(random.uniform(-reach, reach));
  }
  cv::Mat result;
  cv::warpAffine(image, result, cv::getAffineTransform(from.data(), to.data()), image.size(), cv::INTER_LINEAR,
                 cv::BORDER_REFLECT_101);
  return result;
}

/// Displacements of all pixels, x and y.
cv::Mat displacements(cv::Size size, const Elastic& level, Random& random) {
  cv::Mat drawn(size, CV_32FC2);
  std::generate_n(drawn.ptr<float>(), count_of(drawn),
                  [&random] { return static_cast<float>(random.uniform(-1.0, 1.0)); });
  return gaussian(drawn, level.sigma, kTruncate, Border::kReflect) * level.strength;
}

/// A position on an axis and its two pixels; beyond the edge the image is mirrored about it.
struct Between {
  int first, second;
  float share;

  Between(float position, int size) {
    const auto before = static_cast<float>(std::floor(position));
    share = position - before;
    first = mirrored(static_cast<int>(before), size);
    second = mirrored(static_cast<int>(before) + 1, size);
  }

  static int mirrored(int index, int size) {
    if (index >= 0 && index < size) {
      return index;
    }
    const int folded = ((index % (2 * size)) + 2 * size) % (2 * size);
    return folded < size ? folded : 2 * size - 1 - folded;
  }
};

cv::Vec3f sample(const cv::Mat& image, const Between& y, const Between& x) {
  const auto* upper = image.ptr<cv::Vec3f>(y.first);
  const auto* lower = image.ptr<cv::Vec3f>(y.second);
  cv::Vec3f result;
  for (int c = 0; c < 3; ++c) {
    const float above = upper[x.first][c] + x.share * (upper[x.second][c] - upper[x.first][c]);
    const float below = lower[x.first][c] + x.share * (lower[x.second][c] - lower[x.first][c]);
    result[c] = above + y.share * (below - above);
  }
  return result;
}

}  // namespace

cv::Mat elastic_transform(const cv::Mat& rgb, Job& job) {
  const Elastic& level = kElastic.of(job);
  const cv::Mat image = warp(to_float(rgb), level.affine, job.random);
  const cv::Mat moved = displacements(rgb.size(), level, job.random);
  cv::Mat result(rgb.rows, rgb.cols, CV_32FC3);
  for (int y = 0; y < rgb.rows; ++y) {
    for (int x = 0; x < rgb.cols; ++x) {
      const auto& by = moved.at<cv::Vec2f>(y, x);
      result.at<cv::Vec3f>(y, x) = sample(image, Between(static_cast<float>(y) + by[1], rgb.rows),
                                          Between(static_cast<float>(x) + by[0], rgb.cols));
    }
  }
  return to_bytes(result);
}

}  // namespace ttscale::shift
