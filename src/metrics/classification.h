// SPDX-License-Identifier: MIT
// Streaming metrics of a classifier: logits and labels in, counts that can be merged out.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

namespace ttscale::metrics {

/// What a model says about one image.
struct Prediction {
  std::int64_t index = -1;  ///< class with the largest logit, the first of equals; -1 where there is no softmax
  double confidence = std::numeric_limits<double>::quiet_NaN();  ///< softmax of that class; NaN where there is none
  double nll = std::numeric_limits<double>::quiet_NaN();         ///< negative log-likelihood of the label, likewise
};

/// A range of a rate, of a mean or of a difference; NaN where there is none.
struct Interval {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
};

/// The 95 % interval of Wilson (1927) for a rate observed as `successes` of `trials`; NaN for no trials.
Interval wilson_interval(std::int64_t successes, std::int64_t trials);

/// Images whose confidence fell into one of the equal-width bins of the calibration error.
struct CalibrationBin {
  std::int64_t images = 0;
  std::int64_t correct = 0;
  double confidence = 0;  ///< sum over the images
};

/// Images of one class.
struct ClassCount {
  std::int64_t images = 0;   ///< that bear the label
  std::int64_t correct = 0;  ///< of these, predicted as such
};

/// Bins of the expected calibration error (Guo et al. 2017).
constexpr std::int64_t kCalibrationBins = 15;

/// Sums over the images seen; rates and means are taken from them when asked for. Copy, merge and store it freely.
///
/// An image whose softmax does not exist (a logit is NaN or +Inf, or all are -Inf) is `non_finite`: it counts as wrong
/// in top-1, top-5 and its class, and is left out of negative log-likelihood, Brier score, calibration error and mean
/// confidence, which are means over the other images. A single -Inf is a class that the model excludes, and is no
/// fault.
struct Classification {
  std::int64_t images = 0;
  std::int64_t top1_correct = 0;
  std::int64_t top5_correct = 0;  ///< label among the min(5, K) largest logits; among equals the lower index is larger
  std::int64_t non_finite = 0;
  double nll_sum = 0;    ///< natural logarithm; infinite if the logit of a label is -Inf
  double brier_sum = 0;  ///< sum over images and classes of (softmax - [class is the label])^2
  std::array<CalibrationBin, kCalibrationBins> bins{};  ///< bin i holds confidences in (i/15, (i+1)/15]
  std::vector<ClassCount> per_class;                    ///< by label; one an output of the model once a batch was added

  /// Adds a batch and returns its predictions: logits [N, K] of any floating type, layout and device, labels int64 [N]
  /// in 0..K-1. Softmax is taken in double on the CPU. Throws ModelError for other logits, DataError for other labels.
  std::vector<Prediction> add(const at::Tensor& logits, const at::Tensor& labels);

  /// Adds what another has seen. Where one has more classes, the other has seen none of these.
  void merge(const Classification& other);

  /// Share of images whose prediction is the label; like all that follow NaN before the first image.
  [[nodiscard]] double top1() const;
  [[nodiscard]] double top5() const;
  [[nodiscard]] Interval top1_interval() const;
  /// Mean negative log-likelihood of the labels.
  [[nodiscard]] double nll() const;
  /// Mean over images of the Brier score in its original form for several classes (Brier 1950): the sum over classes of
  /// (p - o)^2, 0..2. Twice the two-class form of other tools.
  [[nodiscard]] double brier() const;
  /// Mean over the classes that have images of the share of them that is right ("balanced accuracy").
  [[nodiscard]] double mean_class_accuracy() const;
  /// Expected calibration error, 0..1.
  [[nodiscard]] double ece() const;
  [[nodiscard]] double mean_confidence() const;
};

}  // namespace ttscale::metrics
