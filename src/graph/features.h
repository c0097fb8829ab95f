// SPDX-License-Identifier: MIT
// Finds the values of a graph at which features can be re-standardised, and chooses those where BatchNorm was folded.
#pragma once

#include <map>
#include <string>

#include "graph/sites.h"

namespace ttscale::graph {

/// Whether the node is a convolution of any kind (transposed, mkldnn and prepacked ones included).
bool is_convolution(const torch::jit::Node& node);

/// The bias of a convolution where it is known without running the graph.
std::optional<Origin> convolution_bias(torch::jit::Node& node, const torch::jit::Module& module);

/// Whether the convolution has a bias, known or computed.
bool has_bias(torch::jit::Node& node, const torch::jit::Module& module);

/// The candidates in order of execution: every convolution, and the input of the last linear layer ("features").
/// FoundSite::site says of each whether it can be re-standardised (`adaptable`), whether it is by default (`chosen`),
/// and why or why not (`note`). A convolution is chosen where a folded BatchNorm explains what is seen: it has a bias,
/// no normalisation follows, none but BatchNorm stands right before it, it is not the classifier, not part of a gate on
/// pooled features, and does not make tokens.
/// The features of the last layer are chosen only if `norm_sites` is false and no convolution was.
std::vector<FoundSite> find_features(torch::jit::Graph& graph, const torch::jit::Module& module, bool norm_sites);

/// Outputs of layers that are no convolution: activations, sums, concatenations, pooling, normalisations of each image,
/// linear layers, in order of execution. Their kind is the operator's ("relu", "layer_norm"), their name that of the
/// layer's parameters or the kind with a number. None is chosen unless asked for.
std::vector<FoundSite> find_other_layers(torch::jit::Graph& graph, const torch::jit::Module& module);

}  // namespace ttscale::graph
