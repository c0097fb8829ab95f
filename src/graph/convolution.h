// SPDX-License-Identifier: MIT
// Convolutions of a graph, by whatever operator: plain, traced, transposed, mkldnn.
#pragma once

#include <cstdint>
#include <optional>

#include "graph/walk.h"

namespace ttscale::graph {

/// Positions of the inputs that all operators of convolution have in common.
enum ConvolutionInput : std::size_t { kConvolutionInput = 0, kConvolutionWeight, kConvolutionBias };

/// Whether the node is a convolution of any kind (transposed, mkldnn and prepacked ones included).
bool is_convolution(const torch::jit::Node& node);

/// The dimension of the weight along which output channels lie, if it holds all of them: 0, or 1 for a transposed
/// convolution of one group. Only if its size is the number of channels may they be scaled there.
std::int64_t output_dimension(torch::jit::Node& node, const torch::jit::Module& module);

/// Channels of the output where they are known without running the graph, else 0.
std::int64_t output_channels(torch::jit::Node& node, const torch::jit::Module& module);

/// Whether the convolution has a bias, known or computed.
bool has_bias(torch::jit::Node& node, const torch::jit::Module& module);

}  // namespace ttscale::graph
