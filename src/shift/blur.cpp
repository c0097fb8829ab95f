// SPDX-License-Identifier: MIT
// Blur: Gaussian, frosted glass, motion, zoom.
#include <cmath>
#include <vector>

#include "shift/filters.h"
#include "shift/kinds.h"
#include "shift/pixels.h"

namespace ttscale::shift {
namespace {

constexpr double kTruncate = 4.0;  // skimage.filters.gaussian

constexpr Levels<double> kSigma{{1, 2, 3, 4, 6}, {.4, .6, .7, .8, 1}};

struct Glass {
  double sigma;
  int distance, rounds;
};
constexpr Levels<Glass> kGlass{{{{.7, 1, 2}, {.9, 2, 1}, {1, 2, 3}, {1.1, 3, 2}, {1.5, 4, 2}}},
                               {{{.05, 1, 1}, {.25, 1, 1}, {.4, 1, 1}, {.25, 1, 2}, {.4, 1, 2}}}};

struct Motion {
  int radius;
  double sigma;
};
constexpr Levels<Motion> kMotion{{{{10, 3}, {15, 5}, {15, 8}, {15, 12}, {20, 15}}},
                                 {{{6, 1}, {6, 1.5}, {6, 2}, {8, 2}, {9, 2.5}}}};

struct Zoom {
  double end, step;
};
constexpr Levels<Zoom> kZoom{{{{1.11, .01}, {1.16, .01}, {1.21, .02}, {1.26, .02}, {1.31, .03}}},
                             {{{1.06, .01}, {1.11, .01}, {1.16, .01}, {1.21, .01}, {1.26, .01}}}};

/// Every pixel takes the value of a random neighbour, from the last one back to the first. The published code means to
/// swap the two, but assigns views of NumPy arrays to each other, which copies one way only; the sets are made so.
void scatter(cv::Mat& rgb, int distance, Random& random) {
  for (int y = rgb.rows - distance; y > distance; --y) {
    for (int x = rgb.cols - distance; x > distance; --x) {
      const auto dx = static_cast<int>(random.below(2L * distance)) - distance;
      const auto dy = static_cast<int>(random.below(2L * distance)) - distance;
      rgb.at<cv::Vec3b>(y, x) = rgb.at<cv::Vec3b>(y + dy, x + dx);
    }
  }
}

/// The values of numpy.arange(1, end, step), rounding errors and all: they decide whether `end` is among them.
std::vector<double> zoom_factors(const Zoom& level) {
  const auto count = static_cast<int>(std::ceil((level.end - 1.0) / level.step));
  const double step = (1.0 + level.step) - 1.0;
  std::vector<double> factors;
  for (int i = 0; i < count; ++i) {
    factors.push_back(1.0 + i * step);
  }
  return factors;
}

/// ImageMagick rounds, where NumPy cuts off.
cv::Mat rounded(const cv::Mat& values) { return to_bytes(values + cv::Scalar::all(0.5)); }

}  // namespace

cv::Mat gaussian_blur(const cv::Mat& rgb, Job& job) {
  return to_bytes(gaussian(to_float(rgb), kSigma.of(job), kTruncate, Border::kNearest));
}

cv::Mat glass_blur(const cv::Mat& rgb, Job& job) {
  const Glass& level = kGlass.of(job);
  cv::Mat glass = to_bytes(gaussian(to_float(rgb), level.sigma, kTruncate, Border::kNearest));
  for (int round = 0; round < level.rounds; ++round) {
    scatter(glass, level.distance, job.random);
  }
  return to_bytes(gaussian(to_float(glass), level.sigma, kTruncate, Border::kNearest));
}

cv::Mat motion_blur(const cv::Mat& rgb, Job& job) {
  const Motion& level = kMotion.of(job);
  return rounded(motion(to_float(rgb), level.radius, level.sigma, job.random.uniform(-45.0, 45.0)));
}

cv::Mat zoom_blur(const cv::Mat& rgb, Job& job) {
  const cv::Mat image = to_float(rgb);
  const std::vector<double> factors = zoom_factors(kZoom.of(job));
  cv::Mat sum = image.clone();
  for (const double factor : factors) {
    add_zoomed(image, factor, sum);
  }
  return to_bytes(sum / (static_cast<double>(factors.size()) + 1.0));
}

}  // namespace ttscale::shift
