// SPDX-License-Identifier: MIT
// A batch of which a rule measures a part, in two parts: only the one that is measured needs its sites, the other runs
// with all of them folded into convolutions.
#pragma once

#include <functional>

#include <ATen/core/Tensor.h>

#include "stats/sampling.h"

namespace ttscale::graph {

/// Splits the batches of a stream.
class Sampler {
 public:
  /// For a rule that samples (stats::sample_share()); `first` is the state of the stream's first site.
  Sampler(Rule rule, stats::SiteState first) : rule_(std::move(rule)), first_(std::move(first)) {}

  /// Runs the images [N, ...] that are measured now, and the others with nothing measured: after them, or before under
  /// a rule that lags. Puts the outputs [n, ...] together in the order of the images; runs all at once where all or
  /// none are measured. If `run` throws, the images that follow are measured as ever. Throws c10::Error if an output
  /// has no row for each image.
  at::Tensor forward(const at::Tensor& images, const std::function<at::Tensor(const at::Tensor& images)>& run);

 private:
  Rule rule_;
  stats::SiteState first_;
};

}  // namespace ttscale::graph
