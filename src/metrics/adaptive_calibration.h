// SPDX-License-Identifier: MIT
// Expected calibration error with bins of equal mass, for which every confidence must be kept.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics/classification.h"

namespace ttscale::metrics {

/// The confidence of one image, and whether its prediction was the label.
struct Outcome {
  float confidence = 0;
  bool correct = false;
};

/// Collects confidences; 8 bytes an image. Merge in any order and grouping: the results have the same bits.
class AdaptiveCalibration {
 public:
  /// Adds what Classification::add() returned for these labels (int64 [N], on the CPU). Images without a softmax are
  /// left out, as in Classification::ece(). Throws UsageError unless there is one label a prediction.
  void add(const std::vector<Prediction>& predictions, const at::Tensor& labels);

  /// Adds what another has seen.
  void merge(const AdaptiveCalibration& other);

  /// Images with a softmax.
  [[nodiscard]] std::int64_t images() const { return static_cast<std::int64_t>(outcomes_.size()); }

  /// The calibration error with equal-mass bins, 0..1 (Nguyen & O'Connor 2015; "adaptive ECE" of Mukhoti et al. 2020;
  /// the adaptive scheme of Nixon et al. 2019 for the top class). The upper edge of bin b = 1..B is the smallest
  /// confidence that at least b/B of the images do not exceed: number ceil(b n / B) of the n sorted ones. Bin b holds
  /// the confidences in (edge b-1, edge b], the first bin also all below its edge. So equal confidences share a bin,
  /// the order of the images does not matter, bins differ by at most one image where all confidences differ, and a bin
  /// can be empty otherwise. The error is the sum over bins of |correct - confidence| / n. NaN without images. Throws
  /// UsageError for less than one bin.
  [[nodiscard]] double error(std::int64_t bins = kCalibrationBins) const;

 private:
  std::vector<Outcome> outcomes_;
};

}  // namespace ttscale::metrics
