// SPDX-License-Identifier: MIT
// One rule on its way through the domains: its stream, and what it scored in the current domain.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/image_tree.h"
#include "eval/options.h"
#include "eval/result.h"
#include "metrics/classification.h"
#include "ttscale/adapter.h"

namespace ttscale::eval {

/// A stream and its score.
class RuleRun {
 public:
  /// `stream` starts, at every reset, from the statistics it has now.
  RuleRun(std::string label, Stream stream);

  /// Begins a domain with an empty score; the stream goes back to its start under Reset::kDomain only.
  void start_domain(Reset reset);

  /// Runs the model on a batch and scores it. Throws ModelError or DataError if images, model and labels do not fit.
  std::vector<metrics::Prediction> score(const at::Tensor& images, const at::Tensor& labels,
                                         const data::ImageTree& tree);

  /// The score of the domain so far.
  [[nodiscard]] Cell cell(const std::string& domain, const EvalOptions& options) const;

  /// Writes the statistics of the stream (Stream::save).
  void save(const std::filesystem::path& file) const { stream_.save(file); }

  [[nodiscard]] const std::string& label() const { return label_; }
  [[nodiscard]] const metrics::Classification& sums() const { return sums_; }

 private:
  at::Tensor forward(const at::Tensor& images);

  std::string label_;
  Stream stream_;
  Snapshot start_;
  metrics::Classification sums_;
  std::int64_t rejected_before_ = 0;  ///< what the stream had rejected when the domain began
  double seconds_ = 0;
};

}  // namespace ttscale::eval
