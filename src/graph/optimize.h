// SPDX-License-Identifier: MIT
// A rewritten module made fast: its weights become constants, what follows a site is done in the site's own pass over
// the activations, and convolutions keep their weights as the CPU wants them, in channels_last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace torch::jit {
struct Graph;
struct Module;
}  // namespace torch::jit

namespace ttscale::graph {

/// A copy of a rewritten module on the CPU that computes the same to rounding, for images in channels_last. `kept`
/// names the attributes that its owner will set; everything else is fixed. Throws what LibTorch throws if it cannot be
/// frozen, c10::Error if it writes into itself. Neither its tensors nor its code are shared with the module but for the
/// weights themselves.
torch::jit::Module optimized_copy(const torch::jit::Module& module, const std::vector<std::string>& kept);

/// Whether forward may write into its argument `input` (0: the module itself).
bool writes_into_input(const torch::jit::Module& module, std::size_t input);

/// Puts ttscale::fused_norm and ttscale::fused_restandardize in the place of sites and of the residual addition and the
/// activation that follow them, where nothing else takes the values in between. Conditions that do not depend on the
/// images must be resolved. Returns how many sites.
std::int64_t fuse_sites(torch::jit::Graph& graph);

/// Puts ttscale::convolution in the place of 2-d convolutions with constant weights; their packed weights become
/// attributes of the module, which owns the graph. Returns how many.
std::int64_t pack_convolutions(torch::jit::Module& module, torch::jit::Graph& graph);

/// Puts ttscale::convolution_norm and ttscale::convolution_restandardize in the place of a ttscale::convolution and of
/// the fused site that alone takes its output, so that one can be folded into the other for images that are not
/// measured. Returns how many.
std::int64_t join_convolutions(const std::shared_ptr<torch::jit::Graph>& graph);

/// Has joined convolutions leave the normalisation of their output to the joined convolution that takes it first, where
/// that does it while it reads (ops::PackedConvolution::normalises() and finishes()), and 1x1 convolutions themselves
/// where a depthwise one does them (expands_for()). Returns how many. Nothing may move nodes afterwards: what they
/// leave may be their input, and be overwritten where it is finished, which the operators' schemas do not say.
std::int64_t defer_normalisation(const torch::jit::Module& module, torch::jit::Graph& graph);

}  // namespace ttscale::graph
