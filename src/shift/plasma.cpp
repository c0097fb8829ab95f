// SPDX-License-Identifier: MIT
// Midpoints of squares, then midpoints of diamonds, then half the step.
#include "shift/plasma.h"

namespace ttscale::shift {
namespace {

class Fractal {
 public:
  Fractal(int size, Random& random) : random_(random), map_(cv::Mat::zeros(size, size, CV_32F)) {}

  /// Centres of the squares of side `step`.
  void fill_squares(int step, double reach) {
    const int half = step / 2;
    for (int y = half; y < map_.rows; y += step) {
      for (int x = half; x < map_.cols; x += step) {
        set(y, x, at(y - half, x - half) + at(y - half, x + half) + at(y + half, x - half) + at(y + half, x + half),
            reach);
      }
    }
  }

  /// Middles of their sides, each between two corners and two centres.
  void fill_diamonds(int step, double reach) {
    const int half = step / 2;
    for (int y = 0; y < map_.rows; y += half) {
      for (int x = y % step == 0 ? half : 0; x < map_.cols; x += step) {
        set(y, x, at(y - half, x) + at(y + half, x) + at(y, x - half) + at(y, x + half), reach);
      }
    }
  }

  [[nodiscard]] const cv::Mat& map() const { return map_; }

 private:
  [[nodiscard]] float at(int y, int x) const {
    const int mask = map_.rows - 1;
    return map_.ptr<float>(y & mask)[x & mask];
  }
  void set(int y, int x, float sum, double reach) {
    map_.ptr<float>(y)[x] = sum / 4.0F + static_cast<float>(random_.uniform(-reach, reach));
  }

  Random& random_;
  cv::Mat map_;
};

}  // namespace

// Only the ratio of the reaches matters, since the map is brought to 0..1 at the end.
cv::Mat plasma(int size, double decay, Random& random) {
  Fractal fractal(size, random);
  double reach = 1.0;
  for (int step = size; step >= 2; step /= 2) {
    fractal.fill_squares(step, reach);
    fractal.fill_diamonds(step, reach);
    reach /= decay;
  }
  double low = 0.0;
  double high = 0.0;
  cv::minMaxLoc(fractal.map(), &low, &high);
  const cv::Mat above = fractal.map() - low;
  return above / static_cast<float>(high - low);
}

int plasma_size(int side) {
  int size = 2;
  while (size < side) {
    size *= 2;
  }
  return size;
}

}  // namespace ttscale::shift
