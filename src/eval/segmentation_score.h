// SPDX-License-Identifier: MIT
// Segmentation of one domain: confusion of pixels, and how the rules differ from source.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "eval/domain_score.h"
#include "metrics/paired_segmentation.h"
#include "metrics/segmentation.h"

namespace ttscale::eval {

/// mIoU and pixel accuracy over all pixels of the domain together. The interval of a rule's gain in mIoU is that of the
/// paired bootstrap over images (metrics::PairedSegmentation).
class SegmentationScore : public DomainScore {
 public:
  /// `source`: the rule that the others are compared with, if it is among them.
  SegmentationScore(std::size_t rules, std::optional<std::size_t> source, std::int64_t ignore_index);

  BatchScore add(const Outputs& outputs, const at::Tensor& labels, const std::vector<data::Sample>& samples) override;
  [[nodiscard]] std::int64_t images() const override;
  [[nodiscard]] Cell cell(std::size_t rule) const override;
  [[nodiscard]] RuleClasses classes(std::size_t rule) const override;

 private:
  using Areas = std::vector<metrics::ClassArea>;

  /// Sums of one rule.
  struct RuleSums {
    metrics::Segmentation confusion;
    metrics::PairedSegmentation paired;  ///< against source, as the pixels below
    std::int64_t broken = 0;
    std::int64_t repaired = 0;
    std::int64_t changed = 0;
  };

  std::vector<Areas> add_rule(std::size_t rule, const at::Tensor& predictions, const at::Tensor& labels,
                              std::int64_t classes);
  void compare(RuleSums& rule, const at::Tensor& source, const at::Tensor& adapted, const at::Tensor& labels) const;

  std::vector<RuleSums> rules_;
  std::optional<std::size_t> source_;
  std::int64_t ignore_index_;
};

}  // namespace ttscale::eval
