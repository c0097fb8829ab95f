// SPDX-License-Identifier: MIT
// Fog: a cloud of light over the picture, which then loses contrast.
#include <algorithm>

#include "shift/kinds.h"
#include "shift/pixels.h"
#include "shift/plasma.h"

namespace ttscale::shift {
namespace {

struct Fog {
  double strength, decay;
};
constexpr Levels<Fog> kFog{{{{1.5, 2}, {2, 2}, {2.5, 1.7}, {2.5, 1.5}, {3, 1.4}}},
                           {{{.2, 3}, {.5, 3}, {.75, 2.5}, {1, 2}, {1.5, 1.75}}}};

constexpr int kLargestCloud = 4096;  // larger images show it again and again: memory grows with the square of its side

}  // namespace

// (x + strength * cloud) * brightest / (brightest + strength), all in 0..1.
cv::Mat fog(const cv::Mat& rgb, Job& job) {
  const Fog& level = kFog.of(job);
  // The published fractal multiplies its range by its range, so that it decays by the square.
  const double decay = level.decay * level.decay;
  const int side = std::min(std::max(rgb.rows, rgb.cols), kLargestCloud);
  const cv::Mat cloud = plasma(plasma_size(side), decay, job.random);
  const int mask = cloud.rows - 1;  // it closes to a torus
  const std::uint8_t* in = bytes_of(rgb);
  const double brightest = *std::max_element(in, in + count_of(rgb)) / 255.0;
  const auto scale = static_cast<float>(brightest / (brightest + level.strength));
  const auto strength = static_cast<float>(level.strength * 255.0);
  cv::Mat result(rgb.rows, rgb.cols, CV_8UC3);
  for (int y = 0; y < rgb.rows; ++y) {
    const auto* pixel = rgb.ptr<cv::Vec3b>(y);
    const auto* haze = cloud.ptr<float>(y & mask);
    auto* out = result.ptr<cv::Vec3b>(y);
    for (int x = 0; x < rgb.cols; ++x) {
      for (int c = 0; c < 3; ++c) {
        out[x][c] = to_byte((static_cast<float>(pixel[x][c]) + strength * haze[x & mask]) * scale);
      }
    }
  }
  return result;
}

}  // namespace ttscale::shift
