// SPDX-License-Identifier: MIT
// Filters against their definitions, written out pixel by pixel in double precision.
#include "shift/filters.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "shift/plasma.h"
#include "shift/random.h"

namespace ttscale::shift {
namespace {

const std::vector<cv::Size> kSizes{{1, 1}, {3, 2}, {5, 7}, {31, 33}, {64, 20}, {3, 90}};

cv::Mat random_image(cv::Size size, int type, std::uint64_t seed) {
  Random random(seed);
  cv::Mat image(size, type);
  std::generate_n(image.ptr<float>(), image.total() * static_cast<std::size_t>(image.channels()),
                  [&random] { return static_cast<float>(random.uniform(0, 255)); });
  return image;
}

/// One channel, by a function of row and column.
cv::Mat image_of(cv::Size size, const std::function<double(int y, int x)>& value) {
  cv::Mat image(size, CV_32F);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      image.at<float>(y, x) = static_cast<float>(value(y, x));
    }
  }
  return image;
}

int beyond(int index, int size, Border border) {
  if (border == Border::kNearest) {
    return std::min(std::max(index, 0), size - 1);
  }
  while (index < 0 || index >= size) {  // edge pixels twice
    index = index < 0 ? -1 - index : 2 * size - 1 - index;
  }
  return index;
}

double slow_gaussian(const cv::Mat& image, int y, int x, double sigma, double truncate, Border border) {
  const int radius = static_cast<int>(truncate * sigma + 0.5);
  double sum = 0;
  double weights = 0;
  for (int dy = -radius; dy <= radius; ++dy) {
    for (int dx = -radius; dx <= radius; ++dx) {
      const double weight = std::exp(-0.5 * (dy * dy + dx * dx) / (sigma * sigma));
      sum += weight * image.at<float>(beyond(y + dy, image.rows, border), beyond(x + dx, image.cols, border));
      weights += weight;
    }
  }
  return sum / weights;
}

double largest_difference(const cv::Mat& a, const cv::Mat& b) { return cv::norm(a, b, cv::NORM_INF); }

TEST(Gaussian, FollowsItsDefinitionAtAnySize) {
  for (const cv::Size size : kSizes) {
    const cv::Mat image = random_image(size, CV_32F, 1);
    for (const double sigma : {0.4, 1.0, 3.0, 9.0}) {
      for (const Border border : {Border::kNearest, Border::kReflect}) {
        const cv::Mat expected =
            image_of(size, [&](int y, int x) { return slow_gaussian(image, y, x, sigma, 3, border); });
        EXPECT_LT(largest_difference(gaussian(image, sigma, 3, border), expected), 1e-3) << size << " " << sigma;
      }
    }
  }
}

// A matrix for the long axis would have 14 GB.
TEST(Gaussian, LongThinImagesNeedLittleMemory) {
  const cv::Mat image = random_image({60000, 2}, CV_32FC2, 8);
  for (const Border border : {Border::kNearest, Border::kReflect}) {
    const cv::Mat wide = gaussian(image, 170.8, 3, border);  // as elastic_transform's: 1025 weights
    const cv::Mat tall = gaussian(image.t(), 170.8, 3, border);
    ASSERT_EQ(wide.size(), image.size());
    EXPECT_LT(largest_difference(wide, tall.t()), 1e-2);
    const double highest = cv::norm(wide.colRange(1000, 59000), cv::NORM_INF);
    EXPECT_GT(highest, 127);  // around the mean of the noise
    EXPECT_LT(highest, 150);
  }
}

TEST(Gaussian, WithoutWidthIsACopy) {
  const cv::Mat image = random_image({5, 4}, CV_32FC3, 2);
  const cv::Mat copy = gaussian(image, 0, 4, Border::kNearest);
  EXPECT_EQ(largest_difference(copy, image), 0);
  EXPECT_NE(copy.data, image.data);
}

TEST(Gaussian, ChannelsDoNotMix) {
  const cv::Mat image = random_image({40, 30}, CV_32FC3, 3);
  for (const double sigma : {1.5, 20.0}) {  // two ways through the code
    const cv::Mat whole = gaussian(image, sigma, 4, Border::kReflect);
    for (int c = 0; c < 3; ++c) {
      cv::Mat channel;
      cv::Mat expected;
      cv::extractChannel(image, channel, c);
      cv::extractChannel(whole, expected, c);
      EXPECT_LT(largest_difference(gaussian(channel, sigma, 4, Border::kReflect), expected), 1e-3);
    }
  }
}

double slow_motion(const cv::Mat& image, int y, int x, int radius, double sigma, double angle) {
  double sum = 0;
  double weights = 0;
  for (int i = 0; i < 2 * radius + 1; ++i) {
    const double weight = std::exp(-0.5 * i * i / (sigma * sigma));
    const int row = y + static_cast<int>(std::ceil(i * std::sin(angle * CV_PI / 180) - 0.5));
    const int column = x + static_cast<int>(std::ceil(i * std::cos(angle * CV_PI / 180) - 0.5));
    sum += weight *
           image.at<float>(beyond(row, image.rows, Border::kNearest), beyond(column, image.cols, Border::kNearest));
    weights += weight;
  }
  return sum / weights;
}

TEST(Motion, FollowsItsDefinitionAtAnySizeAndAngle) {
  for (const cv::Size size : kSizes) {
    const cv::Mat image = random_image(size, CV_32F, 4);
    for (const double angle : {0.0, 17.0, 90.0, -45.0, -135.0}) {
      const cv::Mat expected = image_of(size, [&](int y, int x) { return slow_motion(image, y, x, 10, 4, angle); });
      EXPECT_LT(largest_difference(motion(image, 10, 4, angle), expected), 1e-3) << size << " " << angle;
    }
  }
}

/// Where output position i of n lies among m input positions when the outermost stay outermost.
double slow_position(int i, int size, double factor) {
  const int part = static_cast<int>(std::ceil(size / factor));
  const int zoomed = std::max(size, static_cast<int>(std::nearbyint(part * factor)));
  const int begin = (size - part) / 2;
  const int cut = (zoomed - size) / 2;
  return begin + (zoomed == 1 ? 0.0 : (i + cut) * (part - 1.0) / (zoomed - 1));
}

double slow_zoom(const cv::Mat& image, int y, int x, double factor) {
  const double row = slow_position(y, image.rows, factor);
  const double column = slow_position(x, image.cols, factor);
  double sum = 0;
  for (int i = 0; i < image.rows; ++i) {
    for (int j = 0; j < image.cols; ++j) {  // a tent over each pixel
      sum += image.at<float>(i, j) * std::max(0.0, 1 - std::abs(row - i)) * std::max(0.0, 1 - std::abs(column - j));
    }
  }
  return sum;
}

TEST(Zoom, FollowsItsDefinitionAtAnySize) {
  for (const cv::Size size : kSizes) {
    const cv::Mat image = random_image(size, CV_32F, 5);
    for (const double factor : {1.0, 1.06, 1.31, 2.5, 4.0}) {
      cv::Mat sum = cv::Mat::zeros(size, CV_32F);
      add_zoomed(image, factor, sum);
      const cv::Mat expected = image_of(size, [&](int y, int x) { return slow_zoom(image, y, x, factor); });
      EXPECT_LT(largest_difference(sum, expected), 1e-2) << size << " " << factor;
    }
  }
}

TEST(Plasma, FillsItsRangeAndClosesToATorus) {
  Random random(6);
  for (const int size : {2, 4, 64, 256}) {
    const cv::Mat map = plasma(size, 2.5, random);
    double low = -1;
    double high = -1;
    cv::minMaxLoc(map, &low, &high);
    EXPECT_EQ(low, 0);
    EXPECT_EQ(high, 1);
    if (size >= 64) {  // across the seam it is as smooth as elsewhere
      const double seam = cv::norm(map.col(0), map.col(size - 1), cv::NORM_L1);
      const double middle = cv::norm(map.col(size / 3), map.col(size / 3 + 1), cv::NORM_L1);
      EXPECT_LT(seam, 3 * middle);
    }
  }
}

TEST(Plasma, SmallDecayIsRough) {
  const auto roughness = [](double decay) {
    Random random(7);
    const cv::Mat map = plasma(128, decay, random);
    return cv::norm(map.colRange(1, 128), map.colRange(0, 127), cv::NORM_L1);
  };
  EXPECT_GT(roughness(1.4), 2 * roughness(3));
}

TEST(Plasma, SizesArePowersOfTwo) {
  EXPECT_EQ(plasma_size(1), 2);
  EXPECT_EQ(plasma_size(32), 32);
  EXPECT_EQ(plasma_size(33), 64);
}

}  // namespace
}  // namespace ttscale::shift
