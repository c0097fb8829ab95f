// SPDX-License-Identifier: MIT
// Mistakes ahead of the model that no statistics mend: are its images meant otherwise than they are fed?
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "stats/comparison.h"

namespace ttscale {

/// Tries the first images of a stream in other readings, and compares the source model's predictions.
class InputProbe {
 public:
  struct Reading {
    std::string name;
    at::Tensor images;
  };

  /// Other readings [n, C, H, W] of the images that are worth a forward; none once enough were tried. Reads the images'
  /// range, which waits for their device.
  std::vector<Reading> readings(const at::Tensor& images);

  /// Scores of the source model for the images as they are, and in another reading.
  void add(const std::string& reading, const at::Tensor& as_fed, const at::Tensor& otherwise);

  /// A line for each reading that the model clearly tells better.
  [[nodiscard]] std::vector<std::string> warnings() const;

  /// All that it knows as numbers, float64 [..], and back. from_numbers() returns false, and changes nothing, for
  /// numbers that no probe can have.
  [[nodiscard]] at::Tensor numbers() const;
  bool from_numbers(const at::Tensor& numbers);

 private:
  std::int64_t tried_ = 0;
  std::map<std::string, stats::Comparison> comparisons_;
};

}  // namespace ttscale
