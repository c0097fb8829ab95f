// SPDX-License-Identifier: MIT
// What all rules made of one domain so far, whatever the task.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "data/image_tree.h"
#include "eval/options.h"
#include "eval/result.h"
#include "eval/rule_set.h"
#include "metrics/classification.h"

namespace ttscale::eval {

/// What one batch was worth.
struct BatchScore {
  std::vector<std::vector<metrics::Prediction>> predictions;  ///< of each rule; empty for segmentation
  std::vector<std::int64_t> correct;                          ///< images, or pixels, that each rule has right
  std::int64_t counted = 0;                                   ///< images, or pixels that are not ignored
};

/// The scores of all rules on one domain in one setting.
class DomainScore {
 public:
  virtual ~DomainScore() = default;

  /// Adds what every rule made of the same images. `labels` is int64 [N], or [N, H, W] for segmentation. Throws
  /// ModelError for outputs and DataError for labels that do not fit the task.
  virtual BatchScore add(const Outputs& outputs, const at::Tensor& labels,
                         const std::vector<data::Sample>& samples) = 0;

  [[nodiscard]] virtual std::int64_t images() const = 0;

  /// Numbers of a rule; the rest of the cell is the caller's.
  [[nodiscard]] virtual Cell cell(std::size_t rule) const = 0;

  /// Its classes; the label of the rule is the caller's.
  [[nodiscard]] virtual RuleClasses classes(std::size_t rule) const = 0;

  /// Its most telling images, see keep_examples(); setting, domain and rule are the caller's.
  [[nodiscard]] virtual std::vector<Example> examples(std::size_t /*rule*/) const { return {}; }
};

/// The scores of a domain of `images` images under the task of the options.
std::unique_ptr<DomainScore> make_domain_score(const EvalOptions& options, const RuleSet& runs, std::int64_t images);

}  // namespace ttscale::eval
