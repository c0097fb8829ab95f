// SPDX-License-Identifier: MIT
// What coding and scaling leave: JPEG, pixels.
#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "image/resize.h"
#include "shift/kinds.h"
#include "shift/pixels.h"

namespace ttscale::shift {
namespace {

constexpr Levels<int> kQuality{{25, 18, 15, 10, 7}, {80, 65, 58, 50, 40}};
constexpr Levels<double> kScale{{.6, .5, .4, .3, .25}, {.95, .9, .85, .75, .65}};

}  // namespace

// libjpeg behind OpenCV and behind Pillow: the same tables, 4:2:0.
cv::Mat jpeg_compression(const cv::Mat& rgb, Job& job) {
  cv::Mat image;
  cv::cvtColor(rgb, image, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> file;
  cv::imencode(".jpg", image, file, {cv::IMWRITE_JPEG_QUALITY, kQuality.of(job)});
  cv::imdecode(file, cv::IMREAD_COLOR, &image);
  cv::cvtColor(image, image, cv::COLOR_BGR2RGB);
  return image;
}

cv::Mat pixelate(const cv::Mat& rgb, Job& job) {
  const at::Tensor image = to_tensor(rgb);
  const double scale = kScale.of(job);
  const auto scaled = [scale](std::int64_t side) {
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(side) * scale));
  };
  const image::Size size{image.size(0), image.size(1)};
  const at::Tensor small = image::resize(image, {scaled(size.height), scaled(size.width)}, image::Interpolation::kBox);
  return as_matrix(image::resize(small, size, image::Interpolation::kBox)).clone();
}

}  // namespace ttscale::shift
