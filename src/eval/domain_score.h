// SPDX-License-Identifier: MIT
// What all rules made of one domain so far.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/image_tree.h"
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

/// The scores of all rules on one domain in one setting.
class DomainScore {
 public:
  /// `images`: how many are to come, for the stretches of the curve. `source`: the rule that the others are compared
  /// with, if it is among them. `examples`: EvalOptions::examples.
  DomainScore(std::size_t rules, std::optional<std::size_t> source, std::int64_t images, std::int64_t examples);

  /// Adds logits [N, K] of every rule for the same images, and returns the predictions of each. Throws what
  /// Classification::add() throws.
  std::vector<std::vector<metrics::Prediction>> add(const std::vector<at::Tensor>& logits, const at::Tensor& labels,
                                                    const std::vector<data::Sample>& samples);

  /// Numbers of a rule; the rest of the cell is the caller's.
  [[nodiscard]] Cell cell(std::size_t rule) const;

  [[nodiscard]] const RuleScore& rule(std::size_t index) const { return rules_[index]; }

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
