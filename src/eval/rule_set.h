// SPDX-License-Identifier: MIT
// All rules of an evaluation on the same batches.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "eval/rule_run.h"
#include "eval/setup.h"

namespace ttscale::eval {

/// What every rule made of the same images, on the CPU.
struct Outputs {
  std::vector<at::Tensor> of_rules;  ///< logits [N, K]; for segmentation the classes of pixels, int64 [N, H, W], see
                                     ///< metrics::predicted_classes()
  std::int64_t classes = 0;          ///< K
};

/// A run a rule, in the order of the plan. Options and setup must outlive it.
class RuleSet {
 public:
  /// Starts the streams, from EvalOptions::state_in if it is set. Throws what Stream::load() throws.
  RuleSet(const EvalOptions& options, const Setup& setup);

  /// All streams back to their start.
  void restart();

  /// Empties the windows of all.
  void start_part();

  /// Scales and normalises images [N, C, H, W] of the loader and returns the outputs of every rule; logits are -Inf at
  /// outputs without images if only valid classes count, and maps of pixels have the size of the images. Throws
  /// ModelError and DataError if model, images, task and classes do not fit.
  Outputs forward(const at::Tensor& images);

  [[nodiscard]] std::size_t size() const { return runs_.size(); }
  [[nodiscard]] RuleRun& operator[](std::size_t rule) { return runs_[rule]; }
  [[nodiscard]] const RuleRun& operator[](std::size_t rule) const { return runs_[rule]; }
  [[nodiscard]] const std::vector<RuleRun>& all() const { return runs_; }
  /// The rule that leaves the model as it is, if it is among them.
  [[nodiscard]] std::optional<std::size_t> source() const { return source_; }

 private:
  [[nodiscard]] at::Tensor model_input(const at::Tensor& images) const;
  [[nodiscard]] at::Tensor logits_of(const at::Tensor& output, const at::Tensor& images);
  [[nodiscard]] at::Tensor pixels_of(const at::Tensor& output, const at::Tensor& images) const;

  const EvalOptions& options_;
  const Setup& setup_;
  std::vector<RuleRun> runs_;
  std::optional<std::size_t> source_;
  at::Tensor absent_;  ///< bool [K]: outputs whose class has no images; undefined if all count
};

}  // namespace ttscale::eval
