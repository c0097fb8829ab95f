// SPDX-License-Identifier: MIT
// What pipelines do to the frame: too few pixels, padding.
#include <algorithm>
#include <array>
#include <cmath>

#include "image/resize.h"
#include "shift/kinds.h"
#include "shift/pixels.h"

namespace ttscale::shift {
namespace {

/// Height and width of what the sensor or the network gave, relative to the image.
constexpr std::array<double, 5> kResolution{.75, .5, .35, .25, .125};

/// Height and width of the picture inside the padding.
constexpr std::array<double, 5> kPicture{.9, .8, .7, .6, .5};
constexpr double kPadding = 114;  // the gray of detection pipelines

image::Size scaled(const cv::Mat& rgb, double scale) {
  const auto side = [scale](int pixels) { return std::max<std::int64_t>(1, std::llround(pixels * scale)); };
  return {side(rgb.rows), side(rgb.cols)};
}

}  // namespace

// Averaged down, interpolated up.
cv::Mat low_resolution(const cv::Mat& rgb, Job& job) {
  const at::Tensor image = to_tensor(rgb);
  const at::Tensor small = image::resize(image, scaled(rgb, kResolution[job.level]), image::Interpolation::kBilinear);
  return as_matrix(image::resize(small, {rgb.rows, rgb.cols}, image::Interpolation::kBicubic)).clone();
}

// The whole picture, smaller, in the middle of gray.
cv::Mat letterbox(const cv::Mat& rgb, Job& job) {
  const image::Size size = scaled(rgb, kPicture[job.level]);
  const at::Tensor picture = image::resize(to_tensor(rgb), size, image::Interpolation::kBilinear);
  const cv::Rect middle(static_cast<int>(rgb.cols - size.width) / 2, static_cast<int>(rgb.rows - size.height) / 2,
                        static_cast<int>(size.width), static_cast<int>(size.height));
  cv::Mat result(rgb.rows, rgb.cols, CV_8UC3, cv::Scalar::all(kPadding));
  as_matrix(picture).copyTo(result(middle));
  return result;
}

}  // namespace ttscale::shift
