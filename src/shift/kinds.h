// SPDX-License-Identifier: MIT
// Every kind of shift, a function each. All take bytes, CV_8UC3 without gaps, and give a new matrix of the same size.
#pragma once

#include <array>
#include <cstddef>
#include <opencv2/core.hpp>

#include "shift/random.h"
#include "shift/shift.h"

namespace ttscale::shift {

/// How strong, by whose numbers, and where chance comes from.
struct Job {
  std::size_t level;  ///< severity - 1
  Parameters parameters;
  Random random;
};

/// A parameter at the five severities, in both sets.
template <typename Value>
struct Levels {
  std::array<Value, 5> imagenet;
  std::array<Value, 5> cifar;

  [[nodiscard]] const Value& of(const Job& job) const {
    return (job.parameters == Parameters::kImageNet ? imagenet : cifar)[job.level];
  }
};

// noise.cpp
cv::Mat gaussian_noise(const cv::Mat& rgb, Job& job);
cv::Mat shot_noise(const cv::Mat& rgb, Job& job);
cv::Mat impulse_noise(const cv::Mat& rgb, Job& job);
cv::Mat speckle_noise(const cv::Mat& rgb, Job& job);
// blur.cpp, defocus.cpp
cv::Mat gaussian_blur(const cv::Mat& rgb, Job& job);
cv::Mat defocus_blur(const cv::Mat& rgb, Job& job);
cv::Mat glass_blur(const cv::Mat& rgb, Job& job);
cv::Mat motion_blur(const cv::Mat& rgb, Job& job);
cv::Mat zoom_blur(const cv::Mat& rgb, Job& job);
// weather
cv::Mat snow(const cv::Mat& rgb, Job& job);
cv::Mat frost(const cv::Mat& rgb, Job& job);
cv::Mat fog(const cv::Mat& rgb, Job& job);
cv::Mat spatter(const cv::Mat& rgb, Job& job);
// colour.cpp
cv::Mat brightness(const cv::Mat& rgb, Job& job);
cv::Mat contrast(const cv::Mat& rgb, Job& job);
cv::Mat saturate(const cv::Mat& rgb, Job& job);
// elastic.cpp, digital.cpp
cv::Mat elastic_transform(const cv::Mat& rgb, Job& job);
cv::Mat pixelate(const cv::Mat& rgb, Job& job);
cv::Mat jpeg_compression(const cv::Mat& rgb, Job& job);
// camera.cpp, frame.cpp: the group `real`
cv::Mat underexposure(const cv::Mat& rgb, Job& job);
cv::Mat overexposure(const cv::Mat& rgb, Job& job);
cv::Mat warm_white_balance(const cv::Mat& rgb, Job& job);
cv::Mat cool_white_balance(const cv::Mat& rgb, Job& job);
cv::Mat channel_swap(const cv::Mat& rgb, Job& job);
cv::Mat grayscale(const cv::Mat& rgb, Job& job);
cv::Mat low_resolution(const cv::Mat& rgb, Job& job);
cv::Mat letterbox(const cv::Mat& rgb, Job& job);

/// A kind and the group that it belongs to.
struct Kind {
  const char* name;
  const char* group;
  cv::Mat (*apply)(const cv::Mat& rgb, Job& job);
};

/// All of them, in the order of kinds().
const std::array<Kind, 27>& kind_table();

}  // namespace ttscale::shift
