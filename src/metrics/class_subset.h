// SPDX-License-Identifier: MIT
// Scores a model on data that has only some of its classes, as ImageNet-A and ImageNet-R are scored.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ttscale::metrics {

/// The classes that data has among the outputs of a model. Logits of the others are cut away before softmax and argmax
/// (Hendrycks et al. 2021; timm's --valid-labels), so classes get new indices: their positions in ascending order.
class ClassSubset {
 public:
  /// `classes` are output indices 0..outputs-1 in any order. Throws DataError if there are none, or one is outside or
  /// named twice.
  ClassSubset(std::vector<std::int64_t> classes, std::int64_t outputs);

  /// Output indices, ascending.
  [[nodiscard]] const std::vector<std::int64_t>& classes() const { return classes_; }

  /// Logits [N, outputs] -> [N, classes().size()], same type and device. Throws ModelError for another shape.
  [[nodiscard]] at::Tensor restrict_logits(const at::Tensor& logits) const;

  /// Output indices int64 [N] -> new indices int64 [N] on the CPU. Throws DataError for a label that is no class of it.
  [[nodiscard]] at::Tensor restrict_labels(const at::Tensor& labels) const;

  /// The output index of a new index; -1 (no prediction) stays -1. Throws UsageError for others that do not exist.
  [[nodiscard]] std::int64_t output_of(std::int64_t index) const;

 private:
  std::vector<std::int64_t> classes_;
  std::vector<std::int64_t> positions_;  // of each output; -1: cut away
};

}  // namespace ttscale::metrics
