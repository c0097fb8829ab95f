// SPDX-License-Identifier: MIT
// Classification of one domain: predictions, calibration, and how the rules differ from source.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/image_tree.h"
#include "eval/domain_score.h"
#include "eval/result.h"
#include "metrics/adaptive_calibration.h"
#include "metrics/classification.h"
#include "metrics/paired.h"

namespace ttscale::eval {

/// Sums of one rule.
struct RuleScore {
  metrics::Classification sums;
  metrics::AdaptiveCalibration calibration;
  metrics::PairedCounts paired;  ///< against source
  std::vector<CurvePoint> curve;
  std::vector<Example> examples;  ///< the most telling ones, see keep_examples()
};

/// Rates over the images of the domain.
class ClassificationScore : public DomainScore {
 public:
  /// `images`: how many are to come, for the stretches of the curve. `source`: the rule that the others are compared
  /// with, if it is among them. `examples`: EvalOptions::examples.
  ClassificationScore(std::size_t rules, std::optional<std::size_t> source, std::int64_t images, std::int64_t examples);

  BatchScore add(const Outputs& outputs, const at::Tensor& labels, const std::vector<data::Sample>& samples) override;
  [[nodiscard]] std::int64_t images() const override;
  [[nodiscard]] Cell cell(std::size_t rule) const override;
  [[nodiscard]] RuleClasses classes(std::size_t rule) const override;
  [[nodiscard]] std::vector<Example> examples(std::size_t rule) const override { return rules_[rule].examples; }

 private:
  void compare(const std::vector<std::vector<metrics::Prediction>>& predictions, const at::Tensor& labels,
               const std::vector<data::Sample>& samples);
  void extend_curve(RuleScore& score, const std::vector<metrics::Prediction>& predictions, const at::Tensor& labels);

  std::vector<RuleScore> rules_;
  std::optional<std::size_t> source_;
  std::int64_t stretch_;  ///< images of one point of the curve
  std::int64_t examples_;
};

}  // namespace ttscale::eval
