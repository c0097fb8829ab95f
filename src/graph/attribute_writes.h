// SPDX-License-Identifier: MIT
// Tells which nodes write into the module that they belong to.
#pragma once

namespace torch::jit {
struct Node;
}

namespace ttscale::graph {

/// Whether the node writes into the module: a buffer updated in place, whole or through a view, or an attribute set.
/// The batch counter of BatchNorm is not meant: it moves in training only. Calls must be inlined.
bool changes_attribute(torch::jit::Node& node);

}  // namespace ttscale::graph
