// SPDX-License-Identifier: MIT
// What a stream knows of the images that it has met.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "graph/rewrite.h"
#include "stats/rules.h"

namespace ttscale {

/// The state of all sites of a stream in one tensor, so that a snapshot, a rollback and a reset are one copy each. In
/// front lie the stream's own counters (a site in a loop or branch counts otherwise) and those of the sites, at the end
/// what the sites share. Scratch of the rule lies behind, and is neither copied nor kept.
class StreamState {
 public:
  /// For streams under `rule`. Throws UsageError if the rule needs weights that the reference of a site does not have.
  StreamState(const Rule& rule, const std::vector<graph::RewrittenSite>& sites, const at::Device& device);

  /// Views into the state: what the operators advance in place.
  [[nodiscard]] const graph::StateTensors& tensors() const { return tensors_; }
  [[nodiscard]] const at::Tensor& all() const { return all_; }

  [[nodiscard]] at::Tensor snapshot() const { return all_.clone(); }
  void restore(const at::Tensor& snapshot) { all_.copy_(snapshot); }
  void clear();

  /// A copy of the state before the first batch.
  [[nodiscard]] at::Tensor beginning() const;

  /// The same, but batches refused since then stay counted.
  void go_back(const at::Tensor& snapshot);

  /// Counts the batch that came after the snapshot. If its images are not finite, or any site refused it, all sites
  /// forget it and only the refusal counts. No host synchronisation on a device.
  void keep_all_or_nothing(const at::Tensor& images, const at::Tensor& before);

  /// Images, batches, batches rejected.
  [[nodiscard]] at::Tensor totals() const;

 private:
  [[nodiscard]] at::Tensor counters(const at::Tensor& state) const;

  stats::StateSize size_;
  std::int64_t sites_;
  at::Tensor all_;        ///< without scratch
  at::Tensor beginning_;  ///< undefined: zeros
  graph::StateTensors tensors_;
};

}  // namespace ttscale
