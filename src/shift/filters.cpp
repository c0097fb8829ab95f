// SPDX-License-Identifier: MIT
// Gaussian, motion and zoom.
#include "shift/filters.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace ttscale::shift {
namespace {

std::vector<float> gaussian_weights(int radius, double sigma) {
  std::vector<double> weights;
  double sum = 0.0;
  for (int i = -radius; i <= radius; ++i) {
    weights.push_back(std::exp(-0.5 * i * i / (sigma * sigma)));
    sum += weights.back();
  }
  std::vector<float> result;
  for (const double weight : weights) {
    result.push_back(static_cast<float>(weight / sum));
  }
  return result;
}

/// The row or column that stands for `index`.
int inside(int index, int size, Border border) {
  if (border == Border::kNearest) {
    return std::clamp(index, 0, size - 1);
  }
  const int period = 2 * size;
  const int folded = ((index % period) + period) % period;
  return folded < size ? folded : period - 1 - folded;
}

/// Filtering along y as a matrix, for kernels longer than the image: they fold onto its few rows.
cv::Mat folded(const std::vector<float>& weights, int size, Border border) {
  const int radius = static_cast<int>(weights.size()) / 2;
  std::vector<int> places;  // of the rows from -radius on
  places.reserve(static_cast<std::size_t>(size) + weights.size());
  for (int i = -radius; i < size + radius; ++i) {
    places.push_back(inside(i, size, border));
  }
  cv::Mat matrix = cv::Mat::zeros(size, size, CV_32F);
  for (int y = 0; y < size; ++y) {
    auto* row = matrix.ptr<float>(y);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      row[places[static_cast<std::size_t>(y) + i]] += weights[i];
    }
  }
  return matrix;
}

/// out += weight * in
void add_row(float* out, const float* in, float weight, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] += weight * in[i];
  }
}

std::size_t row_length(const cv::Mat& image) {
  return static_cast<std::size_t>(image.cols) * static_cast<std::size_t>(image.channels());
}

/// matrix x image, for each channel.
cv::Mat multiply(const cv::Mat& matrix, const cv::Mat& image) {
  cv::Mat result = cv::Mat::zeros(image.rows, image.cols, image.type());
  for (int y = 0; y < image.rows; ++y) {
    for (int row = 0; row < image.rows; ++row) {
      add_row(result.ptr<float>(y), image.ptr<float>(row), matrix.at<float>(y, row), row_length(image));
    }
  }
  return result;
}

cv::Mat transposed(const cv::Mat& image) {
  cv::Mat result;
  cv::transpose(image, result);
  return result;
}

/// OpenCV's filter along the axes that are not shorter than the kernel; the others are left alone.
cv::Mat filter_long_axes(const cv::Mat& image, const std::vector<float>& weights, bool along_x, bool along_y,
                         Border border) {
  const std::vector<float> nothing{1.0F};
  cv::Mat result;
  cv::sepFilter2D(image, result, CV_32F, along_x ? weights : nothing, along_y ? weights : nothing, cv::Point(-1, -1),
                  0.0, border == Border::kNearest ? cv::BORDER_REPLICATE : cv::BORDER_REFLECT);
  return result;
}

/// How far along the line the i-th sample lies, in whole pixels.
int offset(double step) { return static_cast<int>(std::ceil(step - 0.5)); }

std::vector<float> motion_weights(int width, double sigma) {
  std::vector<float> weights = gaussian_weights(width - 1, sigma);
  weights.erase(weights.begin(), weights.begin() + width - 1);  // from the middle on
  float sum = 0.0F;
  for (const float weight : weights) {
    sum += weight;
  }
  for (float& weight : weights) {
    weight /= sum;
  }
  return weights;
}

/// One row, magnified along x.
template <int kChannels>
void zoom_row(const float* in, const ZoomAxis& axis, float* out) {
  for (std::size_t x = 0; x < axis.first.size(); ++x, out += kChannels) {
    const float* pixel = in + std::ptrdiff_t{axis.first[x]} * kChannels;
    for (std::ptrdiff_t c = 0; c < kChannels; ++c) {
      out[c] = pixel[c] + axis.share[x] * (pixel[c + kChannels] - pixel[c]);
    }
  }
}

/// Output positions never read behind the last pixel, but with share 0 zoom_row() would.
cv::Mat with_one_column_more(const cv::Mat& image) {
  cv::Mat padded;
  cv::copyMakeBorder(image, padded, 0, 1, 0, 1, cv::BORDER_REPLICATE);
  return padded;
}

}  // namespace

cv::Mat gaussian(const cv::Mat& image, double sigma, double truncate, Border border) {
  const int radius = static_cast<int>(truncate * sigma + 0.5);
  if (radius == 0) {
    return image.clone();
  }
  const std::vector<float> weights = gaussian_weights(radius, sigma);
  const bool along_x = 2 * radius + 1 <= image.cols;
  const bool along_y = 2 * radius + 1 <= image.rows;
  cv::Mat result = along_x || along_y ? filter_long_axes(image, weights, along_x, along_y, border) : image;
  if (!along_y) {
    result = multiply(folded(weights, image.rows, border), result);
  }
  if (!along_x) {
    result = transposed(multiply(folded(weights, image.cols, border), transposed(result)));
  }
  return result;
}

cv::Mat motion(const cv::Mat& image, int radius, double sigma, double angle_in_degrees) {
  const int width = 2 * radius + 1;
  const std::vector<float> weights = motion_weights(width, sigma);
  cv::Mat padded;
  cv::copyMakeBorder(image, padded, width, width, width, width, cv::BORDER_REPLICATE);
  const double angle = angle_in_degrees * CV_PI / 180.0;
  cv::Mat result = cv::Mat::zeros(image.rows, image.cols, image.type());
  for (int y = 0; y < image.rows; ++y) {
    for (int i = 0; i < width; ++i) {
      const float* row = padded.ptr<float>(y + width + offset(i * std::sin(angle)));
      const std::ptrdiff_t column = width + offset(i * std::cos(angle));
      add_row(result.ptr<float>(y), row + column * image.channels(), weights[static_cast<std::size_t>(i)],
              row_length(image));
    }
  }
  return result;
}

ZoomAxis zoom_axis(int size, double factor) {
  const int part = static_cast<int>(std::ceil(size / factor));
  const int begin = (size - part) / 2;
  const int zoomed = std::max(size, static_cast<int>(std::nearbyint(part * factor)));
  const double step = zoomed > 1 ? static_cast<double>(part - 1) / (zoomed - 1) : 0.0;
  ZoomAxis axis;
  for (int i = 0; i < size; ++i) {
    const double position = (i + (zoomed - size) / 2) * step;
    const int before = static_cast<int>(position);
    axis.first.push_back(begin + before);
    axis.share.push_back(static_cast<float>(position - before));
  }
  return axis;
}

void add_zoomed(const cv::Mat& image, double factor, cv::Mat& sum) {
  const ZoomAxis rows = zoom_axis(image.rows, factor);
  const ZoomAxis columns = zoom_axis(image.cols, factor);
  const cv::Mat padded = with_one_column_more(image);
  cv::Mat wide(padded.rows, image.cols, image.type());
  const int last = std::min(rows.first.back() + 1, padded.rows - 1);
  for (int y = rows.first.front(); y <= last; ++y) {
    (image.channels() == 3 ? zoom_row<3> : zoom_row<1>)(padded.ptr<float>(y), columns, wide.ptr<float>(y));
  }
  for (int y = 0; y < image.rows; ++y) {
    const auto index = static_cast<std::size_t>(y);
    const auto* above = wide.ptr<float>(rows.first[index]);
    const auto* below = wide.ptr<float>(rows.first[index] + 1);
    auto* out = sum.ptr<float>(y);
    const float share = rows.share[index];
    for (std::size_t i = 0; i < row_length(image); ++i) {
      out[i] += above[i] + share * (below[i] - above[i]);
    }
  }
}

}  // namespace ttscale::shift
