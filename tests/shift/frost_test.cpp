// SPDX-License-Identifier: MIT
// Textures of frost have the statistics that they are meant to have.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "shift/frost_statistics.h"
#include "shift/frost_texture.h"
#include "shift/random.h"

namespace ttscale::shift {
namespace {

cv::Mat noise(int side) {
  Random random(4);
  cv::Mat image(side, side, CV_32F);
  std::generate_n(image.ptr<float>(), image.total(), [&random] { return static_cast<float>(random.normal()); });
  return image;
}

/// Variance above a quarter of a cycle a pixel and below, by Fourier sums written out.
std::array<double, 2> slow_power(const cv::Mat& image) {
  const int side = image.rows;
  std::array<double, 2> power{};
  for (int v = 0; v < side; ++v) {
    for (int u = v == 0 ? 1 : 0; u < side; ++u) {
      double real = 0;
      double imaginary = 0;
      for (int y = 0; y < side; ++y) {
        for (int x = 0; x < side; ++x) {
          const double phase = 2 * CV_PI * (u * x + v * y) / side;
          real += image.at<float>(y, x) * std::cos(phase);
          imaginary += image.at<float>(y, x) * std::sin(phase);
        }
      }
      const double frequency = std::hypot(std::min(u, side - u), std::min(v, side - v)) / side;
      power[frequency > .25 ? 0 : 1] += (real * real + imaginary * imaginary) / std::pow(side, 4);
    }
  }
  return power;
}

// Rising by 1.2816 standard deviations from the median to nine tenths, as a normal distribution: then the gray levels
// ask for the same variance as the octaves, and both can hold.
TEST(FrostStatistics, ScaleTheSpectrumByOctaves) {
  const GrayStatistics wanted{{60, 69.1, 76.7, 83.6, 87.2, 93.3, 100, 106.7, 112.8, 116.4, 123.3, 130.9, 140},
                              {2, 6, 5, 4, 3, 2, 1, 1}};
  const auto power = slow_power(with_statistics(noise(24), wanted));
  EXPECT_NEAR(std::sqrt(power[0]), 2, .4);
  EXPECT_NEAR(std::sqrt(power[1]), std::sqrt(36 + 25 + 16 + 9), 1.2);  // 24 pixels hold no octave below the fifth
}

TEST(FrostStatistics, MapGrayLevels) {
  const GrayStatistics wanted{{10, 12, 20, 40, 50, 80, 90, 95, 100, 150, 180, 199, 200}, {9, 9, 9, 9, 9, 9, 9, 9}};
  const cv::Mat image = with_statistics(noise(100), wanted);
  std::vector<float> values(image.ptr<float>(), image.ptr<float>() + image.total());
  std::sort(values.begin(), values.end());
  for (std::size_t i = 0; i < kQuantiles; ++i) {
    const auto place = std::min(values.size() - 1, static_cast<std::size_t>(kShares[i] * 10000));
    EXPECT_NEAR(values[place], wanted.quantiles[i], .5) << kShares[i];
  }
}

TEST(FrostTexture, HasTheColoursOfIce) {
  const std::array<cv::Scalar, kFrostTextures> mean{
      {{78, 149, 166}, {201, 205, 214}, {201, 205, 214}, {138, 153, 165}, {112, 123, 135}}};
  const std::array<cv::Scalar, kFrostTextures> deviation{
      {{27, 16, 15}, {21, 22, 23}, {21, 22, 23}, {28, 28, 30}, {44, 43, 42}}};
  for (std::size_t i = 0; i < mean.size(); ++i) {
    cv::Scalar found_mean;
    cv::Scalar found_deviation;
    cv::meanStdDev(frost_texture(static_cast<int>(i)), found_mean, found_deviation);
    for (int c = 0; c < 3; ++c) {
      EXPECT_NEAR(found_mean[c], mean[i][c], 1.5) << i;
      EXPECT_NEAR(found_deviation[c], deviation[i][c], 2.0) << i;
    }
  }
}

}  // namespace
}  // namespace ttscale::shift
