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

/// The pixel that each pixel of an axis enlarged from `in` to `out` takes: Pillow's box filter is then one pixel wide.
std::vector<int> sources(int in, int out) {
  std::vector<int> result;
  result.reserve(static_cast<std::size_t>(out));
  for (int i = 0; i < out; ++i) {
    result.push_back(std::min(in - 1, static_cast<int>((i + .5) * (static_cast<double>(in) / out))));
  }
  return result;
}

void repeat_pixels(const cv::Vec3b* in, const std::vector<int>& columns, cv::Vec3b* out) {
  for (std::size_t x = 0; x < columns.size(); ++x) {
    out[x] = in[columns[x]];
  }
}

/// Pillow's resize with the box filter to a size that is nowhere smaller; rows alike are made once and copied.
cv::Mat enlarge(const cv::Mat& small, cv::Size size) {
  const std::vector<int> rows = sources(small.rows, size.height);
  const std::vector<int> columns = sources(small.cols, size.width);
  cv::Mat result(size, CV_8UC3);
  for (int y = 0; y < size.height; ++y) {
    const int row = rows[static_cast<std::size_t>(y)];
    if (y > 0 && row == rows[static_cast<std::size_t>(y) - 1]) {
      result.row(y - 1).copyTo(result.row(y));
    } else {
      repeat_pixels(small.ptr<cv::Vec3b>(row), columns, result.ptr<cv::Vec3b>(y));
    }
  }
  return result;
}

}  // namespace

// libjpeg behind OpenCV and behind Pillow: the same tables, 4:2:0. It takes nearly all of the time here as there.
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
  const at::Tensor small = image::resize(image, {scaled(rgb.rows), scaled(rgb.cols)}, image::Interpolation::kBox);
  return enlarge(as_matrix(small), rgb.size());
}

}  // namespace ttscale::shift
