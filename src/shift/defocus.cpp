// SPDX-License-Identifier: MIT
// Out of focus: the mean over a disk whose edge is smoothed. A disk is flat, so that its sums come from running sums
// along rows, and are smoothed afterwards; that takes a fraction of the time of a filter as large.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "shift/kinds.h"
#include "shift/pixels.h"

namespace ttscale::shift {
namespace {

struct Disk {
  double radius, smoothing;

  [[nodiscard]] bool is_small() const { return radius <= 8; }
  [[nodiscard]] int reach() const { return static_cast<int>(radius); }
  [[nodiscard]] int taps() const { return is_small() ? 3 : 5; }       ///< of the Gaussian that smooths the edge
  [[nodiscard]] int box() const { return is_small() ? 8 : reach(); }  ///< where the published kernel ends
};
constexpr Levels<Disk> kDefocus{{{{3, .1}, {4, .5}, {6, .5}, {8, .5}, {10, .5}}},
                                {{{.3, .4}, {.4, .5}, {.5, .6}, {1, .2}, {1.5, .1}}}};

/// How far row `y` of the disk reaches to either side.
int half_width(const Disk& disk, int y) {
  return static_cast<int>(std::sqrt(disk.radius * disk.radius - static_cast<double>(y) * y));
}

int area(const Disk& disk) {
  int sum = 0;
  for (int y = -disk.reach(); y <= disk.reach(); ++y) {
    sum += 2 * half_width(disk, y) + 1;
  }
  return sum;
}

/// Sums of the bytes before each one of the row, channel by channel: [width + 1, 3].
void running_sums(const std::uint8_t* row, int width, std::int32_t* sums) {
  std::fill(sums, sums + 3, 0);
  for (int i = 0; i < 3 * width; ++i) {
    sums[i + 3] = sums[i] + row[i];
  }
}

/// An image continued beyond its border, and its running sums. What is summed here is summed for every pixel that is
/// `inset` from the border of the continued image: CV_32SC3, smaller by that on each side.
struct Sums {
  cv::Mat image;
  cv::Mat before;
  int inset;

  Sums(const cv::Mat& continued, int from_border)
      : image(continued), before(continued.rows, continued.cols + 1, CV_32SC3), inset(from_border) {
    for (int y = 0; y < image.rows; ++y) {
      running_sums(image.ptr<std::uint8_t>(y), image.cols, before.ptr<std::int32_t>(y));
    }
  }

  [[nodiscard]] cv::Mat zeros() const {
    return cv::Mat::zeros(image.rows - 2 * inset, image.cols - 2 * inset, CV_32SC3);
  }
  /// The bytes that lie (dy, dx) from those that row `y` of the result is about.
  [[nodiscard]] const std::uint8_t* bytes(int y, int dy, int dx) const {
    return image.ptr<std::uint8_t>(y + inset + dy, inset + dx);
  }
  [[nodiscard]] const std::int32_t* sums(int y, int dy, int dx) const {
    return before.ptr<std::int32_t>(y + inset + dy, inset + dx);
  }
};

/// out += the sums over lines of 2 * half + 1 pixels in the rows `dy` above and below.
void add_lines(const Sums& sums, int y, int dy, int half, int count, std::int32_t* out) {
  const auto* first = sums.sums(y, -dy, -half);
  const auto* end = sums.sums(y, -dy, half + 1);
  const auto* first_below = sums.sums(y, dy, -half);
  const auto* end_below = sums.sums(y, dy, half + 1);
  for (int i = 0; i < count; ++i) {
    out[i] += end[i] - first[i] + end_below[i] - first_below[i];
  }
}

cv::Mat over_disk(const Sums& sums, const Disk& disk) {
  cv::Mat result = sums.zeros();
  const int count = 3 * result.cols;
  for (int y = 0; y < result.rows; ++y) {
    auto* out = result.ptr<std::int32_t>(y);
    const auto* first = sums.sums(y, 0, -disk.reach());
    const auto* end = sums.sums(y, 0, disk.reach() + 1);
    for (int i = 0; i < count; ++i) {
      out[i] = end[i] - first[i];
    }
    for (int dy = 1; dy <= disk.reach(); ++dy) {
      add_lines(sums, y, dy, half_width(disk, dy), count, out);
    }
  }
  return result;
}

// The published kernel is smoothed in a box. Where the disk touches the end of that, the tap beyond takes what lies
// before the end once more, a line; and what should spread from the end to beyond it, one pixel, is lost.

/// The line minus the pixel, at the upper and at the lower end.
cv::Mat over_ends(const Sums& sums, const Disk& disk) {
  cv::Mat result = sums.zeros();
  const int reach = disk.reach();
  const int count = 3 * result.cols;
  for (int y = 0; y < result.rows; ++y) {
    auto* out = result.ptr<std::int32_t>(y);
    const auto* above = sums.bytes(y, -reach - 1, 0);
    const auto* below = sums.bytes(y, reach + 1, 0);
    add_lines(sums, y, reach, half_width(disk, reach - 1), count, out);
    for (int i = 0; i < count; ++i) {
      out[i] -= above[i] + below[i];
    }
  }
  return result;
}

/// Likewise at the left and at the right end, where lines are columns.
cv::Mat over_sides(const Sums& sums, const Disk& disk) {
  cv::Mat result = sums.zeros();
  const int reach = disk.reach();
  const int half = half_width(disk, reach - 1);
  const auto width = static_cast<std::size_t>(sums.image.cols) * 3;
  std::vector<std::int32_t> columns(width);
  for (int y = 0; y < result.rows; ++y) {
    std::fill(columns.begin(), columns.end(), 0);
    for (int dy = -half; dy <= half; ++dy) {
      const auto* row = sums.bytes(y, dy, -sums.inset);
      for (std::size_t i = 0; i < width; ++i) {
        columns[i] += row[i];
      }
    }
    auto* out = result.ptr<std::int32_t>(y);
    const auto* left = columns.data() + std::ptrdiff_t{3} * (sums.inset - reach);
    const auto* right = columns.data() + std::ptrdiff_t{3} * (sums.inset + reach);
    const auto* before_left = sums.bytes(y, 0, -reach - 1);
    const auto* behind_right = sums.bytes(y, 0, reach + 1);
    for (int i = 0; i < 3 * result.cols; ++i) {
      out[i] = left[i] + right[i] - before_left[i] - behind_right[i];
    }
  }
  return result;
}

cv::Mat smooth(const cv::Mat& sums, const cv::Mat& along_x, const cv::Mat& along_y) {
  cv::Mat values;
  sums.convertTo(values, CV_32F);
  cv::sepFilter2D(values, values, CV_32F, along_x, along_y);
  return values;
}

/// Sums over the smoothed disk, with what its box changes; right at least `taps / 2` from the border.
cv::Mat over_smoothed_disk(const Sums& sums, const Disk& disk) {
  const cv::Mat gaussian = cv::getGaussianKernel(disk.taps(), disk.smoothing, CV_32F);
  if (disk.reach() < disk.box()) {
    return smooth(over_disk(sums, disk), gaussian, gaussian);
  }
  const cv::Mat none = cv::Mat::ones(1, 1, CV_32F);
  const double beyond = gaussian.at<float>(disk.taps() / 2 + 1);
  cv::Mat result = smooth(over_disk(sums, disk), none, gaussian);
  result += beyond * smooth(over_ends(sums, disk), none, none);
  result = smooth(result, gaussian, none);
  result += beyond * smooth(over_sides(sums, disk), none, gaussian);
  return result;
}

}  // namespace

cv::Mat defocus_blur(const cv::Mat& rgb, Job& job) {
  const Disk& disk = kDefocus.of(job);
  const int smoothed = disk.taps() / 2;
  const int inset = disk.reach() + 1;
  const int margin = inset + smoothed;
  cv::Mat image;
  cv::copyMakeBorder(rgb, image, margin, margin, margin, margin, cv::BORDER_REFLECT_101);
  const cv::Mat sums = over_smoothed_disk(Sums(image, inset), disk);
  return to_bytes(sums(cv::Rect(smoothed, smoothed, rgb.cols, rgb.rows)) / area(disk));
}

}  // namespace ttscale::shift
