// SPDX-License-Identifier: MIT
// Finds the normalisation layers of a graph and says of each whether it can be adapted.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "graph/walk.h"
#include "ttscale/inspect.h"

namespace ttscale::graph {

/// Positions of the inputs of aten::batch_norm.
enum BatchNormInput : std::size_t { kInput = 0, kWeight, kBias, kRunningMean, kRunningVar, kTraining, kMomentum, kEps };

/// A site and the node behind it.
struct FoundSite {
  Site site;
  torch::jit::Node* node = nullptr;
  std::optional<Origin> mean, var;  ///< running statistics of an adaptable site
};

/// The key in `operators` of nodes by which a model changes its own attributes.
inline constexpr const char* kAttributeChange = "change of an attribute";

/// What a graph holds.
struct FoundSites {
  std::vector<FoundSite> sites;                   ///< in order of execution, names unique
  std::map<std::string, std::int64_t> operators;  ///< see Inspection::operators
  bool traced_in_training = false;                ///< a batch_norm has the constant training=True
};

/// Searches an inlined graph of the module.
FoundSites find_sites(torch::jit::Graph& graph, const torch::jit::Module& module);

/// The one line that says what can be adapted, and if nothing, what was found in place of it and what to do.
std::string summarise(const FoundSites& found);

}  // namespace ttscale::graph
