// SPDX-License-Identifier: MIT
// Mobile operators, which optimize_for_mobile puts in the place of convolutions and linear layers.
#pragma once

#include <cstdint>

namespace torch::jit {
struct Graph;
struct Module;
}  // namespace torch::jit

namespace ttscale::graph {

/// Replaces each `prepacked::conv2d_clamp_run`, `conv2d_transpose_clamp_run` and `linear_clamp_run` by the convolution
/// or linear layer that it was packed from and the activation that was put into it, so that moments can be taken
/// between the two. The packed object holds weight, bias, geometry and bounds as they were before packing. Those that
/// do not give them (a build of LibTorch that frees the weights) stay as they are. Calls must be inlined. Returns how
/// many were replaced.
std::int64_t unpack_mobile_operators(torch::jit::Graph& graph, const torch::jit::Module& module);

}  // namespace ttscale::graph
