// SPDX-License-Identifier: MIT
// The filters that several kinds share, as SciPy and ImageMagick define them. All take and give float32 matrices of any
// number of channels and any size from 1x1.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

namespace ttscale::shift {

/// What lies beyond the border.
enum class Border {
  kNearest,  ///< the outermost pixel; SciPy's "nearest"
  kReflect,  ///< the image mirrored about its edge, edge pixels twice; SciPy's "reflect"
};

/// scipy.ndimage.gaussian_filter: a normalised Gaussian cut off at `truncate` sigma, rounded. sigma 0: a copy.
cv::Mat gaussian(const cv::Mat& image, double sigma, double truncate, Border border);

/// ImageMagick's motion blur: the weighted mean of the pixels along a line that begins at each pixel, 2 * radius + 1 of
/// them, weights those of half a Gaussian of `sigma` pixels, positions rounded; beyond the border the outermost pixel.
/// The line leads to the right at angle 0 and downwards at 90 degrees.
cv::Mat motion(const cv::Mat& image, int radius, double sigma, double angle_in_degrees);

/// One axis of a magnified image: every output position between two pixels of the input.
struct ZoomAxis {
  /// The pixel before each output position, and the share of the one behind it.
  std::vector<int> first;
  std::vector<float> share;
};

/// Positions of an axis of `size` pixels whose centre is magnified by `factor` >= 1: scipy.ndimage.zoom of order 1 (the
/// outermost pixels stay outermost) of the central ceil(size / factor) pixels, cut to its central `size`.
ZoomAxis zoom_axis(int size, double factor);

/// Adds the image, magnified about its centre, to `sum` of the same size and type.
void add_zoomed(const cv::Mat& image, double factor, cv::Mat& sum);

}  // namespace ttscale::shift
