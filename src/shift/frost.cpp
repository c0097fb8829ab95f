// SPDX-License-Identifier: MIT
// Frost: a random part of a texture, mixed into the picture.
#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "shift/frost_texture.h"
#include "shift/kinds.h"
#include "shift/pixels.h"

namespace ttscale::shift {
namespace {

struct Frost {
  double image, texture;
};
constexpr Levels<Frost> kFrost{{{{1, .4}, {.8, .6}, {.7, .7}, {.65, .7}, {.6, .75}}},
                               {{{1, .2}, {1, .3}, {.9, .4}, {.85, .4}, {.75, .45}}}};

/// CIFAR-10-C shrinks the photographs to a fifth, by interpolation alone.
const cv::Mat& shrunk_texture(int index) {
  static const std::array<cv::Mat, kFrostTextures> all = [] {
    std::array<cv::Mat, kFrostTextures> made;
    for (int i = 0; i < kFrostTextures; ++i) {
      cv::resize(frost_texture(i), made[static_cast<std::size_t>(i)], {}, 0.2, 0.2, cv::INTER_LINEAR);
    }
    return made;
  }();
  return all[static_cast<std::size_t>(index)];
}

/// image * of_image + ice * of_ice, value by value, cut off to whole levels.
void mix(const std::uint8_t* image, const std::uint8_t* ice, const Frost& level, std::size_t count, std::uint8_t* out) {
  const auto of_image = static_cast<float>(level.image);
  const auto of_ice = static_cast<float>(level.texture);
  for (std::size_t i = 0; i < count; ++i) {
    const float sum = of_image * static_cast<float>(image[i]) + of_ice * static_cast<float>(ice[i]);
    out[i] = static_cast<std::uint8_t>(static_cast<int>(std::min(sum, 255.0F)));
  }
}

}  // namespace

cv::Mat frost(const cv::Mat& rgb, Job& job) {
  const Frost& level = kFrost.of(job);
  const auto index = static_cast<int>(job.random.below(kFrostTextures));
  const cv::Mat& texture = job.parameters == Parameters::kCifar ? shrunk_texture(index) : frost_texture(index);
  const auto top = static_cast<int>(job.random.below(texture.rows));
  const auto left = static_cast<int>(job.random.below(texture.cols));
  cv::Mat result(rgb.rows, rgb.cols, CV_8UC3);
  for (int y = 0; y < rgb.rows; ++y) {
    const int row = (top + y) % texture.rows;
    for (int x = 0, column = left; x < rgb.cols; column = 0) {  // to the edge of the texture, then on at the other one
      const int width = std::min(rgb.cols - x, texture.cols - column);
      mix(rgb.ptr<std::uint8_t>(y, x), texture.ptr<std::uint8_t>(row, column), level,
          static_cast<std::size_t>(width) * 3, result.ptr<std::uint8_t>(y, x));
      x += width;
    }
  }
  return result;
}

}  // namespace ttscale::shift
