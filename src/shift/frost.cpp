// SPDX-License-Identifier: MIT
// Frost: a random part of a texture, mixed into the picture.
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

}  // namespace

cv::Mat frost(const cv::Mat& rgb, Job& job) {
  const Frost& level = kFrost.of(job);
  const auto index = static_cast<int>(job.random.below(kFrostTextures));
  const cv::Mat& texture = job.parameters == Parameters::kCifar ? shrunk_texture(index) : frost_texture(index);
  const auto top = static_cast<int>(job.random.below(texture.rows));
  const auto left = static_cast<int>(job.random.below(texture.cols));
  const auto of_image = static_cast<float>(level.image);
  const auto of_texture = static_cast<float>(level.texture);
  cv::Mat result(rgb.rows, rgb.cols, CV_8UC3);
  for (int y = 0; y < rgb.rows; ++y) {
    const auto* pixel = rgb.ptr<cv::Vec3b>(y);
    const auto* ice = texture.ptr<cv::Vec3b>((top + y) % texture.rows);
    auto* out = result.ptr<cv::Vec3b>(y);
    for (int x = 0; x < rgb.cols; ++x) {
      const cv::Vec3b& crystal = ice[(left + x) % texture.cols];
      for (int c = 0; c < 3; ++c) {
        out[x][c] = to_byte(of_image * static_cast<float>(pixel[x][c]) + of_texture * static_cast<float>(crystal[c]));
      }
    }
  }
  return result;
}

}  // namespace ttscale::shift
