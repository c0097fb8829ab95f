// SPDX-License-Identifier: MIT
// Gives a drawn texture the gray levels and the fineness of another picture, of which a few numbers are known.
#pragma once

#include <array>
#include <opencv2/core.hpp>

namespace ttscale::shift {

constexpr std::size_t kQuantiles = 13;
constexpr std::size_t kOctaves = 8;

/// The shares of the pixels that GrayStatistics::quantiles are about.
constexpr std::array<double, kQuantiles> kShares{0, .001, .01, .05, .1, .25, .5, .75, .9, .95, .99, .999, 1};

/// What is known of a gray picture (scripts/measure_frost.py measures it).
struct GrayStatistics {
  /// Gray levels that the shares kShares of the pixels do not exceed; rising.
  std::array<double, kQuantiles> quantiles;
  /// Standard deviation in the octaves of spatial frequency: above 1/4 of a cycle a pixel, 1/8 to 1/4, ..., the last is
  /// all below 1/256.
  std::array<double, kOctaves> octaves;
};

/// The picture (CV_32F, on a torus) with these statistics: its spectrum is scaled octave by octave, its gray levels are
/// mapped in their order, in turns (Heeger & Bergen 1995). The quantiles come out exactly, the octaves nearly.
cv::Mat with_statistics(const cv::Mat& gray, const GrayStatistics& wanted);

}  // namespace ttscale::shift
