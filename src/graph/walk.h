// SPDX-License-Identifier: MIT
// Walking TorchScript graphs: nested blocks, and where a value comes from.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/ivalue.h>

namespace torch::jit {
struct Block;
struct Graph;
struct Module;
struct Node;
struct Value;
}  // namespace torch::jit

namespace ttscale::graph {

/// Inlines all calls of the graph, those in the graphs of forks included.
void inline_calls(torch::jit::Graph& graph);

/// The names of `forward` and of the module's own methods that it calls, itself or through others.
std::set<std::string> methods_of_forward(const torch::jit::Module& module);

/// Puts the branch that is taken in the place of each If on a fixed setting of the module: a flag, or an integer
/// compared with another (scripted code keeps both branches of `if self.use_shortcut:`, and with them the layers that
/// both call). `training` is no fixed setting, and none is that the graph changes. Calls must be inlined.
void resolve_branches(torch::jit::Graph& graph, const torch::jit::Module& module);

/// Calls `visit` for every node of the block in order of execution, those of nested blocks (If, Loop) included.
/// `forked` says whether the node lies in a graph of its own (prim::fork), where the values of the outer graph are not
/// at hand. `visit` may destroy the node it is given.
void for_each_node(torch::jit::Block& block, const std::function<void(torch::jit::Node&, bool forked)>& visit,
                   bool forked = false);

/// A value that is known without running the graph.
struct Origin {
  std::vector<std::string> path;  ///< attributes from the module down to the value; empty for a constant of the graph
  c10::IValue value;
};

/// Follows attributes, constants, casts and branches (where all that do not give None agree) to where a value comes
/// from. Empty if it depends on the input.
std::optional<Origin> trace_origin(torch::jit::Value& value, const torch::jit::Module& module);

/// "layer1.0.bn1" for the path {layer1, 0, bn1, running_mean}: the owner of the attribute.
std::string owner_name(const Origin& origin);

}  // namespace ttscale::graph
