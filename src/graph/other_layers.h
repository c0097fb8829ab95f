// SPDX-License-Identifier: MIT
// Finds outputs of layers that no BatchNorm was folded into, for those who ask for them by name or kind.
#pragma once

#include <vector>

#include "graph/sites.h"

namespace ttscale::graph {

/// Outputs of layers that are no convolution: activations, sums, concatenations, pooling, normalisations of each image,
/// linear layers, in order of execution. Their kind is the operator's ("relu", "layer_norm"), their name that of the
/// layer's parameters or the kind with a number. None is chosen unless asked for.
std::vector<FoundSite> find_other_layers(torch::jit::Graph& graph, const torch::jit::Module& module);

}  // namespace ttscale::graph
