// SPDX-License-Identifier: MIT
// A batch of which a rule measures a part, in two parts: only the one that is measured needs its sites, the other runs
// with all of them folded into convolutions.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "stats/sampling.h"

namespace ttscale::graph {

/// Splits the batches of a stream.
class Sampler {
 public:
  using Run = std::function<at::Tensor(const at::Tensor& images)>;

  /// For a rule that samples (stats::sample_share()), with the states of the stream's sites: at least one.
  Sampler(const Rule& rule, std::vector<stats::SiteState> sites) : rule_(rule), sites_(std::move(sites)) {}

  /// Which of the images [N, ...] are measured now.
  enum class Share { kNone, kSome, kAll };
  [[nodiscard]] Share next_share(const at::Tensor& images) const;

  /// Runs the images [N, ...] that are measured now, and the others with nothing measured: after them, or before under
  /// a rule that lags. Puts the outputs [n, ...] together in the order of the images. If `run` throws, the images that
  /// follow are measured as ever. Throws c10::Error if an output has no row for each image. Only for
  /// Share::kSome.
  [[nodiscard]] at::Tensor run_in_parts(const at::Tensor& images, const Run& run) const;

 private:
  [[nodiscard]] stats::Sample next(const at::Tensor& images) const;

  Rule rule_;
  std::vector<stats::SiteState> sites_;
};

}  // namespace ttscale::graph
