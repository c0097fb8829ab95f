// SPDX-License-Identifier: MIT
// What a node of a graph says of itself: its operator, and what is known of its inputs without running it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "graph/walk.h"

namespace ttscale::graph {

/// The qualified name of the operator: "aten::relu".
std::string kind_of(const torch::jit::Node& node);

bool starts_with(std::string_view text, std::string_view prefix);

/// The input as a defined tensor that is known without running the graph; empty for None, for what is computed, and
/// where the operator has no such input.
std::optional<Origin> tensor_origin(torch::jit::Node& node, std::size_t input, const torch::jit::Module& module);

/// The same as dense float64 on the CPU.
std::optional<at::Tensor> known_tensor(torch::jit::Node& node, std::size_t input, const torch::jit::Module& module);

/// Whether the input is None, or left out at the end.
bool is_none(torch::jit::Node& node, std::size_t input, const torch::jit::Module& module);

/// Whether nothing is done between two nodes of a block, the second after the first, that could matter to them.
bool adjacent(const torch::jit::Node& first, const torch::jit::Node& second);

/// Whether the node runs several times in one forward.
bool in_loop(torch::jit::Node& node);

/// The name of the layer that owns the attribute at an input ("layer1.0.conv1"); empty if it is none.
std::string parameter_owner(torch::jit::Node& node, std::size_t input, const torch::jit::Module& module);

}  // namespace ttscale::graph
