// SPDX-License-Identifier: MIT
// Finds the values of a graph at which features can be re-standardised, and chooses those where BatchNorm was folded.
#pragma once

#include <vector>

#include "graph/sites.h"

namespace ttscale::graph {

/// The candidates in order of execution: every convolution, and the input of the last linear layer ("features").
/// FoundSite::site says of each whether it can be re-standardised (`adaptable`), whether it is by default (`chosen`),
/// and why or why not (`note`). A convolution is chosen where a folded BatchNorm explains what is seen: it has a bias,
/// no normalisation follows, none but BatchNorm stands right before it, it is not the classifier, not part of a gate on
/// pooled features, and does not make tokens.
/// The features of the last layer are chosen only if `norm_sites` is false and no convolution was.
std::vector<FoundSite> find_features(torch::jit::Graph& graph, const torch::jit::Module& module, bool norm_sites);

}  // namespace ttscale::graph
