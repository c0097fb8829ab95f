// SPDX-License-Identifier: MIT
// A copy of a model that measures the moments of its sites while it runs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "stats/moments.h"
#include "ttscale/inspect.h"
#include "ttscale/options.h"

namespace torch::jit {
struct Module;
}

namespace ttscale::graph {

/// Sums over images at sites of a model (ops/observe.h), apart for each group of images.
class Probe {
 public:
  /// Watches the adaptable BatchNorm layers and the chosen feature sites, or all sites whose name or kind passes a
  /// pattern. Throws ModelError if there are
  /// none to watch (saying what was found) or if forward cannot be called with images alone, UsageError for a pattern
  /// that selects nothing.
  Probe(const torch::jit::Module& module, const std::vector<std::string>& patterns, CallOptions call);

  /// Runs the model on images of a group (numbers from 0 on), which enter its sums at all sites or, if the model fails
  /// (ModelError), at none.
  void run(const at::Tensor& images, std::size_t group = 0);

  [[nodiscard]] const std::vector<Site>& sites() const { return sites_; }
  [[nodiscard]] const at::Device& device() const { return device_; }

  /// What a site would give if its running statistics were those of its images; nothing where it is no BatchNorm.
  [[nodiscard]] const std::optional<stats::Moments>& stored(std::size_t site) const { return stored_.at(site); }

  /// The sums of a site over a group [4, C], float64, on the CPU; undefined if no image has reached it.
  [[nodiscard]] at::Tensor sums(std::size_t site, std::size_t group = 0) const;

 private:
  std::shared_ptr<torch::jit::Module> module_;
  CallOptions call_;
  std::vector<Site> sites_;
  std::vector<std::optional<stats::Moments>> stored_;
  std::vector<std::vector<at::Tensor>> groups_;  ///< sums of each site; the module's attributes are of the last run
  at::Device device_{at::kCPU};
};

}  // namespace ttscale::graph
