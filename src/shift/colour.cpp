// SPDX-License-Identifier: MIT
// Brightness, contrast and saturation. Double precision throughout, as in the published code: where it cuts off a whole
// number, the last bit decides.
#include <algorithm>

#include "shift/kinds.h"
#include "shift/pixels.h"

namespace ttscale::shift {
namespace {

constexpr Levels<double> kBrightness{{.1, .2, .3, .4, .5}, {.05, .1, .15, .2, .3}};
constexpr Levels<double> kContrast{{.4, .3, .2, .1, .05}, {.75, .5, .4, .3, .15}};

struct Saturation {
  double factor, offset;
};
constexpr Levels<Saturation> kSaturate{{{{.3, 0}, {.1, 0}, {2, 0}, {5, .1}, {20, .2}}},
                                       {{{.3, 0}, {.1, 0}, {1.5, 0}, {2, .1}, {2.5, .2}}}};

/// Pixel by pixel, as three values in 0..1.
template <typename Change>
cv::Mat change_pixels(const cv::Mat& rgb, Change change) {
  cv::Mat result(rgb.rows, rgb.cols, CV_8UC3);
  const std::uint8_t* in = bytes_of(rgb);
  auto* out = result.ptr<std::uint8_t>();
  for (std::size_t i = 0; i < rgb.total(); ++i, in += 3, out += 3) {
    std::array<double, 3> pixel{in[0] / 255.0, in[1] / 255.0, in[2] / 255.0};
    change(pixel, std::max({pixel[0], pixel[1], pixel[2]}));
    for (std::size_t c = 0; c < 3; ++c) {
      out[c] = to_byte(pixel[c] * 255.0);
    }
  }
  return result;
}

std::array<double, 3> channel_means(const cv::Mat& rgb) {
  std::array<std::uint64_t, 3> sums{};
  const std::uint8_t* in = bytes_of(rgb);
  for (std::size_t i = 0; i < rgb.total(); ++i, in += 3) {
    for (std::size_t c = 0; c < 3; ++c) {
      sums[c] += in[c];
    }
  }
  std::array<double, 3> means{};
  for (std::size_t c = 0; c < 3; ++c) {
    means[c] = static_cast<double>(sums[c]) / static_cast<double>(rgb.total()) / 255.0;
  }
  return means;
}

}  // namespace

// V of HSV is the largest channel; raising it with hue and saturation kept scales all three. Black becomes gray.
cv::Mat brightness(const cv::Mat& rgb, Job& job) {
  const double raise = kBrightness.of(job);
  return change_pixels(rgb, [raise](std::array<double, 3>& pixel, double value) {
    const double raised = std::min(value + raise, 1.0);
    for (double& channel : pixel) {
      channel = channel == value ? raised : raised * (channel / value);
    }
  });
}

cv::Mat contrast(const cv::Mat& rgb, Job& job) {
  const double factor = kContrast.of(job);
  const std::array<double, 3> means = channel_means(rgb);
  std::array<Table, 3> tables{};
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t value = 0; value < 256; ++value) {
      tables[c][value] = to_byte(((static_cast<double>(value) / 255.0 - means[c]) * factor + means[c]) * 255.0);
    }
  }
  return look_up(rgb, tables);
}

// At constant hue and V each channel's distance from V is proportional to S. Gray has hue 0: with an offset it turns
// red.
cv::Mat saturate(const cv::Mat& rgb, Job& job) {
  const Saturation& level = kSaturate.of(job);
  return change_pixels(rgb, [&level](std::array<double, 3>& pixel, double value) {
    const double range = value - std::min({pixel[0], pixel[1], pixel[2]});
    const double before = value > 0.0 ? range / value : 0.0;
    const double after = std::clamp(before * level.factor + level.offset, 0.0, 1.0);
    if (range == 0.0) {
      pixel[1] = pixel[2] = value * (1.0 - after);
      return;
    }
    for (double& channel : pixel) {
      channel = value * (1.0 - after * ((value - channel) / range));
    }
  });
}

}  // namespace ttscale::shift
