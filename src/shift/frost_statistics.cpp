// SPDX-License-Identifier: MIT
// The spectrum by Fourier transform, the gray levels by sorting.
#include "shift/frost_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace ttscale::shift {
namespace {

constexpr int kTurns = 3;

/// How many octaves the frequency of a place in the spectrum lies below half a cycle a pixel; below 0 in the corners.
cv::Mat octaves_below(cv::Size size) {
  const auto cycles = [](int place, int side) { return static_cast<double>(std::min(place, side - place)) / side; };
  cv::Mat result(size, CV_32F);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const double frequency = std::hypot(cycles(y, size.height), cycles(x, size.width));
      result.at<float>(y, x) = static_cast<float>(std::log2(.5 / std::max(frequency, 1e-9)));
    }
  }
  return result;
}

std::size_t octave_of(float below) {
  return static_cast<std::size_t>(std::clamp(std::floor(below), 0.0F, static_cast<float>(kOctaves - 1)));
}

/// Standard deviation in each octave of the picture with this spectrum.
std::array<double, kOctaves> measure(const cv::Mat& spectrum, const cv::Mat& below) {
  std::array<double, kOctaves> power{};
  for (int y = 0; y < spectrum.rows; ++y) {
    for (int x = y == 0 ? 1 : 0; x < spectrum.cols; ++x) {  // without the mean
      const auto& value = spectrum.at<cv::Vec2f>(y, x);
      power[octave_of(below.at<float>(y, x))] += double{value[0]} * value[0] + double{value[1]} * value[1];
    }
  }
  for (double& value : power) {
    value = std::sqrt(value) / static_cast<double>(spectrum.total());
  }
  return power;
}

/// The logarithm of the gain between the middles of octaves, so that no frequency stands out from its neighbours.
double gain_at(float below, const std::array<double, kOctaves>& log_gains) {
  const double place = std::clamp(below - .5, 0.0, static_cast<double>(kOctaves - 1));
  const auto first = std::min(static_cast<std::size_t>(place), kOctaves - 2);
  const double share = place - static_cast<double>(first);
  return std::exp(log_gains[first] + share * (log_gains[first + 1] - log_gains[first]));
}

cv::Mat with_octaves(const cv::Mat& gray, const std::array<double, kOctaves>& wanted, const cv::Mat& below) {
  cv::Mat spectrum;
  cv::dft(gray, spectrum, cv::DFT_COMPLEX_OUTPUT);
  const auto found = measure(spectrum, below);
  std::array<double, kOctaves> log_gains{};
  for (std::size_t i = 0; i < kOctaves; ++i) {
    log_gains[i] = found[i] > 0 ? std::log(wanted[i] / found[i]) : 0;
  }
  for (int y = 0; y < spectrum.rows; ++y) {
    for (int x = y == 0 ? 1 : 0; x < spectrum.cols; ++x) {
      spectrum.at<cv::Vec2f>(y, x) *= static_cast<float>(gain_at(below.at<float>(y, x), log_gains));
    }
  }
  cv::Mat result;
  cv::dft(spectrum, result, cv::DFT_INVERSE | cv::DFT_SCALE | cv::DFT_REAL_OUTPUT);
  return result;
}

/// The gray level that the share does not exceed, on straight lines between the known ones.
double quantile(double share, const std::array<double, kQuantiles>& known) {
  const auto* above = std::upper_bound(kShares.begin(), kShares.end() - 1, share);
  const auto i = static_cast<std::size_t>(above - kShares.begin());
  return known[i - 1] + (known[i] - known[i - 1]) * (share - kShares[i - 1]) / (kShares[i] - kShares[i - 1]);
}

cv::Mat with_quantiles(const cv::Mat& gray, const std::array<double, kQuantiles>& wanted) {
  const auto* values = gray.ptr<float>();
  std::vector<std::uint32_t> order(gray.total());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [values](std::uint32_t a, std::uint32_t b) {
    return values[a] != values[b] ? values[a] < values[b] : a < b;
  });
  cv::Mat result(gray.size(), CV_32F);
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double share = (static_cast<double>(rank) + .5) / static_cast<double>(order.size());
    result.ptr<float>()[order[rank]] = static_cast<float>(quantile(share, wanted));
  }
  return result;
}

}  // namespace

cv::Mat with_statistics(const cv::Mat& gray, const GrayStatistics& wanted) {
  const cv::Mat below = octaves_below(gray.size());
  cv::Mat result = gray;
  for (int turn = 0; turn < kTurns; ++turn) {
    result = with_quantiles(with_octaves(result, wanted.octaves, below), wanted.quantiles);
  }
  return result;
}

}  // namespace ttscale::shift
