// SPDX-License-Identifier: MIT
// Snow: flakes of magnified noise, blurred along their fall, over a picture that turns pale.
#include <algorithm>

#include "shift/filters.h"
#include "shift/kinds.h"
#include "shift/pixels.h"

namespace ttscale::shift {
namespace {

struct Snow {
  double mean, deviation;  ///< of the noise, in 0..1
  double zoom;             ///< size of the flakes
  double threshold;        ///< below it no flake
  int radius;              ///< of the motion blur
  double sigma;
  double kept;  ///< share of the picture that does not turn pale
};
constexpr Levels<Snow> kSnow{{{{.1, .3, 3, .5, 10, 4, .8},
                               {.2, .3, 2, .5, 12, 4, .7},
                               {.55, .3, 4, .9, 12, 8, .7},
                               {.55, .3, 4.5, .85, 12, 8, .65},
                               {.55, .3, 2.5, .85, 12, 12, .55}}},
                             {{{.1, .2, 1, .6, 8, 3, .95},
                               {.1, .2, 1, .5, 10, 4, .9},
                               {.15, .3, 1.75, .55, 10, 4, .9},
                               {.25, .3, 2.25, .6, 12, 6, .85},
                               {.3, .3, 1.25, .65, 14, 12, .8}}}};

/// Brightness of the flakes, float32 in whole levels. Magnification shows the centre only, so that only there is noise
/// drawn.
cv::Mat flakes(cv::Size size, const Snow& level, Random& random) {
  cv::Mat noise = cv::Mat::zeros(size, CV_32F);
  const int rows = static_cast<int>(std::ceil(size.height / level.zoom));
  const int columns = static_cast<int>(std::ceil(size.width / level.zoom));
  const int top = (size.height - rows) / 2;
  const int left = (size.width - columns) / 2;
  for (int y = top; y < top + rows; ++y) {
    std::generate_n(noise.ptr<float>(y) + left, columns, [&level, &random] {
      return static_cast<float>(255.0 * (level.mean + level.deviation * random.normal()));
    });
  }
  cv::Mat layer = cv::Mat::zeros(size, CV_32F);
  add_zoomed(noise, level.zoom, layer);
  layer.setTo(0.0, layer < 255.0 * level.threshold);
  const cv::Mat fallen = motion(to_float(to_bytes(layer)), level.radius, level.sigma, random.uniform(-135.0, -45.0));
  return to_float(to_bytes(fallen + cv::Scalar::all(0.5)));  // ImageMagick gives whole levels, rounded
}

}  // namespace

cv::Mat snow(const cv::Mat& rgb, Job& job) {
  const Snow& level = kSnow.of(job);
  const cv::Mat layer = flakes(rgb.size(), level, job.random);
  const auto kept = static_cast<float>(level.kept);
  cv::Mat result(rgb.rows, rgb.cols, CV_8UC3);
  for (int y = 0; y < rgb.rows; ++y) {
    const auto* pixel = rgb.ptr<cv::Vec3b>(y);
    const auto* snow = layer.ptr<float>(y);
    const auto* turned = layer.ptr<float>(rgb.rows - 1 - y) + rgb.cols - 1;  // the same flakes by half a turn
    auto* out = result.ptr<cv::Vec3b>(y);
    for (int x = 0; x < rgb.cols; ++x) {
      const auto red = static_cast<float>(pixel[x][0]);
      const auto green = static_cast<float>(pixel[x][1]);
      const auto blue = static_cast<float>(pixel[x][2]);
      const float pale = (0.299F * red + 0.587F * green + 0.114F * blue) * 1.5F + 127.5F;
      const float fallen = snow[x] + *(turned - x);
      for (int c = 0; c < 3; ++c) {
        const auto value = static_cast<float>(pixel[x][c]);
        out[x][c] = to_byte(kept * value + (1.0F - kept) * std::max(value, pale) + fallen);
      }
    }
  }
  return result;
}

}  // namespace ttscale::shift
