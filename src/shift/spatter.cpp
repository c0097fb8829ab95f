// SPDX-License-Identifier: MIT
// Spatter: drops of water or mud on the lens, where smoothed noise rises above a threshold.
#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "shift/filters.h"
#include "shift/kinds.h"
#include "shift/pixels.h"

namespace ttscale::shift {
namespace {

struct Spatter {
  double mean, deviation;  ///< of the noise, in 0..1
  double smoothing;        ///< sigma
  double threshold;        ///< below it no liquid
  double strength;         ///< of water; sigma of the edges of mud
  bool mud;
};
constexpr Levels<Spatter> kSpatter{{{{.65, .3, 4, .69, .6, false},
                                     {.65, .3, 3, .68, .6, false},
                                     {.65, .3, 2, .68, .5, false},
                                     {.65, .3, 1, .65, 1.5, true},
                                     {.67, .4, 1, .65, 1.5, true}}},
                                   {{{.62, .1, .7, .7, .5, false},
                                     {.65, .1, .8, .7, .5, false},
                                     {.65, .3, 1, .69, .5, false},
                                     {.65, .1, .7, .69, .6, true},
                                     {.65, .1, .5, .68, .6, true}}}};

constexpr double kTruncate = 4.0;
const cv::Vec3f kWater(175, 238, 238);  // pale turquoise
const cv::Vec3f kMud(63, 42, 20);

/// Depth of the liquid in 0..1, 0 where there is none.
cv::Mat liquid(cv::Size size, const Spatter& level, Random& random) {
  cv::Mat noise(size, CV_32F);
  std::generate_n(noise.ptr<float>(), count_of(noise),
                  [&level, &random] { return static_cast<float>(level.mean + level.deviation * random.normal()); });
  cv::Mat layer = gaussian(noise, level.smoothing, kTruncate, Border::kNearest);
  layer.setTo(0.0, layer < level.threshold);
  return layer;
}

/// Light on water: the distance from the edges of the drops, flattened and embossed.
cv::Mat shine(const cv::Mat& layer) {
  cv::Mat edges;
  cv::Canny(to_bytes(layer * 255.0), edges, 50, 150);
  cv::Mat distance;
  cv::distanceTransform(255 - edges, distance, cv::DIST_L2, 5);
  cv::threshold(distance, distance, 20, 20, cv::THRESH_TRUNC);
  cv::blur(distance, distance, {3, 3});
  cv::Mat bytes = to_bytes(distance);
  cv::equalizeHist(bytes, bytes);
  cv::filter2D(bytes, bytes, CV_8U, cv::Mat_<float>({3, 3}, {-2, -1, 0, -1, 1, 1, 0, 1, 2}));
  cv::blur(bytes, bytes, {3, 3});
  return to_float(bytes);
}

/// How much of the liquid's colour each pixel takes, in 0..1. The published code multiplies the layer in whole levels.
cv::Mat water_share(const cv::Mat& layer, double strength) {
  cv::Mat share = to_float(to_bytes(layer * 255.0)).mul(shine(layer));
  double deepest = 0.0;
  cv::minMaxLoc(share, nullptr, &deepest);
  return deepest > 0.0 ? cv::Mat(share * (strength / deepest)) : share;
}

cv::Mat mud_share(const cv::Mat& layer, const Spatter& level) {
  cv::Mat there;
  cv::Mat(layer > level.threshold).convertTo(there, CV_32F, 1.0 / 255.0);
  cv::Mat share = gaussian(there, level.strength, kTruncate, Border::kNearest);
  share.setTo(0.0, share < 0.8);
  return share;
}

}  // namespace

cv::Mat spatter(const cv::Mat& rgb, Job& job) {
  const Spatter& level = kSpatter.of(job);
  const cv::Mat layer = liquid(rgb.size(), level, job.random);
  const cv::Mat share = level.mud ? mud_share(layer, level) : water_share(layer, level.strength);
  cv::Mat result(rgb.rows, rgb.cols, CV_8UC3);
  for (int y = 0; y < rgb.rows; ++y) {
    for (int x = 0; x < rgb.cols; ++x) {
      const float of_liquid = share.at<float>(y, x);
      const float of_image = level.mud ? 1.0F - of_liquid : 1.0F;  // mud covers, water adds its light
      const auto& pixel = rgb.at<cv::Vec3b>(y, x);
      for (int c = 0; c < 3; ++c) {
        const float colour = (level.mud ? kMud : kWater)[c];
        result.at<cv::Vec3b>(y, x)[c] = to_byte(of_image * static_cast<float>(pixel[c]) + of_liquid * colour);
      }
    }
  }
  return result;
}

}  // namespace ttscale::shift
