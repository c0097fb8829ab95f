// SPDX-License-Identifier: MIT
// Bins between quantiles of the confidences.
#include "metrics/adaptive_calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "metrics/labels.h"
#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

/// Number, counted from one, of the sorted image whose confidence is the upper edge of a bin: ceil(bin n / bins).
std::size_t edge_rank(std::size_t bin, std::size_t images, std::size_t bins) {
  return (bin * images + bins - 1) / bins;
}

}  // namespace

void AdaptiveCalibration::add(const std::vector<Prediction>& predictions, const at::Tensor& labels) {
  const std::int64_t* label = labels_of(labels, predictions.size(), "adaptive calibration");
  for (const Prediction& prediction : predictions) {
    if (!std::isnan(prediction.confidence)) {
      outcomes_.push_back({static_cast<float>(prediction.confidence), prediction.index == *label});
    }
    ++label;
  }
}

void AdaptiveCalibration::merge(const AdaptiveCalibration& other) {
  const std::vector<Outcome> theirs = other.outcomes_;  // a copy: it may be our own
  outcomes_.insert(outcomes_.end(), theirs.begin(), theirs.end());
}

double AdaptiveCalibration::error(std::int64_t bins) const {
  if (bins < 1) {
    throw UsageError("adaptive calibration: expected at least one bin, found " + std::to_string(bins));
  }
  if (outcomes_.empty()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  std::vector<Outcome> sorted = outcomes_;
  std::sort(sorted.begin(), sorted.end(),
            [](const Outcome& a, const Outcome& b) { return a.confidence < b.confidence; });
  double gaps = 0;
  std::size_t next = 0;
  for (std::size_t bin = 1; bin <= static_cast<std::size_t>(bins); ++bin) {
    const std::size_t rank = edge_rank(bin, sorted.size(), static_cast<std::size_t>(bins));
    const float edge = sorted[rank - 1].confidence;
    double gap = 0;
    std::int64_t correct = 0;
    for (; next < sorted.size() && sorted[next].confidence <= edge; ++next) {
      gap -= sorted[next].confidence;
      correct += sorted[next].correct ? 1 : 0;
    }
    gaps += std::abs(gap + static_cast<double>(correct));
  }
  return gaps / static_cast<double>(sorted.size());
}

}  // namespace ttscale::metrics
